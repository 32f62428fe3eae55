/** How a call of gRPC failed: by the peer's word, or by what stands for it (docs/reference/grpc.md, "Status codes"). */
import type { Reach } from '../../core/error.ts';
import { Metadata } from '../../wire/grpc/metadata.ts';
import { STATUS, type StatusName } from '../../wire/grpc/status.ts';

export interface GrpcErrorDetails {
  /** How far the call got. Never left out: it decides whether a repeat is safe. */
  readonly reach: Reach;
  /** Of the method, `/package.Service/Method`. */
  readonly path?: string | undefined;
  /** The trailers it came with. */
  readonly metadata?: Metadata | undefined;
  /** `grpc-status-details-bin`: a google.rpc.Status in its binary form. */
  readonly details?: Uint8Array | undefined;
  /** How long the peer asks to be left alone, in ms; below 0 when it asks for no repeat at all. */
  readonly pushbackMs?: number | undefined;
  /** The NetError beneath, or what an encoder, a decoder or a source of messages threw. */
  readonly cause?: unknown;
  /** The name of the limit that was reached, and its value. */
  readonly limit?: string | undefined;
  readonly value?: number | undefined;
}

export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  /** The number of the status, 1 to 16. */
  readonly code: number;
  /** Its name, such as `UNAVAILABLE`. */
  readonly status: StatusName;
  /** What the peer said, or what we have to say in its place; `message` has method and status as well. */
  readonly statusMessage: string;
  readonly reach: Reach;
  readonly path: string | undefined;
  readonly metadata: Metadata;
  readonly pushbackMs: number | undefined;
  readonly limit: string | undefined;
  readonly value: number | undefined;
  readonly #details: Uint8Array | undefined;

  constructor(status: StatusName, statusMessage: string, details: GrpcErrorDetails) {
    const { path, cause } = details;
    const of = path === undefined ? '' : `${path}: `;
    super(`${of}${STATUS[status]} ${status}: ${statusMessage}`, cause === undefined ? undefined : { cause });
    this.code = STATUS[status];
    this.status = status;
    this.statusMessage = statusMessage;
    this.reach = details.reach;
    this.path = path;
    this.metadata = details.metadata ?? Metadata.none;
    this.pushbackMs = details.pushbackMs;
    this.limit = details.limit;
    this.value = details.value;
    this.#details = details.details;
  }

  /** A google.rpc.Status in its binary form, where the peer sent one. Kept out of what loggers show. */
  get details(): Uint8Array | undefined {
    return this.#details;
  }
}
