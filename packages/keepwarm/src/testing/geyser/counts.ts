/** What a test server has counted, so that a test can say what it must be. */
import type { SubscribeRequest } from '../../wire/geyser/generated/geyser_pb.js';
import type { DoorStats } from './door.ts';

export interface GeyserServerStats {
  readonly connections: DoorStats;
  readonly subscriptions: {
    /** Since the start, refused ones not among them. */
    readonly total: number;
    readonly open: number;
    readonly refused: number;
  };
  /** Requests written by subscribers: those with filters, those of them with `from_slot`, and pings. */
  readonly writes: { readonly filters: number; readonly replays: number; readonly pings: number };
  /** Updates sent, the server's own pings and pongs among them. */
  readonly updatesSent: number;
  /** Updates that wait for slow subscribers. */
  readonly updatesWaiting: number;
  /** Calls that get one message, by path. */
  readonly calls: Readonly<Record<string, number>>;
}

export class Counts {
  readonly #calls = new Map<string, number>();
  readonly #writes = { filters: 0, replays: 0, pings: 0 };
  subscribed = 0;
  refused = 0;
  sent = 0;

  called(path: string): void {
    this.#calls.set(path, (this.#calls.get(path) ?? 0) + 1);
  }

  wrote({ ping, fromSlot }: SubscribeRequest): void {
    if (ping !== undefined) this.#writes.pings++;
    else this.#writes.filters++;
    if (ping === undefined && fromSlot !== undefined) this.#writes.replays++;
  }

  snapshot(connections: DoorStats, open: readonly { readonly waiting: number }[]): GeyserServerStats {
    return {
      connections,
      subscriptions: { total: this.subscribed, open: open.length, refused: this.refused },
      writes: { ...this.#writes },
      updatesSent: this.sent,
      updatesWaiting: open.reduce((sum, { waiting }) => sum + waiting, 0),
      calls: Object.fromEntries(this.#calls),
    };
  }
}
