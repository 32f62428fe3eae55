/**
 * Connections that somebody else opens: a function of the user's, or a tunnel. They are made to look like the sockets
 * we open ourselves: read through the same callback, counted, and asleep while idle where they can be.
 */
import { type OnReadOpts, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { NetError } from '../core/error.ts';
import type { Origin } from '../core/origin.ts';

/**
 * Opens a connection to an origin in its own way: any stream that carries bytes both ways. To an `https:` origin TLS is
 * spoken over it, so it must not speak TLS itself. `signal` fires when nobody wants it any more; what comes after that
 * is destroyed.
 */
export type Connector = (origin: Origin, signal: AbortSignal) => Promise<Duplex> | Duplex;

/** @throws NetError `CONNECT` for a failure of the connector's, `INVALID` for what is no stream */
export async function connectWith(connector: Connector, origin: Origin, signal: AbortSignal): Promise<Socket> {
  let stream: unknown;
  try {
    stream = await connector(origin, signal);
  } catch (cause) {
    if (cause instanceof NetError) throw cause.withReach('unsent');
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new NetError('CONNECT', `the connector gave no connection to ${origin.key}: ${message}`, {
      reach: 'unsent',
      phase: 'connect',
      origin: origin.key,
      cause,
    });
  }
  if (!isDuplex(stream)) {
    throw new NetError('INVALID', `the connector for ${origin.key} gave no stream that is read and written`, {
      reach: 'unsent',
      phase: 'connect',
      origin: origin.key,
    });
  }
  const socket = asSocket(stream);
  if (!signal.aborted) return connected(socket, origin, signal);
  socket.on('error', () => {}); // too late: nobody wants to know
  socket.destroy();
  throw signal.reason;
}

/** A socket may be handed over while it still connects. */
function connected(socket: Socket, origin: Origin, signal: AbortSignal): Promise<Socket> {
  if (socket.destroyed) return Promise.reject(gone(origin, undefined));
  if (!socket.connecting) return Promise.resolve(socket);
  return new Promise((resolve, reject) => {
    const settle = (error: NetError | undefined): void => {
      socket.off('connect', onConnect).off('error', onError);
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) return resolve(socket);
      socket.on('error', () => {}).destroy();
      reject(error);
    };
    const onConnect = (): void => settle(undefined);
    const onError = (cause: Error): void => settle(gone(origin, cause));
    const onAbort = (): void => settle(signal.reason as NetError);
    socket.on('connect', onConnect).on('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function gone(origin: Origin, cause: Error | undefined): NetError {
  const why = cause?.message ?? 'it is closed already';
  return new NetError('CONNECT', `the connector's connection to ${origin.key} cannot be used: ${why}`, {
    reach: 'unsent',
    phase: 'connect',
    origin: origin.key,
    cause,
  });
}

/**
 * From now on what the stream reads goes through `onread`, as with a socket that was opened with it: reading stops when
 * the callback says so, and goes on with `resume()`. Node takes `onread` for sockets it opens itself only, so what the
 * source pushes is caught on its way into the stream. What is pushed from within the callback is for the stream: so a
 * holder lent the socket gets its bytes.
 */
export function pour(socket: Socket, onread: OnReadOpts): void {
  const { callback } = onread;
  const buffer = typeof onread.buffer === 'function' ? onread.buffer() : onread.buffer;
  const { push, pause, resume } = socket;
  const held: (Buffer | null)[] = [];
  let telling = false;
  let stopped = false;
  const intoStream = (chunk: unknown): boolean => push.call(socket, chunk);
  const tell = (chunk: Buffer): void => {
    for (let at = 0; at < chunk.length; ) {
      if (stopped) return void held.push(chunk.subarray(at));
      const part = chunk.subarray(at, at + buffer.length);
      buffer.set(part);
      at += part.length;
      telling = true;
      try {
        if (!callback.call(socket, part.length, buffer)) stopped = true;
      } finally {
        telling = false;
      }
    }
  };
  const take = (chunk: Buffer | null): boolean => {
    if (stopped) held.push(chunk);
    else if (chunk === null) {
      intoStream(null);
      socket.read(0); // so that the end is told though nobody reads
    } else tell(chunk);
    if (!stopped) intoStream(EMPTY); // whoever pushes when asked is asked again
    return !stopped;
  };
  Object.assign(socket, {
    push: (chunk: unknown): boolean => {
      if (telling || !(chunk === null || Buffer.isBuffer(chunk))) return intoStream(chunk);
      if (chunk !== null) count(socket, chunk.length);
      return take(chunk);
    },
    pause: () => {
      stopped = true;
      return pause.call(socket);
    },
    resume: () => {
      stopped = false;
      for (const chunk of held.splice(0)) take(chunk);
      if (!stopped && !socket.readableEnded) intoStream(EMPTY);
      return resume.call(socket);
    },
  });
  socket.read(0);
}

const EMPTY = Buffer.alloc(0);

interface Tally {
  bytesRead: number;
  bytesWritten: number;
}
/** Of streams that do not count for themselves. */
const tallies = new WeakMap<object, Tally>();

function count(socket: Socket, bytes: number): void {
  const tally = tallies.get(socket);
  if (tally !== undefined) tally.bytesRead += bytes;
}

/** Given what a socket has and any other stream has not, as far as connections ask for it. */
function asSocket(stream: Duplex): Socket {
  if (stream instanceof Socket) return stream;
  const tally: Tally = { bytesRead: 0, bytesWritten: 0 };
  const { write } = stream;
  const itself = (): Socket => socket;
  Object.defineProperties(stream, {
    bytesRead: { get: () => tally.bytesRead, configurable: true },
    bytesWritten: { get: () => tally.bytesWritten, configurable: true },
  });
  const counted = (...given: Parameters<Duplex['write']>): boolean => {
    const [chunk] = given;
    tally.bytesWritten += typeof chunk === 'string' ? Buffer.byteLength(chunk) : lengthOf(chunk);
    return write.apply(stream, given);
  };
  const { _write, _writev } = stream;
  if (typeof _write === 'function') stream._write = careful(stream, _write);
  if (typeof _writev === 'function') stream._writev = careful(stream, _writev);
  const socket = stream as Socket; // with what is used of one
  Object.assign(socket, { write: counted, ref: itself, unref: itself, connecting: false });
  socket.setTimeout = itself;
  tallies.set(stream, tally);
  return socket;
}

/**
 * What throws when it is written to would throw where we write, in the middle of others' calls: it fails instead. A
 * turn later, as nobody knows how much of it is gone.
 */
function careful<Given extends unknown[]>(stream: Duplex, write: (...given: Given) => void) {
  return (...given: Given): void => {
    try {
      write.apply(stream, given);
    } catch (thrown) {
      process.nextTick(given.at(-1) as (error: unknown) => void, thrown);
    }
  };
}

const lengthOf = (chunk: unknown): number => (chunk instanceof Uint8Array ? chunk.length : 0);

function isDuplex(stream: unknown): stream is Duplex {
  return (
    typeof stream === 'object' &&
    stream !== null &&
    ['write', 'on', 'pause', 'resume', 'destroy', 'unshift'].every(
      (name) => typeof (stream as Record<string, unknown>)[name] === 'function',
    )
  );
}
