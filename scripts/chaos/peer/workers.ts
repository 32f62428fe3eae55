/** A server's capacity: a few workers and a queue. What is in the queue is served, whether anybody waits or not. */
import type { Overload } from './fault.ts';

/** Requests that may queue; a listener's backlog is bounded as well. Beyond, the connection is reset. */
const QUEUE_MAX = 20_000;

/** The queue at which the strain is greatest. */
const STRAINED = 200;

export class Workers {
  readonly #plan: Overload;
  readonly #elapsedMs: () => number;
  readonly #queue: ((served: boolean) => void)[] = [];
  #busy = 0;
  #stopped = false;

  constructor(plan: Overload, elapsedMs: () => number) {
    this.#plan = plan;
    this.#elapsedMs = elapsedMs;
  }

  /** @returns whether it was served; not so when the queue was full */
  serve(): Promise<boolean> {
    if (this.#stopped || this.#queue.length >= QUEUE_MAX) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#queue.push(resolve);
      this.#next();
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const resolve of this.#queue.splice(0)) resolve(false);
  }

  #next(): void {
    if (this.#busy >= this.#plan.workers) return;
    const resolve = this.#queue.shift();
    if (resolve === undefined) return;
    this.#busy++;
    setTimeout(() => {
      this.#busy--;
      resolve(true);
      this.#next();
    }, this.#serviceMs());
  }

  #serviceMs(): number {
    const { serviceMs, strain, factor, fromMs, untilMs } = this.#plan;
    const elapsed = this.#elapsedMs();
    const trouble = elapsed >= fromMs && elapsed < untilMs ? factor : 1;
    return serviceMs * trouble * (1 + (strain - 1) * Math.min(this.#queue.length / STRAINED, 1));
  }
}
