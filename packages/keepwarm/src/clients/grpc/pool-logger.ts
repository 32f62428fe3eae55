/** Summaries of a pool as lines of text, at a steady pace, to a function you pass. */
import { type Clock, systemClock, type Timer } from '../../core/clock.ts';
import { checkKnown, checkOptions, checkParts } from '../../core/refusal.ts';
import { invalid, show } from '../options.ts';
import type { GrpcPoolStats } from './pool-stats.ts';
import { startsLeft } from './pool-stats.ts';
import { unknownStarts } from './starts-unknown.ts';

export interface PoolLoggerOptions {
  /** Takes one line, such as `console.log`. */
  readonly write: (line: string) => void;
  /** How often, in ms. Default 10 s. */
  readonly everyMs?: number | undefined;
  /** For tests. */
  readonly clock?: Clock | undefined;
}

const EVERY_MS = 10_000;

export class PoolLogger {
  readonly #pool: { stats(): GrpcPoolStats };
  readonly #write: (line: string) => void;
  readonly #everyMs: number;
  readonly #clock: Clock;
  #timer: Timer | undefined;

  /** @throws NetError `INVALID` for a pace that is none */
  constructor(pool: { stats(): GrpcPoolStats }, options: PoolLoggerOptions) {
    checkOptions('what a logger was given', options);
    checkKnown(options, ['write', 'everyMs', 'clock'], '', ' of a logger');
    checkParts(options);
    const { write, everyMs = EVERY_MS, clock = systemClock } = options;
    if (typeof write !== 'function') throw invalid(`option write of a logger is ${show(write)}; allowed: a function`);
    if (!(typeof everyMs === 'number' && everyMs > 0)) {
      throw invalid(`option everyMs of a logger is ${show(everyMs)}; allowed: a number above 0`);
    }
    this.#pool = pool;
    this.#write = write;
    this.#everyMs = everyMs;
    this.#clock = clock;
  }

  /** Begins; twice is harmless. It does not keep the process alive. */
  start(): this {
    if (this.#timer === undefined) this.#arm();
    return this;
  }

  /** Twice is harmless. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Writes one summary now. */
  log(): void {
    for (const line of poolLines(this.#pool.stats())) this.#write(line);
  }

  #arm(): void {
    this.#timer = this.#clock.after(this.#everyMs, () => {
      this.#arm();
      this.log();
    });
  }
}

/** One line for the pool, one for each lease. */
export function poolLines(stats: GrpcPoolStats): string[] {
  const { connections, leases, streams, connectionRate, reconnects, messagesPerSecond } = stats;
  const { ready, opening, draining, max } = connections;
  const left = startsLeft(connectionRate);
  const starts = left === undefined ? 'no limit on starts' : `${left}/${connectionRate!.limit} starts left`;
  const waiting = leases.waiting + streams.waiting > 0 ? `, ${leases.waiting + streams.waiting} waiting` : '';
  const first =
    `[grpc-pool] ${ready} ready, ${opening} opening, ${draining} draining of ${max} connections; ` +
    `${leases.held} leases, ${streams.live} streams${waiting}; ${messagesPerSecond.toFixed(1)} messages/s; ` +
    `${starts}; ${reconnects} reconnects`;
  const each = leases.list.map(({ name, exclusive, group, state, connections: on, messagesPerSecond: rate }) => {
    const where = on.length === 0 ? 'no stream' : `on ${on.map((id) => `#${id}`).join(', ')}`;
    const how = exclusive ? 'exclusive' : `group ${group}`;
    return `[grpc-pool]   ${name} (${how}, ${state}): ${where}, ${rate.toFixed(1)} messages/s`;
  });
  const unknown = leases.waiting > 0 ? unknownStarts(connectionRate) : undefined;
  return [first, ...(unknown === undefined ? [] : [`[grpc-pool]   ${unknown}`]), ...each];
}
