/** What happens to the last endpoint of five, or of three, while the others go on as ever. */
import { type Behaviour, STEADY } from './model.ts';

export interface SimScenario {
  readonly name: string;
  readonly endpoints: number;
  /** Of the last one. */
  readonly behaviour: Behaviour;
  /** Clients that share the endpoints and the calls, each with a set of its own; 1 when left out. */
  readonly clients?: number;
  /** Of the others; `STEADY` when left out. */
  readonly others?: Behaviour;
  /** From when to when it is in trouble, in ms. */
  readonly trouble: readonly [fromMs: number, toMs: number];
}

/** Length of a run, in ms; calls per second over all endpoints. */
export const RUN_MS = 90_000;
export const PER_SECOND = 200;

const TROUBLE = [20_000, 50_000] as const;
const during = (then: Partial<ReturnType<Behaviour>>): Behaviour => {
  const troubled = { ...STEADY, ...then };
  return (now) => (now >= TROUBLE[0] && now < TROUBLE[1] ? troubled : STEADY);
};

/** Two workers each: five endpoints are busy half of their time, and any one of them alone would be swamped. */
const SMALL: Behaviour = () => ({ ...STEADY, workers: 2 });

export const SIM_SCENARIOS: readonly SimScenario[] = [
  { name: 'all well', endpoints: 5, behaviour: () => STEADY, trouble: TROUBLE },
  {
    name: 'cold start: its first 200 calls take 10×',
    endpoints: 5,
    behaviour: (_, count) => (count < 200 ? { ...STEADY, medianMs: 200 } : STEADY),
    trouble: [0, 30_000],
  },
  { name: 'slow, then fast: 10× for 30 s', endpoints: 5, behaviour: during({ medianMs: 200 }), trouble: TROUBLE },
  { name: 'a tenth of the capacity', endpoints: 3, behaviour: () => ({ ...STEADY, workers: 1 }), trouble: [0, RUN_MS] },
  {
    name: 'failing: half of its calls, at once',
    endpoints: 5,
    behaviour: (now, _, random) =>
      now >= TROUBLE[0] && now < TROUBLE[1] && random() < 0.5 ? { ...STEADY, ends: 'broken' } : STEADY,
    trouble: TROUBLE,
  },
  { name: 'refusing: 429 to all, at once', endpoints: 5, behaviour: during({ ends: 'refused' }), trouble: TROUBLE },
  { name: 'a fleet of 40 clients', endpoints: 5, clients: 40, behaviour: SMALL, others: SMALL, trouble: TROUBLE },
  { name: 'black hole, one of three', endpoints: 3, behaviour: during({ ends: 'lost' }), trouble: TROUBLE },
];
