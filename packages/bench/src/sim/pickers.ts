/** The pickers to choose from: those of the library, and two it might have had. */
import type { BalanceOptions, BalanceParts } from 'keepwarm';

type Choose = NonNullable<BalanceParts['choose']>;

export interface SimPicker {
  readonly name: string;
  readonly options: Partial<BalanceOptions>;
  readonly choose?: Choose;
}

/** Two draws, compared by calls in flight alone: what Envoy and nginx do. */
const fewestOfTwo: Choose = (from, _, random) => {
  const first = Math.floor(random() * from.length);
  const second = (first + 1 + Math.floor(random() * (from.length - 1))) % from.length;
  return from[second].inFlight < from[first].inFlight ? from[second] : from[first];
};

/** Everybody looks at everyone: the best of all gets all calls until it is not. */
const leastLoaded: Choose = (from, now) =>
  from.reduce((best, each) => (each.loadAt(now) < best.loadAt(now) ? each : best));

/** Nobody is ejected: what the picker is worth by itself. */
const ALONE: Partial<BalanceOptions> = { ejectedShareMax: 0 };

export const SIM_PICKERS: readonly SimPicker[] = [
  { name: 'random', options: { picker: 'random' } },
  { name: 'round-robin', options: { picker: 'round-robin' } },
  { name: 'fewest in flight of 2', options: {}, choose: fewestOfTwo },
  { name: 'least load of all', options: {}, choose: leastLoaded },
  { name: 'p2c (the default)', options: { picker: 'p2c' } },
  { name: 'round-robin, no ejection', options: { ...ALONE, picker: 'round-robin' } },
  { name: 'p2c, no ejection', options: { ...ALONE, picker: 'p2c' } },
  { name: 'p2c, no penalty', options: { picker: 'p2c', penaltyMs: 0 } },
];
