/**
 * One stream upstream and the branches it feeds: opened, kept to what its branches want, and opened again when it is
 * lost, from where nothing is missing.
 *
 *                  ┌───────────────────── lost: wait, longer each time ◀──┐
 *                  ▼                                                      │
 *   empty ──put──▶ opening ──first update──▶ live ──the stream ends───────┤
 *     ▲                │                                                  │
 *     └─ last branch   └─ refused: those who came last go, or everybody ◀─┘
 *        leaves: closed
 *
 * Invariants:
 *   (1) At most one stream is open upstream, and its filters are those of the book, or will be once `pace` allows.
 *   (2) `from_slot` is in the first request of a stream only: in another it would have everything replayed once more.
 *   (3) A branch gets each update once, over any number of losses; or it is told that it cannot be.
 *   (4) A branch that was accepted does not go with one that was not.
 */
import type { Buffer } from 'node:buffer';
import type { Clock, Random, Timer } from '../../../core/clock.ts';
import { ReplayMemory } from '../replay-memory.ts';
import { FilterBook } from './filters.ts';
import type { LinkError, OpenUpstream, UpstreamLink } from './link.ts';
import type { SettledMultiplexer } from './options.ts';
import { Outage, Silence } from './outage.ts';
import { Pace } from './pace.ts';
import { type Filter, OWN_FILTER, writePing, writeRequest } from './request.ts';
import { type Branch, Routes } from './routes.ts';
import { readUpdate, type Update } from './update.ts';
import { firstAvailable, gapError, isFinal, isRefusal, isReplayRefused, unreachable } from './verdicts.ts';
import { WireFault } from './wire.ts';

export interface TrunkParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly options: SettledMultiplexer;
  readonly open: OpenUpstream;
  /** What holds for all its filters, as it goes upstream. */
  readonly shared: Buffer;
  readonly commitment: number;
  /** Whether it begins as the stream of one monitor, which nobody joins. */
  readonly alone: boolean;
  /** Where its first opening begins. */
  readonly fromSlot?: number | undefined;
  /** What its branches have been told by another stream that they come from. */
  readonly memory?: ReplayMemory | undefined;
  readonly host: TrunkHost;
}

export interface TrunkHost {
  /** It cannot feed these any more; they have been removed. */
  failed(trunk: Trunk, branches: readonly Branch[], error: LinkError): void;
  /** Upstream refused a request of several; these came last, and have been removed. */
  ejected(trunk: Trunk, branches: readonly Branch[]): void;
  /** Nobody is fed by it any more. */
  closed(trunk: Trunk): void;
  /** It has come further: whoever waits for that may look. */
  advanced(trunk: Trunk): void;
}

/** How long updates by filters of before may come, in ms: after upstream has taken new ones, or does not say so. */
const SETTLE_MS = 1_000;
const UNANSWERED_MS = 15_000;

export type TrunkState = 'empty' | 'opening' | 'live' | 'lost' | 'closed';

export class Trunk {
  readonly parts: TrunkParts;
  readonly memory: ReplayMemory;
  /** Whether it is for one monitor, and nobody joins it. */
  alone: boolean;
  state: TrunkState = 'empty';
  drops = 0;
  gaps = 0;
  updates = 0;
  replayed = 0;
  rewrites = 0;
  unreadable = 0;
  readonly #book: FilterBook<Branch>;
  readonly #routes: Routes;
  readonly #pace: Pace;
  readonly #outage: Outage;
  readonly #silence: Silence;
  /** Its own filter, which tells how far the stream is while nobody else's matches. */
  readonly #own: Branch = { id: 0, take: () => undefined };
  readonly #hasOwn: boolean;
  #link: UpstreamLink | undefined;
  #epoch = 0;
  #version = 0;
  #accepted = 0;
  #unproven = new Map<Branch, number>();
  #everLive = false;
  #replays = false;
  #settling: Timer | undefined;

  constructor(parts: TrunkParts) {
    this.parts = parts;
    const { options, clock, fromSlot } = parts;
    this.alone = parts.alone;
    const { rewindSlots, rememberedMax: updatesMax, filtersMax } = options;
    this.memory = parts.memory ?? new ReplayMemory({ rewindSlots, updatesMax }, fromSlot);
    this.#book = new FilterBook(filtersMax);
    this.#routes = new Routes(this.#book, this.#own);
    const limits = { delayMs: options.rewriteDelayMs, perSecondMax: options.rewritesPerSecondMax };
    this.#pace = new Pace(clock, limits, () => this.#rewrite());
    this.#outage = new Outage(clock, parts.random, options);
    this.#silence = new Silence(clock, options.silenceMs, (error) => this.#ended(error));
    this.#hasOwn = (filtersMax.slots ?? 2) > 1;
    if (this.#hasOwn) this.#book.put(this.#own, [OWN_FILTER], 0);
  }

  get branches(): Branch[] {
    return [...this.#book.branches].filter((branch) => branch !== this.#own);
  }

  get filters(): number {
    return this.#book.filters.length;
  }

  /** How often its filters have been changed; with `accepted`, which of the changes hold upstream. */
  get version(): number {
    return this.#version + (this.#pace.waiting ? 1 : 0);
  }

  get accepted(): number {
    return this.#accepted;
  }
  fits(branch: Branch, filters: readonly Filter[]): boolean {
    return this.#book.fits(branch, filters);
  }

  /** A branch has these filters from now on. */
  put(branch: Branch, filters: readonly Filter[]): void {
    const changed = this.#book.put(branch, filters, this.memory.highest);
    this.#routes.clear();
    if (this.state === 'empty') this.#open();
    else if (changed && this.#link !== undefined) this.#pace.ask();
    if (changed) this.#unproven.set(branch, this.version);
  }

  remove(branch: Branch): void {
    const changed = this.#book.remove(branch);
    this.#unproven.delete(branch);
    this.#routes.clear();
    if (this.branches.length === 0) this.close();
    else if (changed && this.#link !== undefined) this.#pace.ask();
  }

  close(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#unlink();
    this.parts.host.closed(this);
  }

  #open(): void {
    this.state = 'opening';
    const epoch = ++this.#epoch;
    const { floor } = this.memory;
    this.#replays = floor >= 0;
    this.#book.settle(); // a new stream knows nothing of filters of before
    this.#routes.clear();
    this.#pace.ran();
    this.#version++;
    const request = writeRequest(this.#book.filters, this.parts.shared, this.#replays ? floor : undefined);
    this.#link = this.parts.open(request, {
      update: (bytes) => {
        if (epoch === this.#epoch) this.#received(bytes);
      },
      ended: (error) => {
        if (epoch === this.#epoch) this.#ended(error);
      },
    });
    this.#link.write(writePing(this.#version));
    this.#silence.watch();
  }

  #rewrite(): void {
    this.rewrites++;
    this.#version++;
    this.#link?.write(writeRequest(this.#book.filters, this.parts.shared, undefined));
    this.#link?.write(writePing(this.#version));
    this.#settleIn(UNANSWERED_MS);
  }

  #received(bytes: Buffer): void {
    this.#silence.heard = true;
    let update: Update;
    try {
      update = readUpdate(bytes);
    } catch (fault) {
      if (!(fault instanceof WireFault)) throw fault;
      this.unreadable++;
      return;
    }
    if (this.state === 'opening') this.#begun();
    if (update.kind === 'ping') this.#link?.write(writePing(this.#version));
    else if (update.kind === 'pong') this.#proven(update.id);
    else this.#tell(update);
  }

  #tell(update: Update): void {
    const { memory } = this;
    const { slot } = update;
    this.updates++;
    const plan = this.#routes.find(update);
    const replaying = memory.replaying;
    const again = memory.note(slot, update.key);
    if (again) this.replayed++;
    if (replaying) this.#routes.replay(update, plan, this.#epoch, again);
    else this.#routes.deliver(update, plan);
    // Statuses of slots that nobody bound to the commitment run ahead of everything else.
    const tells = this.#hasOwn ? plan.own || (memory.floor < 0 && update.kind === 'data') : update.kind === 'data';
    if (!tells || slot <= memory.top) return;
    memory.reach(slot);
    this.parts.host.advanced(this);
  }

  #begun(): void {
    this.state = 'live';
    this.#everLive = true;
    this.#outage.began(this.memory.highest);
  }

  /** Upstream has answered a ping that went after a request: it has taken the request. */
  #proven(version: number): void {
    if (version <= this.#accepted || version > this.#version) return;
    this.#accepted = version;
    for (const [branch, since] of this.#unproven) if (since <= version) this.#unproven.delete(branch);
    this.parts.host.advanced(this);
    if (version === this.#version) this.#settleIn(SETTLE_MS);
  }

  #settleIn(ms: number): void {
    this.#settling?.cancel();
    this.#settling = this.parts.clock.after(ms, () => {
      if (this.#pace.waiting || !this.#book.retiring) return;
      this.#book.settle();
      this.#routes.clear();
    });
  }

  #ended(error: LinkError | undefined): void {
    this.#unlink();
    if (error !== undefined && isRefusal(error)) return this.#refused(error);
    if (error !== undefined && (isFinal(error) || !this.#everLive)) return this.#fail(error);
    if (error === undefined || !this.#replays || !isReplayRefused(error)) {
      this.drops++;
      return this.#again(error);
    }
    // Where a branch itself asked for a slot, the answer is for it to read.
    if (this.updates === 0) this.#fail(error);
    else this.#gap(error);
  }

  #again(error: LinkError | undefined): void {
    const goneMs = this.#outage.again(() => this.#open(), this.memory.highest);
    if (goneMs !== undefined) return this.#fail(unreachable(goneMs, this.parts.options.downMs, error));
    this.state = 'lost';
    this.memory.reopen();
  }

  /** What was lost cannot be had any more. */
  #gap(error: LinkError): void {
    const first = firstAvailable(error);
    if (first !== undefined && this.memory.begin(first)) return this.#again(error);
    this.gaps++;
    if (this.parts.options.gapPolicy === 'disconnect') return this.#fail(gapError(this.memory.floor, error));
    this.memory.restart();
    this.#again(error);
  }

  #refused(error: LinkError): void {
    const all = this.branches;
    const last = all.filter((branch) => this.#unproven.has(branch));
    const suspects = last.length === 0 ? all : last;
    if (all.length === 1) return this.#fail(error);
    for (const branch of suspects) this.#book.remove(branch);
    this.#unproven.clear();
    if (suspects.length === all.length) this.close();
    else this.#again(error);
    this.parts.host.ejected(this, suspects);
  }

  #fail(error: LinkError): void {
    const { branches } = this;
    this.close();
    for (const branch of branches) this.#book.remove(branch);
    this.parts.host.failed(this, branches, error);
  }

  #unlink(): void {
    this.#epoch++;
    this.#pace.hold();
    this.#outage.cancel();
    this.#silence.end();
    this.#settling?.cancel();
    this.#link?.close();
    this.#link = undefined;
  }
}
