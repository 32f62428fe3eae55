/**
 * Who is still with an upstream: requests from the moment they were routed to it until they have been answered. One
 * that is to go waits for them, also for those whose bodies are still arriving: its client knows nothing of them yet.
 */
export class Tenure {
  #held = 0;
  #left: (() => void) | undefined;

  get held(): number {
    return this.#held;
  }

  enter(): void {
    this.#held++;
  }

  leave(): void {
    if (--this.#held === 0) this.#left?.();
  }

  /** Resolves when nobody is left, or after `ms`. Nobody enters any more by then. */
  async over(ms: number): Promise<void> {
    if (this.#held === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, TIMER_MS_MAX));
      this.#left = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The longest delay that a timer takes (2³¹ − 1 ms). */
const TIMER_MS_MAX = 2_147_483_647;
