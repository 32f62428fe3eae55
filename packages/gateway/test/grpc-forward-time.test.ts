/** A caller's `grpc-timeout` holds for the whole of its call: its wait for a connection upstream counts as well. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GrpcCaller, GrpcError } from 'keepwarm/grpc';
import type { GrpcCall } from '../src/grpc/call.ts';
import { forward } from '../src/grpc/forwarding.ts';

/** A call that keeps what it is told. */
function aCall(timeout: string) {
  const failures: unknown[] = [];
  const call = {
    ...{ headers: { 'grpc-timeout': timeout }, raw: [], path: '/a.B/C', over: false },
    signal: new AbortController().signal,
    messages: () => [],
    requestId: { upstream: false },
    fail: (error: unknown) => void failures.push(error),
  };
  return { call: call as unknown as GrpcCall, failures };
}

/** A connection that takes no call, and keeps what was asked of it. */
function aCaller() {
  const deadlines: (number | undefined)[] = [];
  const bidi: GrpcCaller['bidi'] = (_method, _messages, options) => {
    deadlines.push(options?.deadlineMs);
    throw new GrpcError('UNAVAILABLE', 'enough', { reach: 'unsent' });
  };
  return { caller: { bidi } as unknown as GrpcCaller, deadlines };
}

describe('the time of a call that is passed on', () => {
  it('is less by what it waited for a connection', async () => {
    const { call } = aCall('60S');
    const { caller, deadlines } = aCaller();
    await forward(call, () => sleep(100, caller), 1_000);
    const [deadlineMs = 0] = deadlines;
    assert(deadlineMs > 0 && deadlineMs <= 59_950, `${deadlineMs} ms`);
  });

  it('is over when it runs out before there is a connection', async () => {
    const { call, failures } = aCall('20m');
    await forward(call, () => new Promise(() => undefined), 1_000);
    const [error] = failures;
    assert(error instanceof GrpcError, String(error));
    assert.equal(error.status, 'DEADLINE_EXCEEDED');
    assert.equal(error.reach, 'unsent');
  });

  it('is without end where the caller says nothing of it', async () => {
    const { call } = aCall('60S');
    delete (call.headers as Record<string, unknown>)['grpc-timeout'];
    const { caller, deadlines } = aCaller();
    await forward(call, () => Promise.resolve(caller), 1_000);
    assert.deepEqual(deadlines, [Number.POSITIVE_INFINITY]);
  });
});
