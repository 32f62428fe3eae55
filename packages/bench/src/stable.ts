/**
 * Where the client processes live. A full run gives every client a new one for each scenario, so that no scenario
 * inherits another's heap or compiled code. A quick run has no time for that: V8 takes about a second per client to
 * compile its hot path, so each client keeps its process, and opens its connections anew.
 */

import { ClientProcess } from './client-process.ts';
import type { Target } from './clients/client.ts';
import type { Contestant } from './contestant.ts';

export class Stable {
  /** A PEM file with the authority the clients trust. */
  readonly caFile: string;
  readonly #keep: boolean;
  readonly #kept = new Map<string, ClientProcess>();

  constructor(caFile: string, keep: boolean) {
    this.caFile = caFile;
    this.#keep = keep;
  }

  /** @throws where the client cannot be opened; its process is gone by then */
  async open(client: string, target: Target, slices: 'slice' | 'updates' = 'slice'): Promise<Contestant> {
    const kept = this.#kept.get(client);
    this.#kept.delete(client);
    const child = kept ?? new ClientProcess({ caFile: this.caFile });
    try {
      await child.ask('open', { client, target });
    } catch (error) {
      await child.close();
      throw error;
    }
    return {
      name: client,
      seasoned: kept !== undefined,
      slice: (order) => child.ask(slices, order),
      close: () => this.#putBack(client, child),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#kept.values()].map((child) => child.close()));
    this.#kept.clear();
  }

  async #putBack(client: string, child: ClientProcess): Promise<void> {
    if (!this.#keep) return child.close();
    try {
      await child.ask('close', {});
      this.#kept.set(client, child);
    } catch {
      await child.close(); // it failed under way, and its row says so already
    }
  }
}
