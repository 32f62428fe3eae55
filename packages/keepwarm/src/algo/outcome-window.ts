/**
 * Successes and failures of the last while, forgotten by the clock and by nothing else: after a silence as long as the
 * window nothing counts, however few outcomes came before or after it. (A window that moves on with each outcome keeps
 * old failures through any silence.)
 */
const SLOTS = 10;

export class OutcomeWindow {
  readonly #slotMs: number;
  readonly #failures = new Uint32Array(SLOTS);
  readonly #samples = new Uint32Array(SLOTS);
  /** Number, since the clock's zero, of the slot that is being filled. */
  #slot = Number.NEGATIVE_INFINITY;
  #failed = 0;
  #counted = 0;

  /** @param windowMs an outcome counts for at most so long, and for at least nine tenths of it */
  constructor(windowMs: number) {
    this.#slotMs = windowMs / SLOTS;
  }

  /** @param now never earlier than before */
  record(failed: boolean, now: number): void {
    this.#advance(now);
    const at = this.#slot % SLOTS;
    this.#samples[at]!++;
    this.#counted++;
    if (!failed) return;
    this.#failures[at]!++;
    this.#failed++;
  }

  samples(now: number): number {
    this.#advance(now);
    return this.#counted;
  }

  failures(now: number): number {
    this.#advance(now);
    return this.#failed;
  }

  clear(): void {
    this.#failures.fill(0);
    this.#samples.fill(0);
    this.#failed = 0;
    this.#counted = 0;
  }

  #advance(now: number): void {
    const slot = Math.floor(now / this.#slotMs);
    if (slot <= this.#slot) return;
    if (slot - this.#slot >= SLOTS) this.clear();
    else for (let passed = this.#slot + 1; passed <= slot; passed++) this.#forget(passed % SLOTS);
    this.#slot = slot;
  }

  #forget(at: number): void {
    this.#failed -= this.#failures[at]!;
    this.#counted -= this.#samples[at]!;
    this.#failures[at] = 0;
    this.#samples[at] = 0;
  }
}
