/** The rows of the chaos matrix in which the peer answers, badly. `npm run chaos` runs them at their full size. */
import { describe } from 'node:test';
import { promise } from '../chaos/bounded.ts';
import { OVERLOAD } from '../chaos/rows/overload.ts';
import { RESETS } from '../chaos/rows/resets.ts';
import { SLOW } from '../chaos/rows/slow.ts';

describe('the chaos matrix: a peer that answers badly', () => promise([...RESETS, ...OVERLOAD, ...SLOW]));
