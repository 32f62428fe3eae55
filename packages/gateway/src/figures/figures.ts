/**
 * What a page wants to know of one upstream that the library's snapshot does not say: the last seconds instead of all
 * time, calls that found a connection open against those that had to wait for one, and each socket's recent past.
 */
import type { NetError, Observer, Reply } from 'keepwarm';
import { isIll, whyOf, wordOf } from './ills.ts';
import { Listeners } from './listeners.ts';
import type { Rolling } from './rolling.ts';
import { type Figures, type Phases, Tally, type Totals } from './tally.ts';
import { Trail } from './trail.ts';

/** Closed sockets whose trail is kept; as many as the library remembers by default. */
const CLOSED_MAX = 200;
/** What the clock's noise may be: a call that waited no longer than this for its connection found it open. */
const AT_ONCE_MS = 1;

/** More calls than this cannot be told apart from those that never got a connection. */
const HELD_MAX = 10_000;

export class FigureBook {
  readonly #tally: Tally;
  readonly #trails = new Map<number, Trail>();
  readonly #closed: number[] = [];
  /** Sockets whose first call has not been answered yet: what they cost, and how long that call waited. */
  readonly #unproven = new Map<number, { readonly phases: Phases; waitMs: number }>();
  /** Calls that have waited for something else than a connection: a limit, or their next attempt. Oldest first. */
  readonly #held = new Set<number>();
  /** Sockets lent last to such a call, or to one that had to wait until another gave it back. */
  readonly #lentLate = new Set<number>();
  readonly #listeners = new Listeners();
  readonly #now: () => number;

  /** @param before the book of the upstream whose place is taken: sockets are others', counts go on */
  constructor(now: () => number = () => performance.now(), before?: FigureBook) {
    this.#now = now;
    this.#tally = before?.tally ?? new Tally(now());
    this.#listeners.add(this.#noting());
  }

  /** For the client whose figures these are. */
  get observer(): Observer {
    return this.#listeners.observer;
  }

  /** Another who wants to know what that client does. */
  listen(observer: Observer): void {
    this.#listeners.add(observer);
  }

  /** What outlives the upstream. */
  get tally(): Tally {
    return this.#tally;
  }
  get latency(): Rolling {
    return this.#tally.latency;
  }
  get totals(): Totals {
    return this.#tally.totals;
  }

  #noting(): Observer {
    const { totals } = this.#tally;
    return {
      retried: ({ call }) => {
        totals.retried++;
        this.#hold(call);
      },
      rateWaits: ({ call }) => {
        totals.limitWaits++;
        this.#hold(call);
      },
      concurrencyWaits: ({ call }) => {
        totals.limitWaits++;
        this.#hold(call);
      },
      socketOpenFailed: ({ origin, error }) => this.#tally.unreachable.failed(origin, whyOf(error), this.#now()),
      socketOpened: (fact) => {
        this.#tally.unreachable.opened(fact.origin);
        this.#trails.set(fact.socketId, new Trail(this.#now()));
        this.#unproven.set(fact.socketId, { phases: fact, waitMs: 0 });
      },
      socketClosed: ({ socketId, origin }) => {
        this.#tally.unreachable.closed(origin);
        this.#trails.get(socketId)?.released(this.#now());
        this.#unproven.delete(socketId);
        this.#lentLate.delete(socketId);
        this.#closed.push(socketId);
        if (this.#closed.length > CLOSED_MAX) this.#trails.delete(this.#closed.shift()!);
      },
      leased: ({ socketId, call, fresh, waitMs }) => {
        const now = this.#now();
        this.#tally.leased(fresh, now);
        const first = fresh ? this.#unproven.get(socketId) : undefined;
        if (first !== undefined) first.waitMs = waitMs;
        if (this.#held.delete(call) || (!fresh && waitMs > AT_ONCE_MS)) this.#lentLate.add(socketId);
        else this.#lentLate.delete(socketId);
        this.#trails.get(socketId)?.leased(now);
      },
      released: ({ socketId }) => this.#trails.get(socketId)?.released(this.#now()),
    };
  }

  /** The head of a reply has come. */
  answered({ socketId, reused, status }: Pick<Reply, 'socketId' | 'reused' | 'status'>, startedAt: number): void {
    const now = this.#now();
    const first = reused ? undefined : this.#unproven.get(socketId);
    this.#unproven.delete(socketId);
    // What it waited for else is no matter of its connection.
    const late = this.#lentLate.delete(socketId);
    if (late) return this.#status(status, now);
    if (first === undefined || first.waitMs <= AT_ONCE_MS) this.#tally.warm(now - startedAt, now);
    // One that found its connection half open is neither: it shows what nothing costs.
    else if (first.waitMs + AT_ONCE_MS >= whole(first.phases)) this.#tally.cold(now - startedAt, first.phases, now);
    this.#status(status, now);
  }

  #status(status: number, now: number): void {
    if (isIll(status)) this.#tally.illStatus(status, now);
  }

  #hold(call: number): void {
    if (call === 0) return; // a check of our own
    this.#held.add(call);
    if (this.#held.size > HELD_MAX) this.#held.delete(this.#held.values().next().value!); // most likely it was refused
  }

  /** The reply has been passed on to its end. */
  ended(startedAt: number): void {
    const now = this.#now();
    this.latency.record(now - startedAt, now);
  }

  failed(error: NetError): void {
    this.#tally.failed(wordOf(error), this.#now());
  }

  /** A call that had to wait for its connection; some are made on purpose, for comparison. `ms` to the first byte. */
  cold(ms: number, phases: Phases): void {
    this.#tally.cold(ms, phases, this.#now());
  }

  /** Those without a way there, and for how long, in ms. */
  lost(): [origin: string, forMs: number][] {
    return this.#tally.unreachable.lost(this.#now());
  }

  /** One digit per slot of the socket's last two minutes; empty for one that is not known. */
  trail(socketId: number): string {
    return this.#trails.get(socketId)?.digits(this.#now()) ?? '';
  }

  figures(): Figures {
    return this.#tally.figures(this.#now());
  }
}

const whole = ({ dnsMs, tcpMs, tlsMs }: Phases): number => dnsMs + tcpMs + tlsMs;
