/** The node ran the method, or refused to: its answer, not a failure of the network. */
import { known } from '../../core/error.ts';
import type { ErrorClass, RpcErrorObject } from './adapter.ts';

export interface RpcErrorDetails {
  readonly method?: string | undefined;
  /** Name of the endpoint that said it. */
  readonly endpoint?: string | undefined;
  /** What the adapter makes of it; nothing where there is no adapter. */
  readonly kind?: ErrorClass | undefined;
  /** Of the HTTP answer, when that was not 200. */
  readonly status?: number | undefined;
  /** Ours, as it is spelt in the options, where it is why no more was done about what the node said; and its value. */
  readonly limit?: string | undefined;
  readonly value?: number | undefined;
  readonly cause?: RpcError | undefined;
}

const OPTIONAL = ['method', 'endpoint', 'kind', 'status', 'limit', 'value'] as const;

export class RpcError extends Error {
  override readonly name = 'RpcError';
  /** The node's own, e.g. -32601 for a method it does not have (JSON-RPC 2.0 § 5.1). */
  readonly code: number;
  // What is not known is not there, so that an error that is printed shows what there is to read.
  declare readonly method: string | undefined;
  declare readonly endpoint: string | undefined;
  declare readonly kind: ErrorClass | undefined;
  declare readonly status: number | undefined;
  declare readonly limit: string | undefined;
  declare readonly value: number | undefined;
  readonly #said: RpcErrorObject;

  constructor(said: RpcErrorObject, details: RpcErrorDetails = {}) {
    const { cause } = details;
    super(`RPC Error: ${said.message} (Code: ${said.code})`, cause === undefined ? undefined : { cause });
    this.code = said.code;
    Object.assign(this, known(details, OPTIONAL));
    this.#said = said;
  }

  /**
   * The same error, and which limit of ours kept it from being helped. Its words stand behind the node's own, for who
   * reads those; `cause` is the node's error as it came.
   */
  limitedBy(what: string, limit: string, value: number): RpcError {
    const said = { ...this.#said, message: `${this.#said.message}; ${what} (limit ${limit} ${value})` };
    return new RpcError(said, { ...this, limit, value, cause: this });
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
