/**
 * Interleaves short slices of every contestant in rounds, one at a time, and takes ratios within a round: what else
 * the machine does meanwhile falls on all of them alike. Each round starts with another contestant, and every second
 * one goes the other way round, so that none always follows the same neighbour.
 */
import type { Contestant } from './contestant.ts';
import type { SliceResult } from './load.ts';
import { pairedRatio } from './statistics.ts';
import { unlessTrial } from './trial.ts';

export interface Plan {
  /** One unmeasured slice for each contestant, in ms: its code gets compiled, its connections get opened. */
  readonly warmMs: number;
  /** The same for one whose code is compiled already. */
  readonly warmAgainMs: number;
  readonly leadMs: number;
  readonly sliceMs: number;
  readonly roundsMin: number;
  readonly roundsMax: number;
  /** No round is begun that would end later than this after the start, in ms; except the first `roundsMin`. */
  readonly budgetMs: number;
}

export interface Outcome {
  readonly name: string;
  /** One for each round; shorter where the contestant failed. */
  readonly slices: readonly SliceResult[];
  /** Why it was not measured, or no further. */
  readonly failure: string | undefined;
}

/** Any plan, in a trial. */
export const TRIAL_PLAN: Plan = {
  ...{ warmMs: 10, warmAgainMs: 10, leadMs: 0, sliceMs: 10 },
  ...{ roundsMin: 1, roundsMax: 1, budgetMs: 0 },
};

/** So that a trial need not open hundreds of connections. */
const TRIAL_IN_FLIGHT_MAX = 4;

/** Paired ratios that vary by less than this in all rounds are settled: more rounds would tell nothing new. */
const SETTLED_SPREAD = 0.03;
const SETTLED_ROUNDS_MIN = 5;

class Lane {
  readonly contestant: Contestant;
  readonly slices: SliceResult[] = [];
  failure: string | undefined;

  constructor(contestant: Contestant) {
    this.contestant = contestant;
  }

  async run(inFlight: number, sliceMs: number, leadMs: number): Promise<SliceResult | undefined> {
    if (this.failure !== undefined) return undefined;
    try {
      return await this.contestant.slice({ inFlight, sliceMs, leadMs });
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }
}

export async function compare(contestants: readonly Contestant[], calls: number, full: Plan): Promise<Outcome[]> {
  const inFlight = unlessTrial(calls, Math.min(calls, TRIAL_IN_FLIGHT_MAX));
  const plan = unlessTrial(full, TRIAL_PLAN);
  const lanes = contestants.map((contestant) => new Lane(contestant));
  const startMs = performance.now();
  for (const lane of lanes) {
    await lane.run(inFlight, lane.contestant.seasoned ? plan.warmAgainMs : plan.warmMs, 0);
  }

  for (let round = 0; round < plan.roundsMax && !isSettled(lanes); round++) {
    const roundMs = performance.now();
    for (const lane of turns(lanes, round)) {
      const result = await lane.run(inFlight, plan.sliceMs, plan.leadMs);
      if (result !== undefined) lane.slices.push(result);
    }
    const endMs = performance.now();
    if (round + 1 >= plan.roundsMin && endMs - startMs + (endMs - roundMs) > plan.budgetMs) break;
  }
  return lanes.map(({ contestant, slices, failure }) => ({ name: contestant.name, slices, failure }));
}

/** Everybody, in the order of a round. */
function turns<T>(all: readonly T[], round: number): T[] {
  const first = round % all.length;
  const onwards = [...all.slice(first), ...all.slice(0, first)];
  return round % 2 === 0 ? onwards : [...onwards.slice(0, 1), ...onwards.slice(1).reverse()];
}

function isSettled(lanes: readonly Lane[]): boolean {
  const rates = lanes.filter(({ failure }) => failure === undefined).map(({ slices }) => ratesOf(slices));
  const [reference] = rates;
  if (reference === undefined || reference.length < SETTLED_ROUNDS_MIN) return false;
  return rates.every((other) => {
    const ratio = pairedRatio(other, reference);
    return ratio !== undefined && (ratio.max - ratio.min) / ratio.median < SETTLED_SPREAD;
  });
}

export const ratesOf = (slices: readonly SliceResult[]): number[] => slices.map(({ callsPerSecond }) => callsPerSecond);
