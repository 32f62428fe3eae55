/** Which methods endpoints have said they do not offer: calls of those go elsewhere for a while. */
import type { Clock } from '../../core/clock.ts';

/** How long that is believed, in ms: nodes are upgraded, plans changed. */
const BELIEVED_MS = 300_000;
/** Methods remembered per endpoint. */
const METHODS_MAX = 256;

export class MissingMethods {
  readonly #clock: Clock;
  readonly #until = new Map<string, Map<string, number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(endpoint: string, method: string): void {
    let methods = this.#until.get(endpoint);
    if (methods === undefined) this.#until.set(endpoint, (methods = new Map()));
    if (methods.size < METHODS_MAX || methods.has(method)) methods.set(method, this.#clock.now() + BELIEVED_MS);
  }

  has(endpoint: string, method: string): boolean {
    if (this.#until.size === 0) return false;
    const methods = this.#until.get(endpoint);
    const until = methods?.get(method);
    if (methods === undefined || until === undefined) return false;
    if (until > this.#clock.now()) return true;
    methods.delete(method);
    return false;
  }
}
