/**
 * A tunnel through an HTTP proxy: CONNECT, and what the proxy answers (RFC 9110 § 9.3.6).
 *
 *   connected ──CONNECT──▶ asked ──2xx, and nothing after it──▶ open
 *                            └──another status, nonsense, silence, the end──▶ closed
 *
 * Invariants:
 *   (1) What the proxy reads before the tunnel is open is the CONNECT request and nothing else.
 *   (2) What the origin's side reads is what came after the 2xx, and nothing of the proxy's.
 *   (3) A refusal ends the connection; its body is not read.
 */
import type { OnReadOpts, Socket } from 'node:net';
import { NetError } from '../core/error.ts';
import type { Origin } from '../core/origin.ts';
import { INCOMPLETE, ResponseHead, readHead } from '../wire/response-head.ts';
import type { ProxyPeer } from './proxy.ts';
import { giveUp } from './race.ts';

const LIMITS = { headBytesMax: 16 * 1024, fieldsMax: 128 };
/** Interim answers before the one that counts. */
const INTERIM_MAX = 16;

/** Reads of a socket, first by the tunnel, then by whoever it is for, in the same buffer. */
export class Reading {
  reader: ((bytes: Buffer) => boolean) | undefined;
  readonly onread: OnReadOpts;
  readonly #replay: (socket: Socket, early: Buffer) => void;

  constructor(after: OnReadOpts) {
    const buffer = typeof after.buffer === 'function' ? after.buffer() : after.buffer;
    const reading = this;
    this.onread = {
      buffer,
      callback(this: unknown, count, bytes): boolean {
        const { reader } = reading;
        if (reader === undefined) return after.callback.call(this, count, bytes);
        return reader(Buffer.from(bytes.subarray(0, count)));
      },
    };
    this.#replay = (socket, early) => {
      buffer.set(early);
      after.callback.call(socket, early.length, buffer);
    };
  }

  /** What came before its reader was there; at most what one head may be long. */
  replay(socket: Socket, early: Buffer): void {
    this.#replay(socket, early);
  }
}

/**
 * Asks the proxy that the socket leads to for a tunnel.
 *
 * @param mayBeSpokenTo whether the origin may send before it has been sent anything, as HTTP/2 servers do
 * @returns what the origin has sent already
 * @throws NetError `STATUS` when the proxy refuses, `CONNECT` when it could not or went away, `PROTOCOL` or `LIMIT` for
 *         what is no answer, or the signal's reason; the socket is destroyed then
 */
export function openTunnel(
  socket: Socket,
  reading: Reading,
  proxy: ProxyPeer,
  origin: Origin,
  mayBeSpokenTo: boolean,
  signal: AbortSignal,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const answer = new Answer();
    const settle = (error: NetError | undefined, rest?: Buffer): void => {
      reading.reader = undefined;
      socket.off('end', onEnd).off('close', onEnd).off('error', onError);
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) return resolve(rest!);
      giveUp(socket);
      reject(error);
    };
    const onEnd = (): void => settle(failure('CONNECT', 'it closed the connection instead of answering CONNECT'));
    const onError = (cause: Error): void => settle(failure('CONNECT', `it was lost: ${cause.message}`, { cause }));
    const onAbort = (): void => settle(signal.reason as NetError);
    reading.reader = (bytes) => {
      try {
        const rest = answer.read(bytes);
        if (rest === undefined) return true;
        if (rest.length > 0 && !mayBeSpokenTo) {
          throw failure('PROTOCOL', `it sent ${rest.length} bytes into a tunnel in which nobody had spoken`);
        }
        settle(undefined, rest);
      } catch (thrown) {
        settle(NetError.from(thrown));
        return false;
      }
      return true;
    };
    socket.on('end', onEnd).on('close', onEnd).on('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else socket.write(proxy.connectRequest(origin), 'latin1');
  });
}

/** The answer to CONNECT, however it is cut into pieces. */
class Answer {
  readonly #head = new ResponseHead();
  #bytes: Buffer = Buffer.alloc(0);
  #interims = 0;

  /** @returns what follows the 2xx; nothing until that is whole */
  read(bytes: Buffer): Buffer | undefined {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      const end = readHead(this.#bytes, 0, this.#bytes.length, this.#head, LIMITS);
      if (end === INCOMPLETE) return undefined;
      const { status } = this.#head;
      this.#bytes = this.#bytes.subarray(end);
      // Lengths and codings in a 2xx say nothing here (RFC 9110 § 9.3.6): what follows is the tunnel.
      if (status >= 200 && status < 300) return this.#bytes;
      if (status >= 200 || status === 101) throw refusal(status);
      if (++this.#interims > INTERIM_MAX) throw failure('PROTOCOL', `it sent more than ${INTERIM_MAX} interim answers`);
    }
  }
}

/** Statuses by which a proxy says that it could not just now; any other is its will, and would come again. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

const UNKNOWN_TO_IT = 'it wants credentials, or others than these: they stand in its URL, or in its headers';

const MEANT: Readonly<Record<number, string>> = {
  401: UNKNOWN_TO_IT, // tinyproxy, when the credentials are wrong
  403: 'it does not allow this host or port: many allow CONNECT to port 443 only',
  405: 'it does not open tunnels to this port, or at all',
  407: UNKNOWN_TO_IT,
  501: 'it does not open tunnels',
};

function refusal(status: number): NetError {
  const meant = MEANT[status];
  const what = `it answered CONNECT with ${status}${meant === undefined ? '' : `; ${meant}`}`;
  return failure(PASSING.has(status) ? 'CONNECT' : 'STATUS', what, { status });
}

function failure(
  code: 'CONNECT' | 'STATUS' | 'PROTOCOL',
  what: string,
  more: { readonly status?: number; readonly cause?: Error } = {},
): NetError {
  return new NetError(code, what, { reach: 'unsent', phase: 'proxy', ...more });
}
