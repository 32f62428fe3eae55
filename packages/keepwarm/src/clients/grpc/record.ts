/** What a client of gRPC counts of itself: calls by how they ended, and messages. */

import type { ConnectionRateSnapshot } from '../../pool/start-gate.ts';
import { STATUS, type StatusName } from '../../wire/grpc/status.ts';
import type { ClientStats } from '../stats.ts';

export interface GrpcStats {
  readonly calls: {
    readonly total: number;
    readonly inFlight: number;
    /** Those that have ended, by status; only statuses that occurred. */
    readonly byStatus: Readonly<Partial<Record<StatusName, number>>>;
  };
  readonly messages: {
    readonly sent: number;
    readonly received: number;
    /** Of those received, what could not be decompressed or decoded; the server may have ended with OK all the same. */
    readonly unreadable: number;
  };
  /** Of the limit on opening connections, where there is one. */
  readonly connectionRate?: ConnectionRateSnapshot | undefined;
  /** Of the connections beneath. There, an answer that is UNAVAILABLE counts as HTTP status 503. */
  readonly http: ClientStats;
}

export class GrpcRecord {
  sent = 0;
  received = 0;
  unreadable = 0;
  #total = 0;
  #inFlight = 0;
  readonly #byStatus = new Map<StatusName, number>();

  /** Calls begun. */
  get total(): number {
    return this.#total;
  }

  started(): void {
    this.#total++;
    this.#inFlight++;
  }

  ended(status: StatusName): void {
    this.#inFlight--;
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1);
  }

  snapshot(http: ClientStats, connectionRate: ConnectionRateSnapshot | undefined): GrpcStats {
    const names = [...this.#byStatus].sort(([a], [b]) => STATUS[a] - STATUS[b]);
    return {
      calls: { total: this.#total, inFlight: this.#inFlight, byStatus: Object.fromEntries(names) },
      messages: { sent: this.sent, received: this.received, unreadable: this.unreadable },
      connectionRate,
      http,
    };
  }
}
