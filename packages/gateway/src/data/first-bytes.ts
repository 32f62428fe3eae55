/** Which protocol a caller speaks, told by its first bytes; they stay in the socket for whoever takes it on. */
import type { Socket } from 'node:net';

/** How HTTP/2 begins without TLS (RFC 9113 § 3.3); no method of HTTP/1.1 is called so. */
const PREFACE = 'PRI * HTTP/2.0';

/**
 * Told once, unless the socket closes before. One that has not said enough within `ms` is closed, however often it said
 * a little.
 *
 * @param told whether they begin HTTP/2
 */
export function firstBytes(socket: Socket, ms: number, told: (isHttp2: boolean) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const until = performance.now() + ms;
  const onData = (bytes: Buffer): void => {
    seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes]);
    const text = seen.toString('latin1', 0, PREFACE.length);
    if (text.length < PREFACE.length && PREFACE.startsWith(text)) {
      return void socket.setTimeout(Math.max(1, until - performance.now())); // which begins anew with each byte
    }
    socket.off('data', onData).off('error', onError).off('timeout', onError).setTimeout(0);
    socket.pause();
    socket.unshift(seen);
    const isHttp2 = text === PREFACE;
    told(isHttp2);
    if (!isHttp2) socket.resume(); // Node's HTTP/2 takes what is there by itself, its HTTP/1.1 by listening
  };
  const onError = (): void => void socket.destroy();
  socket.on('data', onData).on('error', onError).on('timeout', onError).setTimeout(ms);
}
