import type { CallRow } from '../src/rows.ts';

/** A measured row; a test names what it is about. */
export const aRow = (about: Partial<CallRow> = {}): CallRow => ({
  scenario: 'http-100B-50',
  client: 'keepwarm',
  inFlight: 50,
  callsPerSecond: 72_649,
  callsPerSecondMin: 70_000,
  callsPerSecondMax: 75_000,
  cpuMicros: 12.5,
  p50Ms: 0.6,
  p99Ms: 1.9,
  errors: 0,
  slices: 3,
  ratios: {},
  ...about,
});
