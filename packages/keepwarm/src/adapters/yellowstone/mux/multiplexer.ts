/**
 * Many monitors, few streams: those that agree in commitment and data slices share one stream upstream, each getting
 * what it would get alone.
 *
 *   a request ──▶ filters fit a shared stream of its group ──▶ shared
 *             ──▶ no stream of its group has room          ──▶ another shared stream
 *             ──▶ it agrees in something else than before   ──▶ another shared stream ──▶ change, between two slots
 *             ──▶ it asks for a replay (`from_slot`)        ──▶ a stream alone ──caught up──▶ handover ──▶ shared
 *             ──▶ refused upstream together with others     ──▶ a stream alone ──accepted──▶ handover ──▶ shared,
 *                                                              or alone for good when it happens again
 *
 * Invariants:
 *   (1) A monitor is fed by one stream, or by several while it is handed over or changes what it wants.
 *   (2) A stream without branches is closed.
 *   (3) What one monitor asks for, does or does not do, changes nothing of what others get.
 */

import { type Clock, type Random, systemClock, systemRandom } from '../../../core/clock.ts';
import { checkKnown, checkOptions, checkParts, refused } from '../../../core/refusal.ts';
import { Feed } from './feed.ts';
import type { LinkError, OpenUpstream } from './link.ts';
import { Monitor, type MonitorOptions, type MonitorStats } from './monitor.ts';
import { type MultiplexerOptions, type SettledMultiplexer, settleMultiplexer } from './options.ts';
import type { SubscribeAsked } from './request.ts';
import type { Branch } from './routes.ts';
import { Trunk, type TrunkHost, type TrunkParts } from './trunk.ts';
import { closedError, tooMany, unknownFields } from './verdicts.ts';

export interface MultiplexerParts {
  readonly open: OpenUpstream;
  /** For tests. */
  readonly clock?: Clock | undefined;
  /** For tests. */
  readonly random?: Random | undefined;
}

const COUNTS = ['drops', 'gaps', 'updates', 'replayed', 'rewrites', 'unreadable'] as const;
type Counts = Readonly<Record<(typeof COUNTS)[number], number>>;

export class Multiplexer {
  /** @internal */
  readonly options: SettledMultiplexer;
  /** @internal */
  readonly clock: Clock;
  readonly #open: OpenUpstream;
  readonly #random: Random;
  readonly #feeds = new Map<Monitor, Feed>();
  readonly #shared = new Map<string, Trunk[]>();
  readonly #alone = new Set<Trunk>();
  readonly #host: TrunkHost;
  #ids = 0;
  #closed = false;
  #refused = 0;
  #streamsClosed = 0;
  /** Of streams that are closed. */
  readonly #past = { drops: 0, gaps: 0, updates: 0, replayed: 0, rewrites: 0, unreadable: 0 };

  /** @throws NetError `INVALID` naming the option */
  constructor(parts: MultiplexerParts, options?: MultiplexerOptions) {
    checkOptions('what a multiplexer is made of', parts);
    checkKnown(parts, ['open', 'clock', 'random'], '', ' of what a multiplexer is made of');
    checkParts(parts);
    if (typeof parts.open !== 'function') throw refused('open', parts.open, 'a function, such as openWith() makes');
    this.options = settleMultiplexer(options);
    this.clock = parts.clock ?? systemClock;
    this.#random = parts.random ?? systemRandom;
    this.#open = parts.open;
    this.#host = {
      failed: (trunk, branches, error) => this.#failed(trunk, branches, error),
      ejected: (trunk, branches) => this.#ejected(trunk, branches),
      advanced: (trunk) => this.#advanced(trunk),
      closed: (trunk) => this.#forget(trunk),
    };
  }

  /** @throws GrpcError RESOURCE_EXHAUSTED when there are too many, UNAVAILABLE when it is closed */
  monitor(options?: MonitorOptions): Monitor {
    if (this.#closed) throw closedError();
    if (this.#feeds.size >= this.options.monitorsMax) {
      this.#refused++;
      throw tooMany(this.options.monitorsMax);
    }
    const monitor = new Monitor(++this.#ids, this, options);
    this.#feeds.set(monitor, new Feed(monitor));
    return monitor;
  }

  /** @internal */
  asked(monitor: Monitor, asked: SubscribeAsked): void {
    const feed = this.#feeds.get(monitor);
    if (feed === undefined) return;
    if (asked.unknown) return monitor.fail(unknownFields());
    const before = feed.asked;
    feed.asked = asked;
    feed.abandon();
    if (asked.fromSlot !== undefined) return this.#serveAlone(feed, { fromSlot: asked.fromSlot });
    const { trunk, barred } = feed;
    const stays = trunk !== undefined && before?.group === asked.group && (!barred || trunk.alone);
    if (stays && feed.fits(trunk)) return feed.put();
    feed.change(barred ? this.#aloneFor(asked) : this.#sharedFor(feed, asked), this.clock.now());
  }

  /** @internal */
  left(monitor: Monitor): void {
    const feed = this.#feeds.get(monitor);
    if (feed === undefined) return;
    this.#feeds.delete(monitor);
    feed.leave();
  }

  /** Ends every monitor with UNAVAILABLE, and closes every stream. Twice is harmless. */
  close(): void {
    this.#closed = true;
    for (const monitor of [...this.#feeds.keys()]) monitor.fail(closedError());
  }

  stats() {
    const trunks = this.#trunks();
    const sum = (read: (trunk: Counts) => number): number =>
      trunks.reduce((all, trunk) => all + read(trunk), read(this.#past));
    const monitors: MonitorStats[] = [...this.#feeds.values()].map((feed) =>
      feed.monitor.stats(feed.trunk?.alone === true),
    );
    return {
      monitors,
      refused: this.#refused,
      streams: trunks.map((trunk) => ({
        alone: trunk.alone,
        state: trunk.state,
        monitors: trunk.branches.length,
        filters: trunk.filters,
        /** Whether upstream has not yet said that it has them. */
        pending: trunk.accepted < trunk.version,
        slot: trunk.memory.highest,
        remembered: trunk.memory.size,
      })),
      streamsOpened: this.#streamsClosed + trunks.length,
      updates: sum(({ updates }) => updates),
      replayed: sum(({ replayed }) => replayed),
      drops: sum(({ drops }) => drops),
      gaps: sum(({ gaps }) => gaps),
      rewrites: sum(({ rewrites }) => rewrites),
      unreadable: sum(({ unreadable }) => unreadable),
    };
  }

  #trunks(): Trunk[] {
    return [...[...this.#shared.values()].flat(), ...this.#alone];
  }

  #sharedFor(feed: Feed, { group, shared, commitment }: SubscribeAsked): Trunk {
    const trunks = this.#shared.get(group) ?? [];
    const found = trunks.find((trunk) => feed.fits(trunk));
    if (found !== undefined) return found;
    const trunk = this.#trunk({ shared, commitment, alone: false });
    this.#shared.set(group, [...trunks, trunk]);
    return trunk;
  }

  #serveAlone(feed: Feed, more: Pick<TrunkParts, 'fromSlot' | 'memory'>): void {
    feed.leave();
    feed.serve(this.#aloneFor(feed.asked!, more));
  }

  #aloneFor({ shared, commitment }: SubscribeAsked, more: Pick<TrunkParts, 'fromSlot' | 'memory'> = {}): Trunk {
    const trunk = this.#trunk({ shared, commitment, alone: true, ...more });
    this.#alone.add(trunk);
    return trunk;
  }

  #trunk(more: Pick<TrunkParts, 'shared' | 'commitment' | 'alone' | 'fromSlot' | 'memory'>): Trunk {
    const { clock, options } = this;
    return new Trunk({ clock, random: this.#random, options, open: this.#open, host: this.#host, ...more });
  }

  #forget(trunk: Trunk): void {
    const group = trunk.parts.shared.toString('latin1');
    const trunks = this.#shared.get(group);
    const known = this.#alone.delete(trunk) || trunks?.includes(trunk) === true;
    if (trunks !== undefined) {
      const left = trunks.filter((each) => each !== trunk);
      if (left.length === 0) this.#shared.delete(group);
      else this.#shared.set(group, left);
    }
    if (!known) return;
    this.#streamsClosed++;
    for (const name of COUNTS) this.#past[name] += trunk[name];
  }

  #feedsOf(branches: readonly Branch[]): Feed[] {
    return [...this.#feeds.values()].filter((feed) => branches.some((branch) => feed.has(branch)));
  }

  #failed(trunk: Trunk, branches: readonly Branch[], error: LinkError): void {
    for (const feed of this.#feedsOf(branches)) {
      // Where it was about to go is gone; where it is, is not.
      if (feed.next === trunk) feed.abandon();
      else feed.monitor.fail(error);
    }
  }

  #ejected(trunk: Trunk, branches: readonly Branch[]): void {
    const { memory } = trunk;
    for (const feed of this.#feedsOf(branches)) {
      feed.ejections++;
      if (feed.next === trunk) feed.abandon();
      else if (feed.changing) feed.change(this.#aloneFor(feed.asked!), this.clock.now());
      else this.#serveAlone(feed, { memory: feed.monitor.fed ? memory.copy() : undefined });
    }
  }

  /** Monitors that are alone may have caught up, those on their way may have arrived, changes may be over. */
  #advanced(trunk: Trunk): void {
    for (const feed of this.#feeds.values()) {
      if (feed.isFedBy(trunk)) this.#look(feed);
    }
  }

  #look(feed: Feed): void {
    const { trunk, asked } = feed;
    feed.advance(this.clock.now());
    if (feed.changing) return;
    if (feed.arrived()) feed.arrive();
    else if (trunk?.alone === true && feed.next === undefined && !feed.barred && trunk.accepted > 0) {
      const [target] = (this.#shared.get(asked!.group) ?? []).filter((each) => feed.fits(each));
      if (target !== undefined) feed.approach(target);
      else if (feed.promotable) this.#promote(trunk, asked!);
    }
  }

  /** It is where the chain is, and nobody else of its group is: others may join it. */
  #promote(trunk: Trunk, { group }: SubscribeAsked): void {
    this.#alone.delete(trunk);
    trunk.alone = false;
    this.#shared.set(group, [...(this.#shared.get(group) ?? []), trunk]);
  }
}

export type MultiplexerStats = ReturnType<Multiplexer['stats']>;
