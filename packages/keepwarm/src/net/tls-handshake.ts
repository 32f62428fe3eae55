/** The TLS handshake of a connection that has been opened: waited for, bounded by a signal, its peer judged. */
import type { TLSSocket } from 'node:tls';
import { NetError } from '../core/error.ts';
import type { Origin } from '../core/origin.ts';
import { tlsFailure } from './dial-failure.ts';
import { giveUp } from './race.ts';
import type { TlsSetup } from './tls.ts';

/**
 * Waits for the handshake that `tls.connect` has begun; when it fails, or the peer is not who it must be, the socket is
 * destroyed.
 *
 * @throws NetError `TLS` or `CONNECT` with phase `tls`, or the signal's reason
 */
export function handshake(origin: Origin, socket: TLSSocket, tls: TlsSetup, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | undefined): void => {
      socket.off('secureConnect', onSecure).off('error', settle).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) return resolve();
      giveUp(socket);
      reject(error instanceof NetError ? error : tlsFailure(origin, error));
    };
    const onSecure = (): void => settle(tls.judge(origin, socket));
    const onClose = (): void => settle(new Error('the peer closed the connection during the TLS handshake'));
    const onAbort = (): void => settle(signal.reason as NetError);
    socket.on('secureConnect', onSecure).on('error', settle).on('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
