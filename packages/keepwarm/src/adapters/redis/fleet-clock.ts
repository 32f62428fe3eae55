/**
 * What the clock of Redis says at most, as far as a process can know: from the last answer's instant, which Redis gave
 * between question and answer. By it a question says when it is too late to be acted upon.
 */
export class FleetClock {
  /** Redis's clock less ours, in ms, at most. */
  #ahead: number | undefined;

  /** @param redisUs what Redis said, after it was asked at `askedAt` */
  heard(redisUs: number, askedAt: number): void {
    this.#ahead = redisUs / 1_000 - askedAt;
  }

  /** The instant of Redis's, in µs, after which nothing is to be done any more; 0 while nothing is known. */
  latestUs(now: number, slackMs: number): number {
    return this.#ahead === undefined ? 0 : Math.ceil((this.#ahead + now + slackMs) * 1_000);
  }
}
