/**
 * Answers kept for as long as the adapter says of their method. What depends on the head of the chain is forgotten when
 * this client may have changed something, so that who has written reads what it wrote.
 *
 * Answers are kept as text and read anew for each caller: none sees what another does to its own.
 */
import type { Clock } from '../../core/clock.ts';
import { exactText, parseExact } from '../../wire/jsonrpc/numbers.ts';
import type { RpcCacheOptions } from './options.ts';
import type { Plan } from './plan.ts';

interface Entry {
  readonly text: string;
  readonly expiresAt: number;
  /** Writes there had been when it was asked for; nothing where they make no difference. */
  readonly writes: number | undefined;
}

export interface RpcCacheSnapshot {
  readonly entries: number;
  readonly hits: number;
  readonly kept: number;
}

export class RpcCache {
  readonly #options: RpcCacheOptions;
  readonly #clock: Clock;
  /** In the order of their use, the one used longest ago first. */
  readonly #entries = new Map<string, Entry>();
  #writes = 0;
  #hits = 0;
  #kept = 0;

  constructor(options: RpcCacheOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** The instant from which on an answer is fresh: to be given to `keep` with what came. */
  get writes(): number {
    return this.#writes;
  }

  /** @returns the answer in a list of one; nothing where there is none */
  find(key: string, exact: boolean): readonly [unknown] | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    const stale = entry.writes !== undefined && entry.writes !== this.#writes;
    if (stale || entry.expiresAt <= this.#clock.now()) return undefined;
    this.#entries.set(key, entry);
    this.#hits++;
    return [exact ? parseExact(entry.text) : JSON.parse(entry.text)];
  }

  /** @param writes as `writes` was when it was asked for @param head of the chain, where it is known */
  keep(key: string, { traits }: Plan, asked: { params: unknown; writes: number; head?: number }, value: unknown): void {
    const { cacheMs = 0, freshness = 'head', mayKeep } = traits;
    if (!(cacheMs > 0) || mayKeep?.(value, asked.params, asked.head) === false) return;
    const ofHead = freshness === 'head' && cacheMs !== Number.POSITIVE_INFINITY;
    if (ofHead && asked.writes !== this.#writes) return;
    const text = textOf(value);
    if (text === undefined || text.length > this.#options.charsMax) return;
    this.#entries.delete(key);
    const expiresAt = this.#clock.now() + cacheMs;
    this.#entries.set(key, { text, expiresAt, writes: ofHead ? asked.writes : undefined });
    this.#kept++;
    if (this.#entries.size <= this.#options.entriesMax) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
  }

  /** Something may be changed, or has been. */
  changed(): void {
    this.#writes++;
  }

  snapshot(): RpcCacheSnapshot {
    return { entries: this.#entries.size, hits: this.#hits, kept: this.#kept };
  }
}

/** @returns nothing for what is nested so deep that it cannot be written: nobody has to keep it */
function textOf(value: unknown): string | undefined {
  try {
    return exactText(value);
  } catch {
    return undefined;
  }
}
