/** Idle connections that die while nobody looks: what is noticed before a byte is written costs nobody a call. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { answer, byConnection, reset } from '../../src/testing/faulty-steps.ts';
import { aPair, aPairOf, fails, leavesNothing, until } from './setup.ts';

leavesNothing();

/** The system's clock, which a test can put forward, and whose turns it can hold back. */
class MovableClock implements Clock {
  aheadMs = 0;
  held: (() => void)[] | undefined;

  now(): number {
    return systemClock.now() + this.aheadMs;
  }
  wall(): number {
    return systemClock.wall();
  }
  after(ms: number, task: () => void) {
    return systemClock.after(ms, task);
  }
  hold(): void {}
  release(): void {}
  nextTurn(task: () => void): void {
    if (this.held === undefined) systemClock.nextTurn(task);
    else this.held.push(task);
  }
}

describe('a connection that was quiet for over a second', () => {
  it('and was reset meanwhile is not written to, even when the loop was too busy to hear of it', async (t) => {
    const clock = new MovableClock();
    const { client, server } = await aPair(t, answer('ok'), { clock });
    for (let i = 0; i < 20; i++) {
      await client.get('/').text();
      // We are now within the callback that read the reply; the reset below will be known to the system alone.
      server.connections[0]?.reset();
      clock.aheadMs += 2_000;
      assert.equal(await client.post('/', { i }).text(), 'ok');
    }
    assert.equal(server.requests.filter(({ method }) => method === 'POST').length, 20, 'none was sent twice');
    assert.equal(client.stats().reuse.hops, 0);
  });

  it('and speaks before it is asked is replaced; what it said is no part of the answer', async (t) => {
    const clock = new MovableClock();
    const { client, server } = await aPair(t, byConnection(answer('ok'), reset), { clock });
    await client.get('/').text();
    clock.aheadMs += 2_000;
    clock.held = [];
    const call = client.post('/', 'a');
    void server.connections[0]?.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
    await until(() => client.stats().sockets.closed === 1, 'the garbage is noticed');
    assert.equal(client.stats().sockets.history[0]?.closeReason, 'protocol');
    const held = clock.held;
    clock.held = undefined;
    for (const task of held) task();
    await fails(call, { code: 'RESET', reach: 'unknown', phase: 'head' });
  });
});

describe('a connection the system knows to be dead', () => {
  it('costs no call: the write that it refuses has sent nothing', async (t) => {
    const { client, server } = await aPair(t, answer('ok'));
    for (let i = 0; i < 20; i++) {
      await client.get('/').text();
      server.connections[0]?.reset();
      assert.equal(await client.post('/', { i }).text(), 'ok');
    }
    assert.equal(server.requests.filter(({ method }) => method === 'POST').length, 20, 'none was sent twice');
    assert.equal(client.stats().reuse.hops, 0);
  });
});

describe('a server that wants no connection', () => {
  for (const [how, end] of [['FIN', 'end'] as const, ['RST', 'reset'] as const]) {
    it(`and says so at accept with a ${how} is not dialled over and over by a busy client`, async (t) => {
      const { client, server } = await aPairOf(t, { connected: (connection) => connection[end]() });
      const calls = Array.from({ length: 40 }, (_, i) => client.post('/', { i }).text());
      const outcomes = await Promise.allSettled(calls);
      for (const outcome of outcomes) {
        assert(outcome.status === 'rejected');
        assert.match(outcome.reason.code, /^(RESET|CONNECT)$/);
        assert.notEqual(outcome.reason.reach, 'answered');
      }
      assert(server.accepted <= 40, `${server.accepted} connections for 40 calls`);
    });
  }
});
