/** One stream upstream, as the multiplexer sees it: requests go in, updates come out, and it ends once. */
import { Buffer } from 'node:buffer';
import { type GrpcMethod, rawMethod } from '../../../clients/grpc/method.ts';
import type { GrpcCallOptions } from '../../../clients/grpc/options.ts';
import { Outbox } from '../../../clients/grpc/outbox.ts';
import type { GrpcStream } from '../../../clients/grpc/stream.ts';
import { NetError } from '../../../core/error.ts';
import { GrpcError } from '../../../engines/grpc/error.ts';

export type LinkError = GrpcError | NetError;

export interface LinkEvents {
  update(bytes: Buffer): void;
  /** Told once, and not after `close`. @param error nothing when the peer ended it with OK */
  ended(error: LinkError | undefined): void;
}

export interface UpstreamLink {
  write(request: Uint8Array): void;
  /** Ends it at the peer; twice is harmless. */
  close(): void;
}

/** Opens a stream whose first request is given. */
export type OpenUpstream = (first: Uint8Array, events: LinkEvents) => UpstreamLink;

/** Whatever makes streams of calls: a client, a pool, a lease of one. */
export interface Streaming {
  bidi<I, O>(method: GrpcMethod<I, O>, messages: AsyncIterable<I>, options?: GrpcCallOptions): GrpcStream<O>;
}

export const SUBSCRIBE_PATH = '/geyser.Geyser/Subscribe';

const SUBSCRIBE = rawMethod(SUBSCRIBE_PATH);

/**
 * @param streaming  or what gives one for each stream, such as a lease of a pool
 * @param messageBytesMax of one update; providers send whole blocks
 */
export function openWith(
  streaming: Streaming | (() => Streaming | Promise<Streaming>),
  messageBytesMax: number,
): OpenUpstream {
  return (first, events) => {
    const requests = new Outbox<Uint8Array>();
    const ending = new AbortController();
    const write = (request: Uint8Array): void => void requests.write(request).catch(ignored);
    write(first);
    const open = async (): Promise<GrpcStream<Uint8Array>> => {
      const by = typeof streaming === 'function' ? await streaming() : streaming;
      return by.bidi(SUBSCRIBE, requests, { messageBytesMax, signal: ending.signal });
    };
    void read(open, events, ending);
    return {
      write,
      close: () => {
        requests.end();
        ending.abort(new Error('the stream is needed no more'));
      },
    };
  };
}

async function read(
  open: () => Promise<GrpcStream<Uint8Array>>,
  events: LinkEvents,
  ending: AbortController,
): Promise<void> {
  let error: LinkError | undefined;
  try {
    for await (const bytes of await open()) {
      if (ending.signal.aborted) return;
      events.update(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    }
  } catch (thrown) {
    error = thrown instanceof GrpcError ? thrown : NetError.from(thrown);
  }
  if (!ending.signal.aborted) events.ended(error);
}

/** A request that was not taken: its stream has ended, which is told by itself. */
function ignored(): void {}
