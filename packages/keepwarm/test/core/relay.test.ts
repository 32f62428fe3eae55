import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Call, Outlet, Policy, Relay, Send } from '../../src/core/call.ts';
import { NetError } from '../../src/core/error.ts';
import { pass, reading, relayed, relayOf, sending } from '../../src/core/relay.ts';
import { Reply } from '../../src/core/reply.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall } from '../../src/testing/scripted-engine.ts';

const aReply = (status = 200): Reply => new Reply(status, `HTTP/1.1 ${status} `, new Uint8Array(0), false, 1, true);
const lost = new NetError('RESET', 'lost', { reach: 'unknown' });

/** Hands calls on, and notes when it was passed on the way down and on the way up. */
function noting(clock: FakeClock, name: string, notes: string[]): Policy {
  return relayed(clock, (next) => (call, to, now) => {
    notes.push(`${name} down ${now}`);
    const outlet: Outlet = {
      replied: (reply, at) => {
        notes.push(`${name} up ${at}`);
        to.replied(reply, at);
      },
      failed: (error, at) => {
        notes.push(`${name} failed ${at}`);
        to.failed(error, at);
      },
    };
    pass(next, call, outlet, now);
  });
}

describe('a relay', () => {
  it('takes a reply through policies without waiting for anything', () => {
    const clock = new FakeClock();
    const notes: string[] = [];
    let answer: ((reply: Reply) => void) | undefined;
    const engine = sending((_, to) => {
      answer = (reply) => to.replied(reply, clock.now());
    }, clock);
    const send = noting(clock, 'a', notes)(noting(clock, 'b', notes)(engine));

    void send(aCall());
    answer?.(aReply());

    assert.deepEqual(notes, ['a down 0', 'b down 0', 'b up 0', 'a up 0']);
  });

  it('is joined by promises to policies that are none, above and below', async () => {
    const clock = new FakeClock();
    const notes: string[] = [];
    const foreign: Policy = (next) => async (call) => {
      notes.push('foreign down');
      const reply = await next(call);
      notes.push('foreign up');
      return reply;
    };
    const engine: Send = async () => aReply(204);
    const send = noting(clock, 'a', notes)(foreign(noting(clock, 'b', notes)(engine)));

    assert.equal((await send(aCall())).status, 204);
    assert.deepEqual(notes, ['a down 0', 'foreign down', 'b down 0', 'b up 0', 'foreign up', 'a up 0']);
  });

  it('makes a failure of what it throws, and tells all above it', async () => {
    const clock = new FakeClock();
    const notes: string[] = [];
    const thrower: Relay = () => {
      throw lost;
    };
    const send = noting(clock, 'a', notes)(noting(clock, 'b', notes)(sending(thrower, clock)));

    await assert.rejects(send(aCall()), lost);
    assert.deepEqual(notes, ['a down 0', 'b down 0', 'b failed 0', 'a failed 0']);
  });

  it('rejects for a foreign Send that rejects', async () => {
    const clock = new FakeClock();
    const notes: string[] = [];
    const send = noting(clock, 'a', notes)(() => Promise.reject(lost));

    await assert.rejects(send(aCall()), lost);
    assert.deepEqual(notes, ['a down 0', 'a failed 0']);
  });

  it('hands on what reading makes of a reply, at once or later, and what it throws', async () => {
    const clock = new FakeClock();
    const read = (reply: Reply, call: Call): Reply | Promise<Reply> => {
      if (call.path === '/throws') throw lost;
      return call.path === '/later' ? Promise.resolve(aReply(202)) : reply.status === 200 ? aReply(201) : reply;
    };
    const engine: Send = async () => aReply();
    const send = sending(reading(relayOf(engine, clock), read, clock), clock);

    assert.equal((await send(aCall({ path: '/' }))).status, 201);
    assert.equal((await send(aCall({ path: '/later' }))).status, 202);
    await assert.rejects(send(aCall({ path: '/throws' })), lost);
  });
});
