/** The rows of the chaos matrix in which somebody is away, changed or leaving. */
import { describe } from 'node:test';
import { promise } from '../chaos/bounded.ts';
import { CHANGES } from '../chaos/rows/changes.ts';
import { OURSELVES } from '../chaos/rows/ourselves.ts';
import { OUTAGES } from '../chaos/rows/outages.ts';

describe('the chaos matrix: somebody away, changed or leaving', () => promise([...OUTAGES, ...CHANGES, ...OURSELVES]));
