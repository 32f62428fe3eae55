/**
 * The limit on opening connections, for a whole fleet: every process asks the same Redis or Valkey, and no window holds
 * more than the limit, as the provider counts.
 *
 *   hello ──answer──▶ with Redis ⇄ asking ──no answer within redisMs──▶ lost ──answer──▶ with Redis
 *                                                closed: nothing is opened
 *                                                share: limit ÷ processes, once it is certain that this is set aside
 *
 * Invariants, true whenever no method is running:
 *   (1) With Redis: nobody starts whom Redis has not granted it, in an answer no older than redisMs.
 *   (2) Lost: nobody starts, or with `share` no more than the share, and not before Redis can have granted it to
 *       others: `presentMs` after it last heard that this process is there, and as long as a grant may count.
 *   (3) It says that it is there only when it starts nothing on its own, and has said all that it has started.
 *   (4) Reconnects go before growth, the oldest of each first. waiting ≤ waitersMax.
 *   (5) One question at a time; one timer, and none when nothing waits, is under way or is to be said.
 */
import { randomUUID } from 'node:crypto';
import { type Clock, systemClock, type Timer } from '../../core/clock.ts';
import type { ConnectionLimiter, Start, StartKind } from '../../pool/start-gate.ts';
import { StartLanes } from '../../pool/start-lanes.ts';
import { StartPenalties } from '../../pool/start-penalties.ts';
import { FleetClock } from './fleet-clock.ts';
import { type Answer, RedisLink } from './link.ts';
import { holdOf, OwnStarts } from './own-starts.ts';
import type { RedisRateSnapshot } from './rate-snapshot.ts';
import { type RedisConnectionRateOptions, type SettledRedisRate, settleRedisRate } from './start-options.ts';
import { START_SCRIPT, START_SCRIPT_SHA } from './start-script.ts';

/** Starts asked for in one question. */
const ASKS_MAX = 32;
/** Places come free elsewhere at instants nobody knows of: asked again after this long, in ms, while anyone waits. */
const GUESS_MS = 250;
/** A settlement may be told this much later, in ms: meanwhile it counts as under way, which is longer. */
const REPORT_MS = 250;

interface Asked {
  readonly at: number;
  readonly kinds: readonly StartKind[];
  readonly firstId: number;
  readonly givenBack: readonly number[];
  readonly pause: number;
}

/** @throws NetError `INVALID` naming the option */
export function redisConnectionRate({
  clock = systemClock,
  ...options
}: RedisConnectionRateOptions): RedisConnectionRate {
  return new RedisConnectionRate(settleRedisRate(options), clock, randomUUID());
}

export class RedisConnectionRate implements ConnectionLimiter {
  readonly #options: SettledRedisRate;
  readonly #clock: Clock;
  readonly #process: string;
  readonly #link: RedisLink;
  readonly #own: OwnStarts;
  readonly #fleetClock = new FleetClock();
  readonly #lanes: StartLanes;
  readonly #penalties: StartPenalties;
  readonly #holdMs: number;
  readonly #begunAt: number;
  #epoch = '';
  #ids = 0;
  #granted = 0;
  /** By Redis's last word: places taken, those of others among them, and places there are. */
  #fleetUsed = 0;
  #othersUsed = 0;
  #room: number;
  #heardAt = Number.NEGATIVE_INFINITY;
  #pausedUntil = Number.NEGATIVE_INFINITY;
  /** A pause that Redis is still to be told of. What it has told us is not told again: it would grow by each delay. */
  #untold = Number.NEGATIVE_INFINITY;
  /** Redis may take this process for there until then, and others may hold what it was granted in its place. */
  #setAsideAt: number;
  /** Asking for a start of this kind makes no sense before. */
  readonly #askAt: Record<StartKind, number> = { reconnect: 0, growth: 0 };
  /** When Redis is to hear of this process again, at the latest. */
  #reportAt = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  #closed = false;

  /** @internal */
  constructor(options: SettledRedisRate, clock: Clock, process: string) {
    this.#options = options;
    this.#clock = clock;
    this.#process = process;
    this.#link = new RedisLink(options.client, clock, options.redisMs, { text: START_SCRIPT, sha: START_SCRIPT_SHA });
    this.#own = new OwnStarts(options);
    this.#lanes = new StartLanes(options, () => this.#turn());
    this.#penalties = new StartPenalties(options);
    this.#holdMs = holdOf(options);
    this.#begunAt = clock.now();
    this.#room = options.limit;
    // Whoever was there before this process may have been heard of until just now.
    this.#setAsideAt = this.#begunAt + options.presentMs + this.#holdMs;
    if (options.share > 0) this.#reportAt = this.#begunAt;
    this.#turn();
  }

  start(kind: StartKind, signal?: AbortSignal): Promise<Start> {
    const start = this.#lanes.join(kind, signal);
    this.#turn();
    return start;
  }

  admits(kind: StartKind): boolean {
    const now = this.#clock.now();
    const { reserve, windowMs } = this.#options;
    if (this.#closed || this.#lanes.size > 0 || now < this.#pausedUntil) return false;
    if (this.#link.lostAt !== undefined) return this.#aloneAt(kind, now) <= now;
    // A word that is older than a window says nothing of now.
    const others = now < this.#heardAt + windowMs ? this.#othersUsed : 0;
    const used = this.#own.used(now) + others + (kind === 'growth' ? reserve : 0);
    return used < this.#room && this.#askAt[kind] <= now;
  }

  penalise(askedMs?: number): void {
    this.#pause(this.#penalties.refused(this.#clock.now(), askedMs));
  }

  snapshot(): RedisRateSnapshot {
    const { name, limit, windowMs, reserve, onLoss } = this.#options;
    const now = this.#clock.now();
    const { lostAt, asks, losses, lastError } = this.#link;
    const cause = lastError instanceof Error ? lastError.message : lastError;
    return {
      name,
      limit,
      windowMs,
      reserve,
      used: this.#own.used(now),
      underWay: this.#own.underWay,
      waiting: this.#lanes.size,
      granted: this.#granted,
      penalties: this.#penalties.count,
      pausedMs: Math.max(this.#pausedUntil - now, 0),
      redis: {
        state: lostAt === undefined ? 'up' : onLoss,
        lostMs: lostAt === undefined ? 0 : now - lostAt,
        asks,
        losses,
        lastError: cause === undefined ? undefined : String(cause),
        used: this.#fleetUsed,
      },
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#lanes.close();
    // What is settled already need not be held up for the others; whether this is heard, nobody waits for.
    if (!this.#link.asking && this.#own.used(this.#clock.now()) > 0) this.#ask(this.#clock.now(), false);
    this.#closed = true;
    this.#timer?.cancel();
    this.#link.close();
  }

  #pause(until: number): void {
    this.#pausedUntil = this.#untold = Math.max(this.#pausedUntil, until);
    this.#reportWithin(0);
    this.#turn();
  }

  #begin(id: number): Start {
    this.#own.begin(id);
    this.#granted++;
    const { attemptMs } = this.#options;
    this.#reportWithin(attemptMs / 2);
    let over = false;
    const once = (end: () => void, withinMs: number) => (): void => {
      if (over) return;
      over = true;
      end();
      this.#reportWithin(withinMs);
      this.#turn();
    };
    return {
      settled: once(() => this.#own.settle(id, this.#clock.now()), REPORT_MS),
      thrownOut: once(() => {
        const now = this.#clock.now();
        this.#own.settle(id, now);
        this.#pause(this.#penalties.thrownOut(now));
      }, 0),
      lost: once(() => this.#own.lose(id, this.#clock.now()), REPORT_MS),
      cancelled: once(() => {
        this.#own.cancel(id);
        this.#askAt.growth = this.#askAt.reconnect = Number.NEGATIVE_INFINITY;
      }, 0),
    };
  }

  /** Does what is due, and sees to it that this is called again in time. */
  #turn(): void {
    if (this.#closed || this.#link.asking) return;
    const now = this.#clock.now();
    const aloneAt = this.#startAlone(now);
    const wanted = this.#lanes.first;
    const growthAt = this.#lanes.waits('growth') ? this.#askAt.growth : Number.POSITIVE_INFINITY;
    const askAt = wanted === undefined ? growthAt : Math.min(this.#askAt[wanted], growthAt);
    const dueAt = Math.max(Math.min(askAt, this.#reportAt), this.#link.retryAt);
    if (dueAt <= now) return this.#ask(now, true);
    this.#timer?.cancel();
    this.#timer = undefined;
    const at = Math.min(dueAt, aloneAt);
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.after(Math.max(Math.ceil(at - now), 1), () => this.#turn());
  }

  /** Starts whoever may start without Redis. @returns when the next may */
  #startAlone(now: number): number {
    if (this.#link.lostAt === undefined) return Number.POSITIVE_INFINITY;
    for (let kind = this.#lanes.first; kind !== undefined; kind = this.#lanes.first) {
      const at = this.#aloneAt(kind, now);
      if (at > now) return at;
      this.#lanes.grant(kind, this.#begin(++this.#ids));
    }
    return Number.POSITIVE_INFINITY;
  }

  /** The earliest instant at which this process may open one on its own: (2). */
  #aloneAt(kind: StartKind, now: number): number {
    const { share, reserve, limit } = this.#options;
    const most = share - (kind === 'growth' ? Math.floor((share * reserve) / limit) : 0);
    if (share === 0) return Number.POSITIVE_INFINITY;
    return Math.max(this.#own.belowAt(most, now), this.#setAsideAt, this.#pausedUntil);
  }

  #ask(now: number, wants: boolean): void {
    const { name, prefix, limit, reserve, redisMs, assumed, share, processes, presentMs } = this.#options;
    this.#timer?.cancel();
    this.#timer = undefined;
    const latestUs = this.#fleetClock.latestUs(now, 2 * redisMs);
    // The first question after a loss is no more than a hello: by its answer all that was started is known there (3).
    const isThere = this.#link.lostAt === undefined && latestUs > 0;
    const kinds = isThere && wants ? this.#lanes.due(this.#askAt, now, ASKS_MAX) : [];
    const present = isThere && share > 0 && wants && (assumedEmpty(assumed) || now >= this.#begunAt + this.#holdMs);
    if (present) this.#setAsideAt = now + 3 * redisMs + presentMs + this.#holdMs;
    const firstId = this.#ids + 1;
    this.#ids += kinds.length;
    const pauseUs = Math.max(Math.ceil((this.#untold - now) * 1_000), 0);
    const args: (string | number)[] = [this.#process, this.#epoch, latestUs];
    args.push(limit, reserve, this.#holdMs * 1_000, pauseUs, assumed);
    args.push(share, processes, present ? presentMs * 1_000 : 0, ...this.#own.report(now), kinds.length);
    for (const [i, kind] of kinds.entries()) args.push(firstId + i, kind);
    const asked: Asked = { at: now, kinds, firstId, givenBack: this.#own.givenBack, pause: this.#untold };
    this.#reportAt = Number.POSITIVE_INFINITY;
    this.#link.ask([`${prefix}:starts:${name}`], args, (answer) => this.#answered(asked, answer));
  }

  #answered(asked: Asked, answer: Answer): void {
    const now = this.#clock.now();
    const { kinds, firstId } = asked;
    if (answer !== undefined) this.#fleetClock.heard(Number(answer[2]), asked.at);
    const heard = answer !== undefined && answer[1] !== 'late';
    if (!heard) {
      for (let i = 0; i < kinds.length; i++) this.#own.giveBack(firstId + i);
      this.#reportAgain(now);
      return this.#turn();
    }
    const [, epoch, , grants, hintUs, barUs, used, room] = answer;
    this.#epoch = String(epoch);
    this.#own.heard(asked.givenBack);
    this.#fleetUsed = Number(used);
    this.#room = Number(room);
    this.#heardAt = now;
    if (this.#untold === asked.pause) this.#untold = Number.NEGATIVE_INFINITY;
    this.#pausedUntil = Math.max(this.#pausedUntil, asked.at + Number(barUs) / 1_000);
    for (const [i, kind] of kinds.entries()) {
      const id = firstId + i;
      if (String(grants)[i] !== '1') this.#refused(kind, Number(hintUs) / 1_000, now);
      else if (this.#lanes.waits(kind)) this.#lanes.grant(kind, this.#begin(id));
      else this.#own.giveBack(id);
    }
    this.#othersUsed = Math.max(this.#fleetUsed - this.#own.used(now), 0);
    this.#reportAgain(now);
    this.#turn();
  }

  /** Sees to it that Redis hears again what it has not heard, and what is to be said again and again. */
  #reportAgain(now: number): void {
    const { share, presentMs, attemptMs } = this.#options;
    const lost = this.#link.lostAt !== undefined && this.#own.used(now) > 0;
    if (lost || this.#own.givenBack.length > 0 || this.#untold > now) this.#reportWithin(0);
    if (this.#own.underWay > 0) this.#reportWithin(attemptMs / 2);
    if (share > 0) this.#reportWithin(presentMs / 3);
  }

  #refused(kind: StartKind, hintMs: number, now: number): void {
    const at = now + Math.min(Math.max(hintMs, 1), GUESS_MS);
    this.#askAt.growth = at;
    if (kind === 'reconnect') this.#askAt.reconnect = at;
  }

  #reportWithin(ms: number): void {
    this.#reportAt = Math.min(this.#reportAt, this.#clock.now() + ms);
  }
}

const assumedEmpty = (assumed: 'full' | 'empty'): boolean => assumed === 'empty';
