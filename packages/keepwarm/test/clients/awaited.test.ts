import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { Awaited } from '../../src/clients/awaited.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Reply } from '../../src/core/reply.ts';

const HEAD = 'HTTP/1.1 200 OK\r\n\r\n';
const aReply = (): Reply => new Reply(200, HEAD, Buffer.from('{"a":1}'), false, 1, true);
const parsed = (reply: Reply): unknown => reply.parsed();
const status = (reply: Reply): number => reply.status;

/** Rejections that nobody handled from now on, as the process would be told of them. */
function unhandled(t: TestContext): unknown[] {
  const seen: unknown[] = [];
  const listeners = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (error) => seen.push(error));
  t.after(() => {
    process.removeAllListeners('unhandledRejection');
    for (const listener of listeners) process.on('unhandledRejection', listener);
  });
  return seen;
}

describe('what comes of a call', () => {
  it('is made for the one who asked before it was known, as soon as it is', async () => {
    const awaited = new Awaited();
    const json = awaited.read(parsed);
    const reply = aReply();
    awaited.replied(reply);
    assert.equal(reply.used, true);
    assert.deepEqual(await json, { a: 1 });
  });

  it('is left as it came until somebody asks', async () => {
    const awaited = new Awaited();
    const reply = aReply();
    awaited.replied(reply);
    await nextTurn();
    assert.equal(reply.used, false);
    assert.deepEqual(await awaited.read(parsed), { a: 1 });
    assert.equal(await awaited.reply(), reply);
  });

  it('goes to the second who asks as well, whenever that comes; the body has one reader', async () => {
    const awaited = new Awaited();
    const json = awaited.read(parsed);
    const again = awaited.read(parsed);
    const reply = aReply();
    awaited.replied(reply);
    assert.deepEqual(await json, { a: 1 });
    await assert.rejects(again, { code: 'INVALID' });
    await assert.rejects(awaited.read(parsed), { code: 'INVALID' });
    assert.equal(await awaited.reply(), reply);
  });

  it('that cannot be made fails for the one who asked, and for nobody else', async () => {
    const awaited = new Awaited();
    const broken = awaited.read(() => {
      throw new Error('not as it should be');
    });
    awaited.replied(aReply());
    await assert.rejects(broken, /not as it should be/);
    assert.equal(await awaited.read(status), 200);
  });

  it('is an unhandled rejection when it failed and nobody asked, and only then', async (t) => {
    const seen = unhandled(t);
    const lost = new Error('lost');
    new Awaited().failed(lost);
    const asked = new Awaited();
    const json = asked.read(parsed);
    asked.failed(new Error('asked for'));
    await assert.rejects(json, /asked for/);
    const late = Awaited.failed(new Error('late'), systemClock);
    await assert.rejects(late.read(parsed), /late/);
    await nextTurn();
    assert.deepEqual(seen, [lost]);
  });

  it('is told to all, in whatever order they ask', async () => {
    const step = fc.constantFrom('read', 'reply', 'outcome', 'wait');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, fails) => {
        const awaited = new Awaited();
        const failure = new Error('failed');
        const reply = aReply();
        const outcome = (): void => (fails ? awaited.failed(failure) : awaited.replied(reply));
        const asked: Promise<PromiseSettledResult<unknown>[]>[] = [];
        const expected: unknown[] = [];
        const ask = (promise: Promise<unknown>, value: unknown): void => {
          asked.push(Promise.allSettled([promise]));
          expected.push(fails ? { status: 'rejected', reason: failure } : { status: 'fulfilled', value });
        };
        ask(awaited.reply(), reply); // so that no failure goes unheard
        let told = false;
        for (const each of steps) {
          if (each === 'read') ask(awaited.read(status), 200);
          else if (each === 'reply') ask(awaited.reply(), reply);
          else if (each === 'wait') await nextTurn();
          else if (!told) {
            told = true;
            outcome();
          }
        }
        if (!told) outcome();
        assert.deepEqual((await Promise.all(asked)).flat(), expected);
      }),
      { numRuns: 200 },
    );
  });

  it('is told to one who reads first and to those who ask for the reply after that', async () => {
    const steps = fc.array(fc.constantFrom('read', 'reply', 'outcome'), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(steps, async (rest) => {
        const awaited = new Awaited();
        const reply = aReply();
        const asked: Promise<unknown>[] = [awaited.read(status)];
        let told = false;
        for (const each of [...rest, 'outcome']) {
          if (each === 'read') asked.push(awaited.read(status));
          else if (each === 'reply') asked.push(awaited.reply().then(status));
          else if (!told) {
            told = true;
            awaited.replied(reply);
          }
        }
        assert.deepEqual(new Set(await Promise.all(asked)), new Set([200]));
      }),
      { numRuns: 200 },
    );
  });
});
