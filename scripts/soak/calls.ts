/** Calls beside the streams, and leases that come and go: each ends, well or not, and none is left behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { GrpcPool } from 'keepwarm/grpc';
import { createYellowstone } from 'keepwarm/yellowstone';

const CALL_MS = 50;
const VISIT_MS = 1_000;
const DEADLINE_MS = 2_000;

export class Callers {
  readonly #ending = new AbortController();
  readonly #running: Promise<void>[] = [];
  readonly counts = { answered: 0, failed: 0, visits: 0, visitsFailed: 0 };

  constructor(pool: GrpcPool) {
    this.#running.push(this.#calls(pool), this.#visits(pool));
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#running);
  }

  async #calls(pool: GrpcPool): Promise<void> {
    await using lease = await pool.lease('calls', { group: 'calls' });
    await using yellowstone = createYellowstone({ client: lease.client });
    await this.#each(CALL_MS, async () => {
      try {
        await yellowstone.getSlot({ deadlineMs: DEADLINE_MS });
        this.counts.answered++;
      } catch {
        this.counts.failed++; // the server has its troubles
      }
    });
  }

  async #visits(pool: GrpcPool): Promise<void> {
    let number = 0;
    await this.#each(VISIT_MS, async () => {
      try {
        await using lease = await pool.lease(`visitor ${number++}`, { group: 'calls', waitMs: DEADLINE_MS });
        await using yellowstone = createYellowstone({ client: lease.client });
        await yellowstone.getVersion({ deadlineMs: DEADLINE_MS });
        this.counts.visits++;
      } catch {
        this.counts.visitsFailed++; // as above
      }
    });
  }

  async #each(everyMs: number, run: () => Promise<void>): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await run();
    }
  }
}
