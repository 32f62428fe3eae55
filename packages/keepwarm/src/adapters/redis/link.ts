/**
 * One question at a time to Redis, each with an end: an answer within `redisMs`, or none. An answer that comes later is
 * not looked at; what it granted is taken back by the next report, which does not speak of it.
 */
import type { Clock, Timer } from '../../core/clock.ts';
import { SCRIPT, SCRIPT_SHA } from './script.ts';

/** What is needed of a client: ioredis and iovalkey have it, and so have their classes for sharded servers. */
export interface RedisClient {
  evalsha(sha: string, keyCount: number, ...keysAndArgs: (string | number)[]): Promise<unknown>;
  eval(script: string, keyCount: number, ...keysAndArgs: (string | number)[]): Promise<unknown>;
}

/** Questions without an answer that may pile up in the client while Redis hangs. Beyond, none is asked. */
const PENDING_MAX = 4;

/** From a failure to the next question, in ms: well within the 5 s in which a limiter is to be back. */
export const RETRY_MS = 500;

/** What is run: answers begin with `ok`. */
export interface LinkScript {
  readonly text: string;
  /** Its SHA-1, by which Redis knows it. */
  readonly sha: string;
}

export type Answer = readonly unknown[] | undefined;

export class RedisLink {
  /** Instant of the last failure that no success followed; nothing while all is well. */
  lostAt: number | undefined;
  /** When that was noticed: nothing was granted to this process after it. */
  noticedAt = Number.NEGATIVE_INFINITY;
  lastError: unknown;
  asks = 0;
  losses = 0;
  readonly #client: RedisClient;
  readonly #clock: Clock;
  readonly #redisMs: number;
  readonly #script: LinkScript;
  #askedAt = Number.NEGATIVE_INFINITY;
  #pending = 0;
  #question = 0;
  #timer: Timer | undefined;

  constructor(
    client: RedisClient,
    clock: Clock,
    redisMs: number,
    script: LinkScript = { text: SCRIPT, sha: SCRIPT_SHA },
  ) {
    this.#script = script;
    this.#client = client;
    this.#clock = clock;
    this.#redisMs = redisMs;
  }

  /** Whether a question is open. */
  get asking(): boolean {
    return this.#timer !== undefined;
  }

  /** The instant at which the next question makes sense. */
  get retryAt(): number {
    return this.lostAt === undefined ? Number.NEGATIVE_INFINITY : this.#askedAt + RETRY_MS;
  }

  /** `answered` is called once, at most `redisMs` from now: with the script's answer, or nothing. */
  ask(keys: readonly string[], args: readonly (string | number)[], answered: (answer: Answer) => void): void {
    const question = ++this.#question;
    const now = this.#clock.now();
    this.#askedAt = now;
    this.asks++;
    const end = (answer: Answer, error?: unknown) => {
      if (question !== this.#question || this.#timer === undefined) return;
      this.#timer.cancel();
      this.#timer = undefined;
      // After a stall the answer may be read before the timer runs: by then it is as old as if there were none.
      const inTime = answer !== undefined && this.#clock.now() - now <= this.#redisMs;
      if (inTime) this.lostAt = undefined;
      else {
        if (this.lostAt === undefined) this.noticedAt = this.#clock.now();
        this.lostAt ??= now;
        this.losses++;
        this.lastError = error ?? new Error(`Redis did not answer within redisMs, ${this.#redisMs}`);
      }
      answered(inTime ? answer : undefined);
    };
    this.#timer = this.#clock.after(this.#redisMs, () => end(undefined));
    if (this.#pending >= PENDING_MAX) return;
    this.#pending++;
    this.#run([keys.length, ...keys, ...args]).then(
      (answer) => {
        this.#pending--;
        if (Array.isArray(answer) && answer[0] === 'ok') end(answer);
        else end(undefined, new Error(`Redis answered ${String(answer)} to the script of a rate limit`));
      },
      (error: unknown) => {
        this.#pending--;
        end(undefined, error);
      },
    );
  }

  close(): void {
    this.#question++;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** By its digest first, which is all Redis needs once it knows the script; it forgets scripts when it restarts. */
  async #run([keyCount, ...rest]: [number, ...(string | number)[]]): Promise<unknown> {
    try {
      return await this.#client.evalsha(this.#script.sha, keyCount, ...rest);
    } catch (error) {
      if (!String((error as Error | undefined)?.message).startsWith('NOSCRIPT')) throw error;
      return this.#client.eval(this.#script.text, keyCount, ...rest);
    }
  }
}
