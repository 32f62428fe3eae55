/**
 * A pause of this process is nobody's fault: limits on a peer look at what has come in before they act. Here the pause
 * is a clock that jumps while the peer's bytes lie in the socket, which no speed of a machine changes.
 */
import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { afterInput } from '../../src/core/clock.ts';
import { rawMethod } from '../../src/grpc.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { answer } from '../../src/testing/faulty-steps.ts';
import { settings, settingsAck } from '../wire/h2/raw.ts';
import { aCall, head, says } from './grpc/a-peer.ts';
import { aTalk } from './h2/a-peer.ts';
import { PausedClock } from './paused-clock.ts';
import { aPair, leavesNothing, until } from './setup.ts';

leavesNothing();

const LIMIT_MS = 5_000;
const PAUSE_MS = LIMIT_MS + 1_000;

describe('a pause of the process', () => {
  it('during which a connection was made does not make it late', async (t) => {
    const clock = new PausedClock();
    const { client } = await aPair(t, answer('ok'), { clock, connect: { connectMs: LIMIT_MS } });
    const { connect } = Socket.prototype;
    t.mock.method(Socket.prototype, 'connect', function (this: Socket, ...given: Parameters<typeof connect>) {
      // Once the system has been asked, and before the event loop can hear of its answer.
      process.nextTick(() => process.nextTick(() => clock.pause(PAUSE_MS)));
      return connect.apply(this, given);
    });
    assert.equal(await client.get('/').text(), 'ok');
    assert.equal(clock.pauses, 1);
  });

  it('during which the settings of an HTTP/2 server came does not make them late', async (t) => {
    const clock = new PausedClock();
    const { client } = await aTalk(
      t,
      {
        // What the client begins with is here: its limit on the answer runs.
        connected: (line) =>
          line.socket.once('data', () => {
            line.send(settings(), settingsAck());
            clock.pause(PAUSE_MS);
          }),
        acks: false,
        request: (line, { id }) => line.answer(id),
      },
      { clock, connect: { connectMs: LIMIT_MS } },
    );
    assert.equal(await client.get('/').text(), 'ok');
    assert.equal(clock.pauses, 1);
  });

  it('during which a stream got its first message, or another, is no silence of its peer', async (t) => {
    const clock = new PausedClock();
    const { client, peer } = await aCall(
      t,
      {
        request: (line, { id }) => {
          line.socket.setNoDelay(true); // what is sent lies in the client's socket at once
          line.send(Buffer.concat([head(id), says(id, 'first')]));
          clock.pause(PAUSE_MS);
        },
      },
      { clock, firstMessageMs: LIMIT_MS, silenceMs: LIMIT_MS },
    );
    const stream = client.serverStream(rawMethod('/raw.Raw/Watch'), new Uint8Array(0));
    assert.equal((await stream.next()).done, false);
    for (let i = 0; i < 3; i++) {
      peer.line.send(says(1, 'more'));
      clock.pause(PAUSE_MS);
      assert.equal((await stream.next()).done, false);
    }
    stream.cancel();
    await until(() => peer.asked[0]!.reset !== undefined, 'it is over');
  });
});

describe('a timer for what a peer may take', () => {
  it('runs once, two turns after it is due, and not at all when it was cancelled, even in that turn', () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    afterInput(clock, 10, () => ran.push('late'));
    const answered = afterInput(clock, 10, () => ran.push('never'));
    afterInput(clock, 5, () => ran.push('never')).cancel();
    clock.after(10, () => {
      clock.nextTurn(() => {
        ran.push('turn');
        answered.cancel();
      });
    });
    clock.advance(9);
    assert.deepEqual(ran, []);
    clock.advance(100);
    assert.deepEqual(ran, ['turn', 'late']);
    assert.deepEqual([clock.sleeping, clock.turning], [0, 0]);
  });
});
