/** What every client of the benchmark is asked to do: the same call, its reply parsed. */
import type { Updating } from '../grpc/stream-client.ts';
import { CALL_BODY, longCall } from '../server/replies.ts';

export interface Target {
  /** `http://127.0.0.1:8080` */
  readonly origin: string;
  readonly path: string;
  /** PEM of the authority to trust, over TLS. Verification is never switched off. */
  readonly ca: string;
  /** How many connections the client may hold: the calls in flight, and never fewer than 50. */
  readonly socketsMax: number;
  /** Length of the call's body where it is not the usual one. */
  readonly bodyBytes?: number | undefined;
}

export interface RpcReply {
  readonly id: number;
  readonly result: unknown;
}

export interface Client {
  /** POSTs the target's body, insists on status 200, and gives the reply parsed from JSON. */
  call(): Promise<RpcReply>;
  /** Where a stream of updates is measured instead of calls. */
  readonly updating?: Updating;
  /** Connections it still counts as busy though no call is under way, where it keeps count. */
  leaked?(): number;
  close(): void | Promise<void>;
}

export type OpenClient = (target: Target) => Client | Promise<Client>;

export const CALL_HEADERS = { 'content-type': 'application/json' } as const;

/** The body of every call to the target. */
export const bodyOf = ({ bodyBytes }: Target): string => (bodyBytes === undefined ? CALL_BODY : longCall(bodyBytes));

/** Insists on status 200. */
export function expectOk(status: number | undefined): void {
  if (status !== 200) throw new Error(`status ${status} instead of 200`);
}
