/** A peer that sends any frames at all: every call settles, every place comes back, and the client goes on. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { it } from 'node:test';
import { setImmediate as turnOfLoop } from 'node:timers/promises';
import fc from 'fast-check';
import { ERROR, FLAG, TYPE } from '../../../src/wire/h2/codes.ts';
import { data, frame, goaway, headers, ping, reset, settings, windowUpdate } from '../../wire/h2/raw.ts';
import { leavesNothing, quiet, until } from '../setup.ts';
import { aTalk, STATUS_200 } from './a-peer.ts';

leavesNothing();

/** What the peer says to the n-th request, given its stream. */
type Saying = (id: number) => Buffer;
const say = (...sayings: Saying[]) => fc.constantFrom(...sayings);

const END = FLAG.endHeaders | FLAG.endStream;
const right = say(
  (id) => headers(id, STATUS_200, END),
  (id) => headers(id, STATUS_200),
  (id) => data(id, 'abc'),
  (id) => data(id, 'abc', true),
  (id) => reset(id, ERROR.REFUSED_STREAM),
  (id) => reset(id, ERROR.CANCEL),
  (id) => reset(id, ERROR.NO_ERROR),
  () => ping(),
  () => settings(['maxConcurrentStreams', 2]),
  () => settings(['maxConcurrentStreams', 50], ['initialWindowSize', 10]),
  (id) => windowUpdate(id, 1_000),
  () => windowUpdate(0, 1_000),
);
const leaving = say(
  (id) => goaway(id),
  (id) => goaway(Math.max(id - 2, 0)),
  () => goaway(2 ** 31 - 1),
);
const wrong = say(
  (id) => headers(id + 100, STATUS_200, END),
  (id) => headers(id, '\xff\xff\xff', END),
  (id) => windowUpdate(id, 0),
  (id) => data(id, 'x'.repeat(20_000)),
  (id) => frame(TYPE.continuation, 0, id, 'x'),
  (id) => headers(id, STATUS_200, 0),
);
const saying = fc.oneof(
  { weight: 12, arbitrary: right },
  { weight: 2, arbitrary: leaving },
  { weight: 1, arbitrary: wrong },
);
const answers = fc.array(fc.array(saying, { maxLength: 4 }), { minLength: 1, maxLength: 8 });

/** A producer that never ends by itself. */
const endless = (begun: () => void, over: () => void) => ({
  bytes: undefined,
  repeatable: true,
  async *open() {
    begun();
    try {
      for (;;) {
        yield Buffer.alloc(5_000);
        await turnOfLoop();
      }
    } finally {
      over();
    }
  },
});
const BODIES = [() => undefined, () => 'body', () => Buffer.alloc(30_000), endless, () => 'b'.repeat(100_000), endless];

it('whatever a peer says, calls settle, nothing stays taken, and the next good answer is received', async (t) => {
  let script: Saying[][] = [[]];
  let turn = 0;
  const { client, peer } = await aTalk(t, {
    head: (line, { id, path }) => {
      if (path === '/good') return line.answer(id);
      line.send(...script[turn++ % script.length]!.map((each) => each(id)));
    },
  });
  await fc.assert(
    fc.asyncProperty(answers, fc.boolean(), async (given, leaves) => {
      script = given;
      turn = 0;
      const leaver = new AbortController();
      const options = { deadlineMs: 40, signal: leaver.signal };
      let producers = 0;
      const calls = Array.from({ length: 6 }, (_, i) => {
        const body = BODIES[i % BODIES.length]!(
          () => void producers++,
          () => void producers--,
        );
        if (i === 3 && leaves) setTimeout(() => leaver.abort(), 5);
        return (i % 2 === 0 ? client.put('/any', body, options) : client.post('/any', body, options)).text();
      });
      await Promise.allSettled(calls);
      // Again and again: the peer may learn of a connection after we have.
      const lost = (): boolean => {
        for (const { socket } of peer.lines) socket.destroy();
        return client.stats().sockets.open === 0;
      };
      await until(lost, 'the losses are noticed');
      await quiet(client);
      await until(() => producers === 0, 'whoever makes bodies is told to stop');
      assert.equal(await client.get('/good').text(), 'ok');
    }),
    { numRuns: 60 },
  );
});
