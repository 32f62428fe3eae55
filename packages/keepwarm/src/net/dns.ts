/**
 * Remembers what names resolve to, so that opening a connection hardly ever waits for DNS and survives its failures.
 *
 * Life of an entry, one per name and family:
 *
 *              answer                ttl                 staleMs                staleOnErrorMs
 *   unknown ─────────────▶ fresh ──────────▶ stale ────────────────▶ outdated ──────────────────▶ unknown
 *      │ ▲                   ▲                │  ▲                       │  │
 *      │ │ negativeMs        ├──── answer ────┘  └─── passing failure ───┘  │
 *      │ │                   └────────────────────────── answer ────────────┘
 *      ▼ │
 *   refused ◀── final failure (NXDOMAIN, empty) from any state; a passing one (SERVFAIL, timeout, …) from unknown only
 *
 *   asked in │ fresh     │ stale                       │ outdated, unknown   │ refused
 *   the      │ its       │ its addresses at once, and  │ waits for a lookup  │ its failure at once
 *   caller   │ addresses │ one lookup in the background│ shared by all       │
 *
 * Invariants, true whenever no method is running:
 *   (1) Per name and family at most one lookup is under way that still counts. None is started while fresh; nor in the
 *       pause after a failure, as long as there is anything to answer with.
 *   (2) entries ≤ namesMax, lookups that count ≤ namesMax, failed addresses remembered ≤ FAILED_MAX.
 *   (3) Fresh or stale, the answer is synchronous. Nobody waits who need not.
 *   (4) No address is served later than max(staleMs, staleOnErrorMs) past its expiry; later than staleMs only after a
 *       passing failure. A final failure takes the addresses away at once (RFC 8767 § 4: it *is* the refreshed data).
 *   (5) Every caller settles: by addresses, a failure, its own signal or close(); never later than `lookupMs` after the
 *       lookup it waits for was started.
 *   (6) A caller that aborts changes nothing for the others, and the lookup goes on.
 *   (7) What a caller gets are the addresses of one answer, each once and all of them (of the first ADDRESSES_MAX), and
 *       no address that failed lately stands before one that did not.
 *   (8) One timer per lookup under way, and no other.
 *   (9) After clear() nothing learnt before, or asked for before, is ever remembered.
 *
 * Resolvers on the path between may serve stale only when refreshing fails (RFC 8767 § 7). We are the stub at its end:
 * `staleMs` is short, and the price of waiting is paid by a caller of ours.
 */
import { Chain, type Link } from '../algo/chain.ts';
import type { Clock } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';
import { aborted, closed, isFinal, saturated } from './dns-failure.ts';
import { type Lookup, startLookup, waitFor } from './dns-lookup.ts';
import { fixedAnswer, refuseUnaskable } from './dns-name.ts';
import type { Address, Answer, DnsOptions, DnsStats, Family } from './dns-options.ts';
import { checkDnsOptions } from './dns-options.ts';
import { FailureMemory, interleave } from './dns-order.ts';

export type { Address, Answer, DnsOptions, DnsStats, Family, Resolver } from './dns-options.ts';
export { DNS_DEFAULTS } from './dns-options.ts';

/** The pause after a passing failure, in ms. RFC 9520 § 3.2: failures are remembered for at least 1 s. */
const PASSING_MS = 1_000;

const NONE: readonly Address[] = Object.freeze([]);

/** Instants are on the clock. An entry has either addresses or an error. */
interface Entry extends Link<Entry> {
  readonly key: string;
  readonly addresses: readonly Address[];
  readonly error: NetError | undefined;
  /** Fresh before this. */
  readonly freshUntil: number;
  /** Stale, so served without waiting, before this. */
  serveUntil: number;
  /** Outdated, so served when a lookup fails, before this. */
  readonly keepUntil: number;
  /** Not asked for again before this. */
  askAt: number;
  /** Times it was served: where the rotation stands. */
  turn: number;
}

interface Flight {
  readonly lookup: Lookup;
  /** Never rejects: a failure is an entry with an error. */
  readonly done: Promise<Entry>;
}

export class DnsCache {
  readonly #options: DnsOptions;
  readonly #clock: Clock;
  readonly #observer: Observer;
  readonly #failures: FailureMemory;
  readonly #entries = new Map<string, Entry>();
  /**
   * The same, least recently used first. Not by order of the map: deleting and setting one hot key there costs O(n).
   */
  #byUse = new Chain<Entry>();
  /** Those that count: what clear() has disowned still answers its callers, and is forgotten. */
  readonly #flights = new Map<string, Flight>();
  #closed = false;
  #hits = 0;
  #staleHits = 0;
  #negativeHits = 0;
  #misses = 0;
  #lookups = 0;
  #errors = 0;
  #lookupMsSum = 0;

  /** @throws NetError `INVALID` for an option that is out of range */
  constructor(options: DnsOptions, clock: Clock, observer: Observer) {
    checkDnsOptions(options);
    this.#options = options;
    this.#clock = clock;
    this.#observer = observer;
    this.#failures = new FailureMemory(clock);
  }

  /**
   * The answer if no lookup need be waited for: an address, `localhost`, or what is fresh or stale (which is then also
   * refreshed). Counts as a hit; `undefined` counts as nothing, because `lookup` comes next.
   */
  peek(hostname: string, family: Family): readonly Address[] | undefined {
    const name = hostname.toLowerCase();
    const fixed = fixedAnswer(name, family);
    if (fixed !== undefined) return fixed.length > 0 ? this.#failures.rank(fixed) : undefined;
    const key = keyOf(name, family);
    const entry = this.#touch(key);
    const now = this.#clock.now();
    if (entry === undefined || now >= entry.serveUntil) return undefined;
    if (now < entry.freshUntil) {
      this.#hits++;
    } else {
      this.#staleHits++;
      if (now >= entry.askAt && !this.#flights.has(key) && this.#hasRoom()) this.#ask(key, name, family);
    }
    return this.#order(entry);
  }

  /**
   * Addresses, best first: families interleaved, rotated from call to call, those that failed lately last.
   *
   * @param signal the caller's own; the lookup it may share goes on
   * @throws NetError `DNS` when the name cannot be resolved (its `systemCode` `ENOTFOUND` or `ENODATA` is final, any
   *   other passes), `INVALID` for what is no host name, `SATURATED` when `namesMax` lookups are under way, `ABORTED`,
   *   `CLOSED`; always with reach `unsent`
   */
  async lookup(hostname: string, family: Family, signal?: AbortSignal): Promise<readonly Address[]> {
    if (this.#closed) throw closed();
    if (signal?.aborted) throw aborted(hostname, signal.reason);
    const known = this.peek(hostname, family);
    if (known !== undefined) return known;

    const name = hostname.toLowerCase();
    const key = keyOf(name, family);
    const entry = this.#entries.get(key);
    if (entry?.error !== undefined && this.#clock.now() < entry.askAt) {
      this.#negativeHits++;
      throw entry.error;
    }
    if (entry === undefined) refuseUnaskable(name, family);
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      if (!this.#hasRoom()) throw saturated(hostname, this.#options.namesMax);
      flight = this.#ask(key, name, family);
    }
    this.#misses++;
    const learnt = await waitFor(flight.done, hostname, signal);
    if (learnt.error !== undefined) throw learnt.error;
    return this.#order(learnt);
  }

  /** A connection to `address` failed: it is tried last for FAILED_MS, under whatever name. */
  failed(address: string): void {
    this.#failures.failed(address);
  }

  /** A connection to `address` was opened: it has its rank back. */
  succeeded(address: string): void {
    this.#failures.succeeded(address);
  }

  stats(): DnsStats {
    const known = this.#hits + this.#staleHits + this.#negativeHits;
    return {
      names: this.#entries.size,
      hits: this.#hits,
      staleHits: this.#staleHits,
      negativeHits: this.#negativeHits,
      misses: this.#misses,
      lookups: this.#lookups,
      errors: this.#errors,
      hitRate: known === 0 ? 0 : known / (known + this.#misses),
      inFlight: this.#flights.size,
      lookupMs: this.#lookups === 0 ? 0 : this.#lookupMsSum / this.#lookups,
    };
  }

  /** Forgets every name and failure, for when the network has changed. Lookups under way still answer their callers. */
  clear(): void {
    this.#entries.clear();
    this.#byUse = new Chain();
    this.#flights.clear();
    this.#failures.clear();
  }

  /** Ends every lookup that counts with `CLOSED` and takes no more. Closing twice is harmless. */
  close(): void {
    this.#closed = true;
    const flights = [...this.#flights.values()];
    this.clear();
    for (const { lookup } of flights) lookup.end(closed());
  }

  #hasRoom(): boolean {
    return this.#flights.size < this.#options.namesMax;
  }

  #ask(key: string, name: string, family: Family): Flight {
    const { resolver, lookupMs } = this.#options;
    const startedAt = this.#clock.now();
    const lookup = startLookup(resolver, name, family, lookupMs, this.#clock);
    const settle = (outcome: Answer | NetError) => this.#settle(key, flight, outcome, this.#clock.now() - startedAt);
    const flight: Flight = { lookup, done: lookup.answer.then(settle, settle) };
    this.#flights.set(key, flight);
    // Apart from `done`, so that a listener that throws is reported (as an unhandled rejection) and harms no caller.
    const tell = (addresses: number, error: NetError | undefined) =>
      this.#observer.resolved?.({ hostname: name, addresses, elapsedMs: this.#clock.now() - startedAt, error });
    void lookup.answer.then(
      (answer) => tell(answer.addresses.length, undefined),
      (error: NetError) => tell(0, error),
    );
    return flight;
  }

  /** Between the answer and its callers: what is remembered of it, and what they get. */
  #settle(key: string, flight: Flight, outcome: Answer | NetError, elapsedMs: number): Entry {
    this.#lookups++;
    this.#lookupMsSum += elapsedMs;
    const counts = this.#flights.get(key) === flight;
    const before = counts ? this.#entries.get(key) : undefined;
    const entry =
      outcome instanceof NetError ? this.#refused(key, outcome, before) : this.#learnt(key, outcome, before);
    if (counts) {
      this.#flights.delete(key);
      this.#store(entry);
    }
    return entry;
  }

  #learnt(key: string, answer: Answer, before: Entry | undefined): Entry {
    const { ttlMsMin, ttlMsMax, ttlMsUnknown, staleMs, staleOnErrorMs } = this.#options;
    const { ttlMs } = answer;
    const known = ttlMs !== undefined && !Number.isNaN(ttlMs);
    const freshUntil = this.#clock.now() + (known ? Math.min(Math.max(ttlMs, ttlMsMin), ttlMsMax) : ttlMsUnknown);
    const serveUntil = freshUntil + staleMs;
    const keepUntil = freshUntil + Math.max(staleMs, staleOnErrorMs);
    const turn = before?.turn ?? 0;
    return entryOf(key, { addresses: answer.addresses, freshUntil, serveUntil, keepUntil, turn });
  }

  #refused(key: string, error: NetError, before: Entry | undefined): Entry {
    this.#errors++;
    const now = this.#clock.now();
    const { negativeMs, staleMs } = this.#options;
    const final = isFinal(error.systemCode);
    const pauseMs = final ? negativeMs : Math.min(PASSING_MS, negativeMs);
    if (!final && before !== undefined && before.error === undefined && now < before.keepUntil) {
      // Stale again for a while: during an outage callers must not each wait for a lookup that is bound to fail.
      const serveUntil = Math.max(before.serveUntil, now + Math.max(staleMs, pauseMs));
      before.serveUntil = Math.min(serveUntil, before.keepUntil);
      before.askAt = now + pauseMs;
      return before;
    }
    return entryOf(key, { error, askAt: now + pauseMs });
  }

  #touch(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#byUse.remove(entry);
    this.#byUse.push(entry);
    return entry;
  }

  #store(entry: Entry): void {
    const before = this.#entries.get(entry.key);
    if (before !== undefined) this.#byUse.remove(before);
    this.#entries.set(entry.key, entry);
    this.#byUse.push(entry);
    if (this.#entries.size > this.#options.namesMax) this.#entries.delete(this.#byUse.shift()!.key);
  }

  #order(entry: Entry): readonly Address[] {
    return this.#failures.rank(interleave(entry.addresses, entry.turn++));
  }
}

/** A name has no space in it, so no two questions share a key. */
function keyOf(name: string, family: Family): string {
  return `${family} ${name}`;
}

/** Every entry has the same fields in the same order, which keeps it small and its readers fast. */
function entryOf(key: string, known: Partial<Entry>): Entry {
  const { addresses = NONE, error, freshUntil = 0, serveUntil = 0, keepUntil = 0, askAt = 0, turn = 0 } = known;
  const links = { chainBefore: undefined, chainAfter: undefined };
  return { key, addresses, error, freshUntil, serveUntil, keepUntil, askAt, turn, ...links };
}
