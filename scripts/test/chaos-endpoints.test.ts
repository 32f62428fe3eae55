/** The rows of the chaos matrix in which one of several endpoints is in trouble. */
import { describe } from 'node:test';
import { promise } from '../chaos/bounded.ts';
import { ENDPOINTS } from '../chaos/rows/endpoints.ts';

describe('the chaos matrix: some of several endpoints in trouble', () => promise(ENDPOINTS));
