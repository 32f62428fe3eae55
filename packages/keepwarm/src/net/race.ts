/**
 * The race for one connection (RFC 8305 § 5): attempts are staggered, the first to connect wins, the rest is destroyed.
 *
 * Invariants:
 *   (1) At most one socket comes out; every other attempt is destroyed.
 *   (2) It settles when one attempt has connected, when all have failed, or at once when the signal fires.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.ts';
import type { NetError } from '../core/error.ts';
import type { Address } from './dns.ts';

/** What is raced for. */
export interface Heat {
  /** In order of preference. */
  readonly addresses: readonly Address[];
  /** Pause before the next address is tried beside the one under way, in ms. */
  readonly delayMs: number;
  start(address: Address): Socket;
  succeeded(address: Address): void;
  /** This attempt failed; others may still be under way. */
  failed(address: Address, error: Error): void;
  /** What the race fails with when its last attempt has failed. */
  failure(last: Error): NetError;
}

/** @throws what `failure` makes of the last attempt's error, or the signal's reason */
export function race(heat: Heat, clock: Clock, signal: AbortSignal): Promise<{ socket: Socket; address: Address }> {
  const { addresses } = heat;
  const running = new Set<Socket>();
  let next = 0;
  let timer: Timer | undefined;
  return new Promise((resolve, reject) => {
    const finish = (winner?: Socket): void => {
      timer?.cancel();
      signal.removeEventListener('abort', onAbort);
      for (const socket of running) {
        if (socket === winner) continue;
        giveUp(socket.removeAllListeners('connect').removeAllListeners('error'));
      }
      running.clear();
    };
    const onAbort = (): void => {
      finish();
      reject(signal.reason);
    };
    const tryNext = (): void => {
      timer?.cancel();
      const address = addresses[next++];
      if (address === undefined) return;
      const socket = heat.start(address);
      running.add(socket);
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        heat.succeeded(address);
        finish(socket);
        resolve({ socket, address });
      });
      socket.once('error', (error) => {
        heat.failed(address, error);
        running.delete(socket);
        if (next < addresses.length) return tryNext();
        if (running.size > 0) return;
        finish();
        reject(heat.failure(error));
      });
      if (next < addresses.length) timer = clock.after(heat.delayMs, tryNext);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    else tryNext();
  });
}

/** A socket given up may still report; there is nobody left who would want to know. */
export function giveUp(socket: Pick<Socket, 'on' | 'destroy'>): void {
  socket.on('error', () => {});
  socket.destroy();
}

/** `work`, or the signal's reason if that comes first; the work is left to end by itself. */
export function until<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const done = (): void => signal.removeEventListener('abort', onAbort);
    work.then(resolve, reject).finally(done);
  });
}
