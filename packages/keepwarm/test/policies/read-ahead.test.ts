/** A body read ahead, and then given on as it arrives. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { NetError } from '../../src/core/error.ts';
import type { BodySink, BodySource } from '../../src/core/reply.ts';
import { ReadAhead } from '../../src/policies/read-ahead.ts';

/** A body that the test gives by hand, and what became of it at its reader. */
function aBody(bytesMax: number) {
  let to: BodySink | undefined;
  let resumed = 0;
  const cancelled: unknown[] = [];
  const source: BodySource = {
    bytesExpected: -1,
    start: (sink) => void (to = sink),
    resume: () => void resumed++,
    cancel: (reason) => void cancelled.push(reason),
    liftDeadline() {},
  };
  const body = new ReadAhead(source, bytesMax);
  const told: string[] = [];
  body.gather({
    whole: (bytes) => void told.push(`whole ${bytes.length}`),
    live: () => void told.push('live'),
    failed: ({ code }) => void told.push(`failed ${code}`),
  });
  const reader = (takes = true): BodySink => ({
    data: (chunk) => {
      told.push(`data ${chunk.length}`);
      return takes;
    },
    end: (trailers) => void told.push(`end ${trailers}`),
    fail: ({ code }) => void told.push(`fail ${code}`),
  });
  return { body, told, reader, from: to!, cancelled, resumed: () => resumed };
}

it('gives on what was read, then the rest, then its end: once, however often its reader asks for more', () => {
  const { body, told, reader, from, resumed } = aBody(3);
  assert.equal(from.data(Buffer.from('ab')), true);
  assert.equal(from.data(Buffer.from('cd')), false, 'more than may be kept: it is given on, and pauses until then');
  body.start(reader());
  assert.equal(resumed(), 1);
  assert.equal(from.data(Buffer.from('e')), true);
  from.end(['a: b']);
  body.resume();
  body.resume();
  assert.deepEqual(told, ['live', 'data 2', 'data 2', 'data 1', 'end a: b']);
});

it('that ended while its reader paused says so when that goes on, and once', () => {
  const { body, told, reader, from } = aBody(1);
  from.data(Buffer.from('ab'));
  from.data(Buffer.from('c'));
  body.start(reader(false));
  from.end([]);
  assert.deepEqual(told, ['live', 'data 2']);
  for (let i = 0; i < 4; i++) body.resume();
  assert.deepEqual(told, ['live', 'data 2', 'data 1', 'end ']);
});

it('that fails says so at once and once, to whoever reads it by then', () => {
  const reset = new NetError('RESET', 'lost', { reach: 'answered' });
  const early = aBody(10);
  early.from.data(Buffer.from('a'));
  early.from.fail(reset);
  early.body.giveUp();
  assert.deepEqual(early.told, ['failed RESET']);
  const live = aBody(1);
  live.from.data(Buffer.from('ab'));
  live.body.start(live.reader());
  live.from.fail(reset);
  live.body.resume();
  assert.deepEqual(live.told, ['live', 'data 2', 'fail RESET']);
  const late = aBody(1);
  late.from.data(Buffer.from('ab'));
  late.from.fail(reset);
  late.body.start(late.reader());
  assert.deepEqual(late.told, ['live', 'fail RESET']);
});

it('asks for more once, though its reader wants it while it is given what was read', () => {
  const { body, told, reader, from, resumed } = aBody(1);
  for (const text of ['ab', 'c', 'def']) from.data(Buffer.from(text));
  body.resume();
  assert.deepEqual([told, resumed()], [['live'], 0], 'nobody reads it yet');
  const eager = reader();
  body.start({
    ...eager,
    data: (chunk) => {
      body.resume();
      return eager.data(chunk);
    },
  });
  assert.deepEqual([told, resumed()], [['live', 'data 2', 'data 1', 'data 3'], 1]);
  from.end([]);
  assert.equal(told.at(-1), 'end ');
});

it('that is given up gives its source up, and says no more than that to whoever begins to read', () => {
  const { body, told, reader, from, cancelled, resumed } = aBody(10);
  from.data(Buffer.from('ab'));
  body.cancel('enough');
  from.end([]);
  body.giveUp();
  body.resume();
  assert.deepEqual([told, cancelled, resumed()], [[], ['enough'], 0]);
  body.start(reader());
  body.resume();
  assert.deepEqual(told, ['fail ABORTED']);
});
