/** The rows of the chaos matrix in which Redis is in trouble while it keeps the limits of a fleet. */
import { describe } from 'node:test';
import { promise } from '../chaos/bounded.ts';
import { REDIS } from '../chaos/rows/redis.ts';

describe('the chaos matrix: Redis in trouble while limiting', () => promise(REDIS));
