/**
 * Origins found to speak HTTP/1.1 only, or to want it: held for a while, so that their calls need not ask again. What a
 * handshake agreed to is undone by the next that agrees to HTTP/2; HTTP_1_1_REQUIRED is not, as it came after one.
 */
import type { Clock } from '../core/clock.ts';

/** How long it is held, in ms: servers are upgraded. */
const HELD_MS = 600_000;
/** A crawler meets more origins than are worth remembering; one that is forgotten is asked once more. */
export const ORIGINS_MAX = 1_000;

export class Http1Only {
  readonly #clock: Clock;
  /** Until when, learnt last at the end. */
  readonly #until = new Map<string, number>();
  readonly #required = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(origin: string): void {
    this.#until.delete(origin);
    this.#until.set(origin, this.#clock.now() + HELD_MS);
    if (this.#until.size <= ORIGINS_MAX) return;
    const [oldest] = this.#until.keys();
    this.#drop(oldest!);
  }

  /** It has asked for HTTP/1.1, over HTTP/2 (RFC 9113 § 7). */
  require(origin: string): void {
    this.#required.add(origin);
    this.note(origin);
  }

  /** A handshake there has agreed to HTTP/2. */
  forget(origin: string): void {
    if (!this.#required.has(origin)) this.#until.delete(origin);
  }

  #drop(origin: string): void {
    this.#until.delete(origin);
    this.#required.delete(origin);
  }

  /** @param inUse whether there are connections that say so still, however long ago it was learnt */
  has(origin: string, inUse: () => boolean): boolean {
    const until = this.#until.get(origin);
    if (until === undefined) return false;
    if (this.#clock.now() < until || inUse()) return true;
    this.#drop(origin);
    return false;
  }
}
