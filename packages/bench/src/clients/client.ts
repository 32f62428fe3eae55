/** What every client of the benchmark is asked to do: the same call, its reply parsed. */

export interface Target {
  /** `http://127.0.0.1:8080` */
  readonly origin: string;
  readonly path: string;
  /** PEM of the authority to trust, over TLS. Verification is never switched off. */
  readonly ca: string;
  /** How many connections the client may hold: the calls in flight, and never fewer than 50. */
  readonly socketsMax: number;
}

export interface RpcReply {
  readonly id: number;
  readonly result: unknown;
}

export interface Client {
  /** POSTs CALL_BODY, insists on status 200, and gives the reply parsed from JSON. */
  call(): Promise<RpcReply>;
  /** Connections it still counts as busy though no call is under way, where it keeps count. */
  leaked?(): number;
  close(): void | Promise<void>;
}

export type OpenClient = (target: Target) => Client | Promise<Client>;

export const CALL_HEADERS = { 'content-type': 'application/json' } as const;

/** Insists on status 200. */
export function expectOk(status: number | undefined): void {
  if (status !== 200) throw new Error(`status ${status} instead of 200`);
}
