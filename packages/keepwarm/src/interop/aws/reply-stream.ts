/** A reply's body as a Readable, read no faster than its reader reads. */
import { Readable } from 'node:stream';
import type { NetError } from '../../core/error.ts';
import type { BodySink, BodySource } from '../../core/reply.ts';

/**
 * @param body whole, or as it arrives; the call's deadline no longer ends it: its reader sets the pace
 * @param worded how a failure is told
 */
export function readableOf(body: Uint8Array | BodySource, worded: (error: NetError) => Error): Readable {
  if (body instanceof Uint8Array) return whole(body);
  let started = false;
  let ended = false;
  const sink: BodySink = {
    keeps: true,
    data: (chunk, yours) => readable.push(yours === true ? chunk : Buffer.from(chunk)),
    end: () => {
      ended = true;
      readable.push(null);
    },
    fail: (error) => {
      ended = true;
      readable.destroy(worded(error));
    },
  };
  const readable = new Readable({
    read() {
      if (started) return body.resume();
      started = true;
      body.start(sink);
    },
    destroy(error, done) {
      if (!ended) body.cancel(error ?? new Error('its reader has left'));
      done(error);
    },
  });
  body.liftDeadline();
  return readable;
}

function whole(bytes: Uint8Array): Readable {
  return new Readable({
    read() {
      if (bytes.length > 0) this.push(bytes);
      this.push(null);
    },
  });
}
