/** One connection of a pool, by itself. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { PoolConnection } from '../../src/clients/grpc/pool-connection.ts';
import { systemClock } from '../../src/core/clock.ts';
import { originOf } from '../../src/core/origin.ts';
import { TlsSetup } from '../../src/net/tls.ts';
import { aCall } from '../../src/testing/scripted-engine.ts';
import { leavesNothing } from '../engine/setup.ts';
import { aStreamPeer } from './a-pool.ts';

leavesNothing();

it('what comes to one that has ended is told that it was lost, not closed: that would be final', async (t) => {
  const peer = await aStreamPeer(t);
  const ready = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const connection = new PoolConnection(
    'growth',
    {
      options: { origin: peer.origin, http2: 'prior-knowledge', pool: { socketsMax: 1 }, retry: false, breaker: false },
      ...{ rate: undefined, tls: new TlsSetup({}), clock: systemClock, connectMs: 10_000, observer: undefined },
    },
    { ready: () => ready.resolve(), allows() {}, leaving() {}, ended: () => ended.resolve() },
  );
  t.after(() => connection.close());
  connection.open();
  await ready.promise;
  peer.line.socket.destroy();
  await ended.promise;
  const call = aCall({ origin: originOf(new URL(peer.origin)) });
  await assert.rejects(connection.send(call), { code: 'RESET', reach: 'unsent' });
});
