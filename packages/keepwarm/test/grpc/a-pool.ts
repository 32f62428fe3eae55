/** A pool with a scripted peer: streams it is asked for stay open until the test, or the pool, ends them. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createGrpcPool, type GrpcPool, type GrpcPoolOptions, type GrpcStream, rawMethod } from '../../src/grpc.ts';
import { answer, head, headOnly, says } from '../engine/grpc/a-peer.ts';
import { type Asked, aPeer, type Line, type Peer, type Script } from '../engine/h2/a-peer.ts';
import { until } from '../engine/setup.ts';

export const call = rawMethod('/raw.Raw/Call', { idempotent: true });
export const watch = rawMethod('/raw.Raw/Watch');
export const NOTHING = new Uint8Array(0);

/** Answers calls, begins streams with one message, and does not know about health. */
export function serve(line: Line, { id, path }: Asked): void {
  if (path.startsWith('/grpc.health')) return line.send(headOnly(id, [['grpc-status', '12']]));
  if (path === call.path) return answer(line, id);
  line.send(head(id), says(id, 'first'));
}

export async function aStreamPeer(t: TestContext, script: Script = {}): Promise<Peer> {
  return aPeer(t, { request: serve, ...script });
}

export function aPool(
  t: TestContext,
  { origin }: { origin: string },
  options: Partial<GrpcPoolOptions> = {},
): GrpcPool {
  const pool = createGrpcPool({
    ...{ target: origin, connectionRate: false, tickMs: 10, backoffMs: 5, backoffMsMax: 20, leaseGraceMs: 0 },
    ...options,
  });
  t.after(async () => {
    await pool.close({ deadlineMs: 0 });
    const { connections, leases, streams, ended, opened, failed } = pool.stats();
    assert.deepEqual([connections.total, leases.held, leases.waiting, streams.waiting], [0, 0, 0, 0]);
    const closed = Object.values(ended).reduce((sum, count) => sum + count, 0);
    assert(closed >= opened + failed, `${closed} of ${opened} + ${failed} connections were closed`);
  });
  return pool;
}

/** Lines whose other end is open. */
export const alive = (peer: Peer): Line[] => peer.lines.filter(({ socket }) => !socket.destroyed);

/** The first message of a stream has come, so that it is where it is. */
export async function begun<T>(stream: GrpcStream<T>): Promise<GrpcStream<T>> {
  const { done } = await stream.next();
  assert.equal(done, false);
  return stream;
}

export { until };
