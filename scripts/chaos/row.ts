/** One row of the matrix: a fault, the policies that stand against it, the load, and what must come of it. */
import { type Client, type ClientOptions, createClient } from 'keepwarm';
import { type Figures, figuresOf } from './figures.ts';
import { type Load, loadOn } from './load.ts';
import type { Plan } from './peer/main.ts';
import type { Peer, Served } from './peer/peer.ts';

export interface Expectation {
  readonly words: string;
  holds(figures: Figures): boolean;
  /** Whether it is about speed. */
  readonly timed: boolean;
}

export interface Row {
  readonly name: string;
  /** The fault in words. */
  readonly fault: string;
  /** The policies in words: the options that matter. */
  readonly policies: string;
  readonly expected: readonly Expectation[];
  run(stage: Stage): Promise<Figures>;
}

export interface RowResult {
  readonly row: Row;
  readonly figures: Figures | undefined;
  /** Expectations that did not hold, in words, or what was thrown. */
  readonly missed: readonly string[];
  readonly elapsedMs: number;
}

/** A row takes seconds, the longest 80; one that takes longer than this has a call that never ends. */
const ROW_MS = 150_000;

/** Holds in every row, whatever else is expected of it. */
const NEVER_TWICE = expect('no POST reaches the peer twice', ({ duplicates }) => duplicates === 0);
const NEVER_WRONG = expect('no answer is cut short or another call’s', ({ ends }) => (ends['WRONG'] ?? 0) === 0);
export const ALWAYS: readonly Expectation[] = [NEVER_TWICE, NEVER_WRONG];

/**
 * All but one in 10,000; or all but one where there are fewer, as chance decides about one. Five attempts of which each
 * fails once in ten lose one call in 100,000.
 */
export const NEARLY_ALL = expect(
  '≥ 99.99 % of the idempotent calls succeed',
  ({ reads, readsOk }) => (1 - readsOk) * reads <= Math.max(1, reads / 10_000),
);

/**
 * What the policies add to the traffic. A fifth is what comes of it when the machine keeps up; what a busy one takes
 * for timeouts is bounded by the budget's defaults alone: 20 % of the calls, and 10 per second, those of its window in
 * advance.
 */
export const EXTRA: readonly Expectation[] = [
  expectSpeed('extra traffic ≤ 20 %', ({ extra }) => extra <= 0.2),
  expect('and no more than the budget grants', ({ extra, calls, lastedMs }) => {
    return extra * calls <= 0.2 * calls + 10 * (10 + lastedMs / 1_000);
  }),
];

export function expect(words: string, holds: (figures: Figures) => boolean): Expectation {
  return { words, holds, timed: false };
}

/**
 * An expectation about speed, or about what happens within a stretch of time: judged in a full run only, as a machine
 * that runs tests is busy with something else. The others hold at any speed.
 */
export function expectSpeed(words: string, holds: (figures: Figures) => boolean): Expectation {
  return { words, holds, timed: true };
}

/** What a row has at hand. Whatever it starts here is ended with the row. */
export class Stage {
  /** The sizes that show it, minutes in all; otherwise those that fit into the tests. */
  readonly full: boolean;
  readonly #peer: Peer;
  readonly #served: Served[] = [];
  readonly #clients: Client[] = [];

  constructor(peer: Peer, full: boolean) {
    this.#peer = peer;
    this.full = full;
  }

  /** Of the two lengths or counts, the one that belongs to this run. */
  pick<T>(full: T, bounded: T): T {
    return this.full ? full : bounded;
  }

  async serve(plan: Plan): Promise<Served> {
    const served = await this.#peer.serve(plan);
    this.#served.push(served);
    return served;
  }

  /** No policy is on that the row does not name, whatever the defaults are. */
  client(options: ClientOptions): Client {
    const client = createClient({ retry: false, hedge: false, breaker: false, ...options });
    this.#clients.push(client);
    return client;
  }

  /** The plain case: one peer, one client, one load. */
  async measure(plan: Plan, options: ClientOptions, load: Load): Promise<Figures> {
    const served = await this.serve(plan);
    const client = this.client({ ...options, origin: served.origin });
    const outcomes = await loadOn(client, load);
    return figuresOf(outcomes, await served.close());
  }

  async clear(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await Promise.all(this.#served.map((served) => served.close()));
  }
}

export async function runRow(row: Row, peer: Peer, full: boolean): Promise<RowResult> {
  const stage = new Stage(peer, full);
  const since = performance.now();
  const hung = Promise.withResolvers<never>();
  const limit = setTimeout(() => hung.reject(new Error(`not over after ${ROW_MS / 1_000} s`)), ROW_MS);
  const done = (figures: Figures | undefined, missed: readonly string[]): RowResult => ({
    row,
    figures,
    missed,
    elapsedMs: performance.now() - since,
  });
  try {
    const figures = await Promise.race([row.run(stage), hung.promise]);
    const missed = [...row.expected, ...ALWAYS].filter(({ holds, timed }) => (full || !timed) && !holds(figures));
    return done(
      figures,
      missed.map(({ words }) => words),
    );
  } catch (error) {
    return done(undefined, [error instanceof Error ? `${error.name}: ${error.message}` : String(error)]);
  } finally {
    clearTimeout(limit);
    await stage.clear();
  }
}
