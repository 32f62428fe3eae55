/** The node ran the method, or refused to: its answer, not a failure of the network. */
import type { ErrorClass, RpcErrorObject } from './adapter.ts';

export interface RpcErrorDetails {
  readonly method?: string | undefined;
  /** Name of the endpoint that said it. */
  readonly endpoint?: string | undefined;
  /** What the adapter makes of it; nothing where there is no adapter. */
  readonly kind?: ErrorClass | undefined;
  /** Of the HTTP answer, when that was not 200. */
  readonly status?: number | undefined;
}

export class RpcError extends Error {
  override readonly name = 'RpcError';
  /** The node's own, e.g. -32601 for a method it does not have (JSON-RPC 2.0 § 5.1). */
  readonly code: number;
  readonly method: string | undefined;
  readonly endpoint: string | undefined;
  readonly kind: ErrorClass | undefined;
  readonly status: number | undefined;
  readonly #said: RpcErrorObject;

  constructor(said: RpcErrorObject, details: RpcErrorDetails = {}) {
    super(`RPC Error: ${said.message} (Code: ${said.code})`);
    this.code = said.code;
    this.method = details.method;
    this.endpoint = details.endpoint;
    this.kind = details.kind;
    this.status = details.status;
    this.#said = said;
  }

  /** What the node added. Kept out of what loggers and `util.inspect` show, as it may hold anything. */
  get data(): unknown {
    return this.#said.data;
  }

  /** The error object as the node sent it, whole. Kept out of sight likewise. */
  get said(): RpcErrorObject {
    return this.#said;
  }
}
