/**
 * What happens in the gateway, as it happens: the last events, for whoever has missed some, and all that follow, for
 * whoever listens.
 *
 * Invariants:
 *   (1) Numbers grow by one with each event, and belong to this run of the gateway: `run-number`.
 *   (2) No more than `EVENTS_MAX` of the kinds that come with every call are remembered, and as many of the others, so
 *       that an hour of calls does not push out what happened in it. Who asks for older ones is told how many are gone.
 *   (3) Of one kind and upstream no more than `PER_SECOND_MAX` are told in a second. The next one tells how many were
 *       left out before it (`omitted`).
 */
import { randomBytes } from 'node:crypto';

/** A minute of a busy gateway, and a page opened again after a coffee. */
export const EVENTS_MAX = 1_000;
/** More than eyes can follow. */
export const PER_SECOND_MAX = 20;

/** Kinds that come with calls and connections: as many as there is traffic. */
const FREQUENT: ReadonlySet<string> = new Set([
  ...[
    'call',
    'socketOpened',
    'socketClosed',
    'sessionChanged',
    'hopped',
    'retried',
    'retryDenied',
    'hedged',
    'hedgeWon',
  ],
  ...['rateWaits', 'concurrencyWaits'],
]);

export interface FeedEvent {
  /** Where to go on from: the Last-Event-ID of a reader that comes back. */
  readonly id: string;
  /** Ms since 1970. */
  readonly at: number;
  /** The name of a fact (docs/reference/observer.md), or `call`, `action`, `reloaded`, `draining`, `history`. */
  readonly kind: string;
  readonly upstream?: string | undefined;
  /** Events of this kind left out before this one, as there were too many. */
  readonly omitted?: number;
  readonly [field: string]: unknown;
}

/** What is missing, and what is not, since an event. */
export interface Missed {
  /** Events that cannot be told any more; `undefined` when they were those of another run. */
  readonly lost: number | undefined;
  readonly events: readonly FeedEvent[];
}

interface Remembered {
  readonly number: number;
  readonly event: FeedEvent;
}

interface Pace {
  second: number;
  told: number;
  omitted: number;
}

export class Feed {
  /** Of this run of the gateway. */
  readonly run = randomBytes(4).toString('hex');
  readonly #frequent: Remembered[] = [];
  readonly #rare: Remembered[] = [];
  readonly #listeners = new Set<(event: FeedEvent) => void>();
  readonly #paces = new Map<string, Pace>();
  readonly #now: () => number;
  #last = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The number of the last event. */
  get last(): string {
    return `${this.run}-${this.#last}`;
  }

  get listening(): number {
    return this.#listeners.size;
  }

  tell(kind: string, upstream: string | undefined, fields: object): void {
    const at = this.#now();
    const omitted = this.#admit(`${kind} ${upstream ?? ''}`, at);
    if (omitted === undefined) return;
    const id = `${this.run}-${++this.#last}`;
    const more = omitted === 0 ? {} : { omitted };
    const event: FeedEvent = { id, at, kind, ...(upstream === undefined ? {} : { upstream }), ...more, ...fields };
    const remembered = FREQUENT.has(kind) ? this.#frequent : this.#rare;
    remembered.push({ number: this.#last, event });
    if (remembered.length > EVENTS_MAX) remembered.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** @returns how to stop; twice is harmless */
  listen(listener: (event: FeedEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What has happened since the event with this id. */
  since(id: string): Missed {
    const [run, number] = [id.slice(0, id.lastIndexOf('-')), Number(id.slice(id.lastIndexOf('-') + 1))];
    const known = run === this.run && Number.isSafeInteger(number) && number >= 0 && number <= this.#last;
    const all = [...this.#frequent, ...this.#rare].sort((a, b) => a.number - b.number);
    const missed = known ? all.filter((each) => each.number > number) : all;
    const events = missed.map(({ event }) => event);
    return { lost: known ? this.#last - number - events.length : undefined, events };
  }

  /** @returns how many were left out before this one; nothing when it is left out itself */
  #admit(key: string, at: number): number | undefined {
    const second = Math.floor(at / 1_000);
    let pace = this.#paces.get(key);
    if (pace === undefined) {
      // Kinds are few, but upstreams come and go with reloads.
      if (this.#paces.size >= EVENTS_MAX) this.#paces.clear();
      pace = { second, told: 0, omitted: 0 };
      this.#paces.set(key, pace);
    }
    if (pace.second !== second) {
      pace.second = second;
      pace.told = 0;
    }
    if (pace.told >= PER_SECOND_MAX) {
      pace.omitted++;
      return undefined;
    }
    pace.told++;
    const { omitted } = pace;
    pace.omitted = 0;
    return omitted;
  }
}
