/**
 * A worker's side of `limits/places.ts`: it starts calls in the places it has, says what it needs, and gives up what
 * it is told to as soon as that is free.
 *
 *   has ──grant of fewer──▶ giving up: nothing starts until so many are free, then it says so ──▶ has
 */
import type { AnyUpstream } from '../data/routes.ts';
import type { Demand, Grant, Pause } from '../limits/places.ts';
import type { Share } from '../limits/whole-limit.ts';
import { wholeName } from './carried.ts';

/** How often it is looked at what is needed, in ms; and while places are waited for or given up. */
const LOOK_MS = 100;
const SOON_MS = 5;
/** A demand that has changed by this share of the limit is news. */
const NEWS = 1 / 20;

interface Entry {
  readonly key: string;
  /** Its upstream, endpoint and name, as facts have them. */
  readonly of: string;
  readonly share: Share;
  readonly limit: number;
  number: number;
  said: Demand | undefined;
}

export class PlacesHere {
  readonly #say: (demand: Demand) => void;
  readonly #sayPause: (pause: Pause) => void;
  readonly #seen = new WeakSet<AnyUpstream>();
  #entries = new Map<string, Entry>();
  #timer: NodeJS.Timeout | undefined;
  #soon = false;

  constructor(say: (demand: Demand) => void, sayPause: (pause: Pause) => void) {
    this.#say = say;
    this.#sayPause = sayPause;
  }

  /**
   * Upstreams as they are now: what is new has its places before anything is sent to it.
   *
   * @param versionOf which version of an upstream's configuration this is: the same in all workers
   * @param partOf how many places of a limit are had from the start
   */
  follow(
    upstreams: readonly AnyUpstream[],
    versionOf: (upstream: string) => number,
    partOf: (limit: number) => number,
  ): void {
    const entries = new Map<string, Entry>();
    const keep = (name: string, shares: ReturnType<typeof sharesOf>): void => {
      for (const [i, { endpoint, share }] of shares.entries()) {
        const key = JSON.stringify([name, versionOf(name), endpoint, i]);
        const known = this.#entries.get(key);
        if (known === undefined) share.places = partOf(share.limit);
        const of = JSON.stringify([name, endpoint, share.name]);
        entries.set(key, known ?? { key, of, share, limit: share.limit, number: 0, said: undefined });
      }
    };
    for (const upstream of upstreams) {
      keep(upstream.name, sharesOf(upstream));
      const whole = 'rpc' in upstream || upstream.sections === undefined ? undefined : upstream.whole;
      if (whole !== undefined) {
        const name = wholeName(upstream.name);
        keep(
          name,
          whole.limits.map((share) => ({ share })),
        );
        whole.listen({
          waits: () => this.#hurry(),
          paused: (limit, ms) => this.#paused(JSON.stringify([name, undefined, limit]), ms),
        });
      }
      if (this.#seen.has(upstream)) continue;
      this.#seen.add(upstream);
      upstream.book.listen({
        rateWaits: () => this.#hurry(),
        ratePaused: ({ endpoint, limit, pauseMs }) => {
          // A limit of one origin is for all its endpoints.
          const of = 'rpc' in upstream ? endpoint : undefined;
          this.#paused(JSON.stringify([upstream.name, of, limit]), pauseMs);
        },
      });
    }
    this.#entries = entries;
    this.#look();
  }

  granted({ key, number, places }: Grant): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return; // of an upstream that a reload has replaced
    entry.number = number;
    entry.share.places = places;
    this.#tell(entry);
  }

  /** As the peer has asked another worker. */
  pause({ key, ms }: Pause): void {
    this.#entries.get(key)?.share.pause(ms);
  }

  /** Twice is harmless. */
  close(): void {
    clearTimeout(this.#timer);
    this.#entries.clear();
  }

  #paused(of: string, ms: number): void {
    for (const entry of this.#entries.values()) if (entry.of === of) this.#sayPause({ key: entry.key, ms });
  }

  /** Somebody waits. */
  #hurry(): void {
    if (this.#soon) return;
    this.#soon = true;
    setImmediate(() => this.#look());
  }

  #look(): void {
    clearTimeout(this.#timer);
    this.#soon = false;
    let busy = false;
    for (const entry of this.#entries.values()) {
      const demand = demandOf(entry);
      if (isNews(demand, entry)) this.#tell(entry);
      busy ||= demand.nextWeight > 0 || demand.held > entry.share.places;
    }
    if (this.#entries.size === 0) return;
    this.#timer = setTimeout(() => this.#look(), busy ? SOON_MS : LOOK_MS);
    this.#timer.unref();
  }

  #tell(entry: Entry): void {
    entry.said = demandOf(entry);
    this.#say(entry.said);
  }
}

/** Its own: those of all sections are kept together here before they are with other workers. */
function sharesOf(upstream: AnyUpstream): readonly { readonly endpoint?: string; readonly share: Share }[] {
  if ('rpc' in upstream) return upstream.rpc.rateShares();
  const shares = upstream.client.rateShares();
  return shares.slice(0, shares.length - upstream.wholeCount).map((share) => ({ share }));
}

function demandOf({ key, share, limit, number }: Entry): Demand {
  const { used, waiting, nextWeight, places, settledMs, held = Math.max(places, used) } = share;
  const wanted = Math.min(used + waiting, limit);
  return { key, limit, settledMs, number, held, wanted, nextWeight };
}

/** Not every call is: only what may change who has how many. */
function isNews(demand: Demand, { said, limit, share }: Entry): boolean {
  if (said === undefined) return true;
  if (demand.held < said.held || demand.nextWeight > 0 !== said.nextWeight > 0) return true;
  if (demand.nextWeight > share.places && demand.nextWeight !== said.nextWeight) return true;
  const change = Math.abs(demand.wanted - said.wanted);
  return change > 0 && (change >= limit * NEWS || (demand.wanted === 0) !== (said.wanted === 0));
}
