/** All workers of a gateway: started, asked, told and ended together. Knows nothing of what they do. */
import processes from 'node:cluster';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Refused } from '../admin/route.ts';
import type { WorkerTold } from '../admin/worker-told.ts';
import type { Slot } from '../config/shares.ts';
import type { Feed } from '../figures/feed.ts';
import type { Demand } from '../limits/places.ts';
import type { Log } from '../logs/log.ts';
import type { CarriedConfig } from './carried.ts';
import { type Heard, Post, type PostEvents } from './post.ts';
import { BEAT_MS } from './pulse.ts';
import type { Part } from './together/together.ts';
import type { Question, Take, ToWorker } from './words.ts';

/** Beside this file, and built or not as this file is. */
const MAIN = new URL(`./worker-main${extname(import.meta.url)}`, import.meta.url);
/** What does not answer a question within this is left out, in ms. */
export const ANSWER_MS = 2_000;

/** The longest delay that a timer takes (2³¹ − 1 ms). */
const TIMER_MS_MAX = 2_147_483_647;

export interface CrewParts {
  readonly count: number;
  readonly log: Log;
  readonly feed: Feed;
  /** What a worker is to serve now. */
  config(slot: Slot): CarriedConfig;
  /** How long a worker may be silent, in ms. */
  silentMs(): number;
  demanded(worker: number, demand: Demand): void;
  /** @returns for each nothing, or when it may pass, in ms */
  taken(takes: readonly Take[]): readonly (number | undefined)[];
  gone(worker: number): void;
}

/** Why a worker did not come to serve at the start. */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** The system's, such as EADDRINUSE. */
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

export class Crew {
  readonly #posts: readonly Post[];
  readonly #parts: CrewParts;
  #looking: NodeJS.Timeout | undefined;
  /** Who waits for all to listen for the first time. */
  #first: { done(address: AddressInfo): void; fail(error: Error): void } | undefined;

  constructor(parts: CrewParts) {
    this.#parts = parts;
    const events: PostEvents = {
      start: (post) => this.#start(post),
      listening: (post, address) => this.#listening(post, address),
      failed: ({ number }, message, code) => {
        parts.log.error('a worker cannot serve', { worker: number, reason: message });
        this.#first?.fail(new StartError(message, code));
      },
      said: (post, word) => this.#said(post, word),
      silent: (post, silentMs) => this.#silent(post, silentMs),
      heard: ({ number }) => {
        parts.log.info('a worker is heard of again', { worker: number });
        parts.feed.tell('workerHeard', undefined, { worker: number });
      },
      another: (post) => this.#posts.some((each) => each !== post && each.keepsOpen),
      gone: (post, how, againMs) => this.#gone(post, how, againMs),
    };
    this.#posts = Array.from({ length: parts.count }, (_, i) => new Post(i + 1, events));
  }

  /** Resolves when all listen. @throws StartError when one cannot; then none is left */
  async start(): Promise<AddressInfo> {
    const parts = this.#parts;
    processes.schedulingPolicy = processes.SCHED_RR;
    processes.setupPrimary({ exec: fileURLToPath(MAIN), args: [], serialization: 'advanced' });
    const listening = new Promise<AddressInfo>((done, fail) => {
      this.#first = { done, fail };
    });
    for (const post of this.#posts) post.start();
    this.#looking = setInterval(() => {
      for (const post of this.#posts) post.look(parts.silentMs());
    }, BEAT_MS);
    try {
      return await listening;
    } catch (error) {
      await this.stop(0);
      throw error;
    } finally {
      this.#first = undefined;
    }
  }

  told(): readonly WorkerTold[] {
    const now = performance.now();
    return this.#posts.map((post) => post.told(now));
  }

  /** What those tell who serve, in their order. @throws Refused when none does, with the reason of the first */
  async ask(question: Question, timeoutMs: number = ANSWER_MS): Promise<readonly Part<unknown>[]> {
    const serving = this.#posts.filter(({ state }) => state === 'serving' || state === 'ending');
    const heard = await Promise.all(serving.map((post) => post.ask(question, timeoutMs)));
    const parts = heard.flatMap((each, i): Part<unknown>[] =>
      each !== undefined && 'told' in each ? [{ worker: serving[i]!.number, told: each.told }] : [],
    );
    if (parts.length > 0) return parts;
    for (const each of heard) if (each !== undefined && 'refused' in each) throw each.refused;
    throw new Refused(503, 'WORKERS', 'no worker answers at the moment; try again');
  }

  /** Everybody who is there, or comes up just now, takes it over; who does not is replaced. */
  async reload(): Promise<readonly unknown[]> {
    const there = this.#posts.filter(({ state }) => state !== 'waiting');
    const heard = await Promise.all(
      there.map((post) => post.ask({ ask: 'reload', config: this.#parts.config(this.#slotOf(post)) }, ANSWER_MS * 5)),
    );
    return heard.flatMap((each, i) => {
      if (each !== undefined && 'told' in each) return [each.told];
      this.#parts.log.error('a worker did not take over the configuration; it is replaced', {
        worker: there[i]!.number,
      });
      there[i]!.kill();
      return [];
    });
  }

  /** Takes no new callers, and nobody's place is taken any more. @returns how many requests are under way */
  async drain(deadlineMs: number): Promise<number> {
    for (const post of this.#posts) post.retire();
    const heard = await this.#drained({ ask: 'drain', deadlineMs, wait: false }, ANSWER_MS);
    return heard.reduce<number>((all, each) => all + (each !== undefined && 'told' in each ? Number(each.told) : 0), 0);
  }

  /** Likewise, and waits until none is, for no longer than that. */
  async drained(deadlineMs: number): Promise<void> {
    for (const post of this.#posts) post.retire();
    const timeoutMs = Math.min(deadlineMs + ANSWER_MS, TIMER_MS_MAX);
    await this.#drained({ ask: 'drain', deadlineMs, wait: true }, timeoutMs);
  }

  #drained(question: Question, timeoutMs: number): Promise<Heard[]> {
    return Promise.all(this.#posts.map((post) => post.ask(question, timeoutMs)));
  }

  /** To one of them, or all. */
  send(word: ToWorker, worker?: number): void {
    for (const post of this.#posts) if (worker === undefined || post.number === worker) post.send(word);
  }

  async stop(deadlineMs: number): Promise<void> {
    await Promise.all(this.#posts.map((post) => post.stop(deadlineMs)));
    clearInterval(this.#looking);
  }

  #slotOf(post: Post): Slot {
    return { slot: post.number - 1, count: this.#posts.length };
  }

  #start(post: Post): ToWorker {
    const slot = this.#slotOf(post);
    return { say: 'start', slot, config: this.#parts.config(slot), late: !post.isFirst };
  }

  #listening({ number }: Post, address: AddressInfo): void {
    const { log, feed } = this.#parts;
    const { pid } = this.told()[number - 1]!;
    log.info('a worker serves', { worker: number, pid });
    feed.tell('workerServes', undefined, { worker: number, pid });
    if (this.#posts.every(({ state }) => state === 'serving')) this.#first?.done(address);
  }

  #silent({ number }: Post, silentMs: number): void {
    const { log, feed } = this.#parts;
    const endsAfterMs = this.#parts.silentMs();
    log.warn('nothing is heard of a worker', { worker: number, silentMs, endsAfterMs });
    feed.tell('workerSilent', undefined, { worker: number, silentMs, endsAfterMs });
  }

  #gone({ number }: Post, how: string, againMs: number | undefined): void {
    const { log, feed, gone } = this.#parts;
    gone(number);
    if (againMs === undefined) return;
    log.error('a worker is gone; another takes its place', { worker: number, how, againMs });
    feed.tell('workerGone', undefined, { worker: number, how, againMs });
    this.#first?.fail(new StartError(`worker ${number} ended before it served (${how})`, undefined));
  }

  #said({ number }: Post, word: Parameters<PostEvents['said']>[1]): void {
    if (word.say === 'demand') this.#parts.demanded(number, word.demand);
    else if (word.say === 'paused') this.send({ say: 'pause', pause: word.pause });
    else if (word.say === 'takes') this.send({ say: 'taken', afterMs: this.#parts.taken(word.takes) }, number);
    else this.#parts.feed.tell(word.kind, word.upstream, { ...word.fields, worker: number });
  }
}
