/** A way through a SOCKS proxy. The protocol is spoken by the package `socks`, over a connection of ours. */
import type { Socket } from 'node:net';
import { NetError } from '../core/error.ts';
import type { Origin } from '../core/origin.ts';
import type { ProxyPeer } from './proxy.ts';
import { giveUp, until } from './race.ts';

/** By its own timer, which is never needed: we end it by closing the socket. */
const OWN_TIMER_MS = 60_000;

/**
 * Asks the proxy that the socket leads to for a way to `host`: the origin's name, or an address it was resolved to.
 *
 * @throws NetError `INVALID` when the package is missing, `STATUS` when the proxy refuses us, `CONNECT` when it could
 *         not, or the signal's reason; the socket is destroyed then
 */
export async function openSocks(
  socket: Socket,
  proxy: ProxyPeer,
  origin: Origin,
  host: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const { SocksClient } = await until(load(proxy), signal);
    const { credentials } = proxy;
    const asked = SocksClient.createConnection({
      command: 'connect',
      proxy: {
        host: proxy.place.hostname,
        port: proxy.place.port,
        type: proxy.socks ?? 5,
        ...(credentials && { userId: credentials.user, password: credentials.password }),
      },
      destination: { host, port: origin.port },
      timeout: OWN_TIMER_MS,
      existing_socket: socket,
    });
    await until(asked, signal);
  } catch (thrown) {
    giveUp(socket);
    throw thrown instanceof NetError ? thrown : refusal(thrown);
  }
}

/** @throws NetError `INVALID` when nobody has installed it */
async function load(proxy: ProxyPeer): Promise<typeof import('socks')> {
  try {
    return await import('socks');
  } catch (cause) {
    const message = `${proxy.name} needs the package socks, which cannot be loaded: npm install socks`;
    throw new NetError('INVALID', message, { reach: 'unsent', phase: 'proxy', cause });
  }
}

/** What it says when the proxy does not want us; it would say so again. */
const UNWANTED = /authentication|NoAcceptedAuthType|no accepted authentication|NotAllowed|RejectedIdent/i;

/** The package's error holds our credentials among its options: only its words are kept. */
function refusal(thrown: unknown): NetError {
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  return new NetError(UNWANTED.test(words) ? 'STATUS' : 'CONNECT', words, { reach: 'unsent', phase: 'proxy' });
}
