/** What the peer saw: the other half of the truth, which no client can tell about itself. */

/** Grain of the counts over time, in ms. */
export const SLOT_MS = 100;

/** Slots kept; a minute and a half, longer than any row takes. What comes later counts in the last. */
const SLOTS_MAX = 900;

export interface Seen {
  /** Requests whose heads arrived. */
  readonly received: number;
  /** Non-idempotent requests that arrived and had arrived before. */
  readonly duplicates: number;
  /** Connections accepted. */
  readonly accepted: number;
  /** Requests that came in a window after a 429 had said when to come back; see {@link EARLY_MS}. */
  readonly early: number;
  /** The first connection, in ms since 1970; 0 before it. */
  readonly epochMs: number;
  /** Requests and connections per slot since then. */
  readonly receivedBy: readonly number[];
  readonly acceptedBy: readonly number[];
  /** When each request came, in ms since 1970; empty unless the plan asks for it. */
  readonly instants: readonly number[];
}

/** Instants kept, where they are. More would be a row that is too long. */
const INSTANTS_MAX = 100_000;

/**
 * What was on its way when the 429 was written cannot know of it: so long after, in ms, a request counts as early. Far
 * beyond a round trip on loopback, as the machine may be busy.
 */
export const EARLY_MS = 400;

/** Comparable between processes of one machine, and finer than a millisecond. */
export const nowMs = (): number => performance.timeOrigin + performance.now();

/** Of all servers of this process: a call may have tried several of them. */
const posted = new Set<string>();

export class Tally {
  #received = 0;
  #duplicates = 0;
  #accepted = 0;
  #early = 0;
  #epochMs = 0;
  readonly #receivedBy: number[] = [];
  readonly #acceptedBy: number[] = [];
  readonly #instants: number[] | undefined;

  /** @param instants whether to keep the instant of every request */
  constructor(instants: boolean) {
    if (instants) this.#instants = [];
  }

  /** Since the first connection, in ms. */
  get elapsedMs(): number {
    return this.#epochMs === 0 ? 0 : nowMs() - this.#epochMs;
  }

  accept(): void {
    if (this.#epochMs === 0) this.#epochMs = nowMs();
    this.#accepted++;
    this.#count(this.#acceptedBy);
  }

  /** @param id names the call, however many attempts it takes */
  receive(method: string, id: string): void {
    this.#received++;
    this.#count(this.#receivedBy);
    if (this.#instants !== undefined && this.#instants.length < INSTANTS_MAX) this.#instants.push(nowMs());
    if (method !== 'POST') return;
    if (posted.has(id)) this.#duplicates++;
    posted.add(id);
  }

  comeEarly(): void {
    this.#early++;
  }

  seen(): Seen {
    return {
      received: this.#received,
      duplicates: this.#duplicates,
      accepted: this.#accepted,
      early: this.#early,
      epochMs: this.#epochMs,
      receivedBy: Array.from(this.#receivedBy, (count = 0) => count),
      acceptedBy: Array.from(this.#acceptedBy, (count = 0) => count),
      instants: this.#instants ?? [],
    };
  }

  #count(slots: number[]): void {
    const slot = Math.min(Math.floor(this.elapsedMs / SLOT_MS), SLOTS_MAX - 1);
    slots[slot] = (slots[slot] ?? 0) + 1;
  }
}
