/**
 * The place of one worker: a process at a time, replaced when it ends, and ended when nothing is heard of it any more.
 *
 *             ┌──────────────── it ended: at once, or later where it did not last ◀────────────┐
 *   waiting ──┴─▶ starting ──listens──▶ serving ⇄ silent ──for too long: killed───────────────┤
 *                    └──ends, or cannot──────────────────────────────────────────────────────▶┘
 *   any ──stop──▶ ending ──gone, or killed after the deadline──▶ gone
 *
 * Invariants:
 *   (1) There is one process at most.
 *   (2) Each question is settled once: by its answer, by the end of the process, or by its time.
 *   (3) No more than `QUESTIONS_MAX` questions are open; beyond, there is no answer.
 *   (4) For its silence it is killed while another keeps the port open, or after `ALONE_MS`: Node closes the port with
 *       the last worker, and as long as it is open callers wait in it.
 */
import processes, { type Worker as Child } from 'node:cluster';
import type { AddressInfo } from 'node:net';
import { Refused } from '../admin/route.ts';
import type { WorkerTold } from '../admin/worker-told.ts';
import { rescueHandovers } from './handover.ts';
import { BEAT_MS, Pulse, STARTING_MS } from './pulse.ts';
import type { FromWorker, Question, ToWorker } from './words.ts';

const QUESTIONS_MAX = 256;
/** One that has served for so long has lasted, in ms. */
const LASTING_MS = 10_000;
/** How long it takes until the next one comes, where they do not last: doubled each time, in ms. */
const AGAIN_MS = 250;
const AGAIN_MS_MAX = 30_000;
/** What is not gone so long after its deadline is killed, in ms. */
const GRACE_MS = 2_000;
/** The last of all that hang waits no longer for its successors to serve, in ms: what waits with it is bounded. */
const ALONE_MS = STARTING_MS;
/** The longest delay that a timer takes (2³¹ − 1 ms). */
const TIMER_MS_MAX = 2_147_483_647;

export type Heard = { readonly told: unknown } | { readonly refused: Refused } | undefined;

export interface PostEvents {
  /** What it is to be told at its start. */
  start(post: Post): ToWorker;
  listening(post: Post, address: AddressInfo): void;
  /** It cannot do what it was started for; it ends. */
  failed(post: Post, message: string, code: string | undefined): void;
  said(post: Post, word: Extract<FromWorker, { readonly say: 'event' | 'demand' | 'paused' | 'takes' }>): void;
  /** Nothing has been heard of it for so long: it is asked nothing until something is. */
  silent(post: Post, silentMs: number): void;
  /** It is there again. */
  heard(post: Post): void;
  /** Whether somebody else keeps the port open: connections go to whoever there is, or wait. */
  another(post: Post): boolean;
  /** @param againMs until the next one comes; nothing when none does */
  gone(post: Post, how: string, againMs: number | undefined): void;
}

export class Post {
  /** From 1. */
  readonly number: number;
  readonly #events: PostEvents;
  #child: Child | undefined;
  #state: WorkerTold['state'] = 'waiting';
  #servingSince = 0;
  #started = 0;
  /** In a row. */
  #shortLived = 0;
  #pulse = new Pulse();
  /** Why it was killed, where that was for its silence. */
  #hung: string | undefined;
  #hungTimes = 0;
  #aloneMs = 0;
  #killed = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #ids = 0;
  readonly #open = new Map<number, (heard: Heard) => void>();
  #gone: (() => void) | undefined;

  constructor(number: number, events: PostEvents) {
    this.number = number;
    this.#events = events;
  }

  get state(): WorkerTold['state'] {
    return this.#state;
  }

  /** Whether it listens, however long nothing has been heard of it. */
  get keepsOpen(): boolean {
    return (this.#state === 'serving' || this.#state === 'silent') && !this.#killed;
  }

  /** Whether it is the first process here. */
  get isFirst(): boolean {
    return this.#started === 1;
  }

  told(now: number): WorkerTold {
    const serving = this.#state === 'serving' || this.#state === 'silent' || this.#state === 'ending';
    return {
      worker: this.number,
      pid: this.#child?.process.pid,
      state: this.#state,
      servingMs: serving ? now - this.#servingSince : 0,
      replaced: Math.max(this.#started - 1, 0),
      silentMs: this.#child === undefined ? 0 : this.#pulse.silentMs,
      hung: this.#hungTimes,
    };
  }

  start(): void {
    this.#started++;
    this.#state = 'starting';
    const child = processes.fork();
    this.#child = child;
    this.#pulse = new Pulse();
    this.#hung = undefined;
    this.#killed = false;
    rescueHandovers(child.process, () => this.#events.another(this));
    child.on('message', (word: FromWorker) => this.#hear(word));
    child.once('exit', (code, signal) => this.#exited(signal ?? `code ${code}`, code === 0));
    child.on('error', (error: Error) => {
      // What cannot be sent is not answered; but a process that never was does not end either.
      if (child.process.pid === undefined && this.#child === child) this.#exited(error.message, false);
    });
  }

  /** To be called every `BEAT_MS`. @param limitMs how long it may be silent */
  look(limitMs: number): void {
    // One that is to end has its time for that, and is killed after it.
    if (this.#child === undefined || this.#state === 'ending') return;
    const limit = this.#state === 'starting' ? Math.max(limitMs, STARTING_MS) : limitMs;
    const found = this.#pulse.look(limit);
    const { silentMs } = this.#pulse;
    if (found === 'hung') {
      this.#hungTimes++;
      this.#aloneMs = 0;
      this.#hung = `nothing was heard of it for ${silentMs} ms (limit workerSilentMs ${limit})`;
    } else if (found === 'silent' && this.#state === 'serving') {
      this.#state = 'silent';
      this.#events.silent(this, silentMs);
    }
    if (this.#hung !== undefined) this.#endHung();
  }

  send(word: ToWorker): void {
    if (this.#child?.isConnected()) this.#child.send(word, undefined, () => undefined);
  }

  /** Nothing where there is no answer in time. */
  ask(question: Question, timeoutMs: number): Promise<Heard> {
    if (this.#child === undefined || this.#open.size >= QUESTIONS_MAX) return Promise.resolve(undefined);
    const id = ++this.#ids;
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(undefined), timeoutMs);
      const settle = (heard: Heard): void => {
        clearTimeout(timer);
        this.#open.delete(id);
        resolve(heard);
      };
      this.#open.set(id, settle);
      this.send({ say: 'ask', id, question });
    });
  }

  /** No other comes after it. */
  retire(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** No other comes after it. Resolves when it is gone. */
  async stop(deadlineMs: number): Promise<void> {
    this.retire();
    if (this.#child === undefined) return;
    this.#state = 'ending';
    const gone = new Promise<void>((resolve) => {
      const before = this.#gone;
      this.#gone = () => {
        before?.();
        resolve();
      };
    });
    this.send({ say: 'stop', deadlineMs });
    const kill = setTimeout(() => this.kill(), Math.min(deadlineMs + GRACE_MS, TIMER_MS_MAX));
    await gone;
    clearTimeout(kill);
  }

  /** It does not do what it is told to, or not in time. */
  kill(): void {
    this.#killed = true;
    this.#child?.process.kill('SIGKILL');
  }

  #endHung(): void {
    const alone = this.keepsOpen && !this.#events.another(this);
    if (alone && this.#aloneMs < ALONE_MS) this.#aloneMs += BEAT_MS;
    else this.kill();
  }

  #hear(word: FromWorker): void {
    this.#pulse.heard();
    if (this.#hung !== undefined && !this.#killed) {
      this.#hung = undefined; // it was to wait for its successors, and goes on instead
      this.#pulse = new Pulse();
    }
    if (this.#state === 'silent') {
      this.#state = 'serving';
      this.#events.heard(this);
    }
    if (word.say === 'alive') return;
    if (word.say === 'hello') this.send(this.#events.start(this));
    else if (word.say === 'listening') {
      if (this.#state === 'starting') this.#state = 'serving';
      this.#servingSince = performance.now();
      this.#events.listening(this, word.address);
    } else if (word.say === 'failed') {
      this.#events.failed(this, word.message, word.code);
      this.kill();
    } else if (word.say === 'answer') this.#open.get(word.id)?.({ told: word.told });
    else if (word.say === 'refused') {
      const { status, code, message } = word.refusal;
      this.#open.get(word.id)?.({ refused: new Refused(status, code, message) });
    } else this.#events.said(this, word);
  }

  #exited(signal: string, wasAsked: boolean): void {
    const how = this.#hung ?? signal;
    this.#child = undefined;
    for (const settle of [...this.#open.values()]) settle(undefined);
    const served = this.#state === 'serving' || this.#state === 'silent';
    const lasted = served && performance.now() - this.#servingSince >= LASTING_MS;
    this.#state = 'waiting';
    if (this.#stopped) {
      this.#events.gone(this, how, undefined);
      this.#gone?.();
      return;
    }
    const again = this.#shortLived === 0 ? 0 : Math.min(AGAIN_MS * 2 ** (this.#shortLived - 1), AGAIN_MS_MAX);
    this.#shortLived = lasted || wasAsked ? 0 : this.#shortLived + 1;
    const againMs = lasted || wasAsked ? 0 : again;
    this.#events.gone(this, how, againMs);
    this.#timer = setTimeout(() => this.start(), againMs);
  }
}
