/** One reader's queue: what was pushed is read once, in order, or counted in a gap in its place. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { Mailbox } from '../../src/core/mailbox.ts';
import type { Gap, Message } from '../../src/core/subscribe.ts';

const data = (height: number): Message => ({ kind: 'data', value: height, height, filled: false });

describe('a mailbox', () => {
  it('(1) (3) over random pushes and reads: nothing twice, out of order, or missing in silence', async () => {
    const steps = fc.array(fc.constantFrom('push', 'push', 'read', 'await'), { maxLength: 300 });
    const walks = fc.asyncProperty(fc.integer({ min: 1, max: 9 }), steps, async (sizeMax, walk) => {
      const gaps: Gap[] = [];
      const mailbox = new Mailbox(sizeMax, (gap) => gaps.push(gap));
      let pushed = 0;
      let expected = 1;
      let lost = 0;
      const reads: Promise<void>[] = [];
      const read = (): void => {
        const reading = mailbox.next().then(({ done, value }) => {
          if (done === true) return;
          if (value.kind === 'data') {
            assert.equal(value.height, expected, 'the next in order');
            expected++;
            return;
          }
          assert.deepEqual([value.from, value.dropped], [expected, value.to! - expected + 1]);
          expected = value.to! + 1;
          lost += value.dropped!;
        });
        reads.push(reading);
      };
      for (const step of walk) {
        if (step === 'push') mailbox.push(data(++pushed));
        else if (step === 'read') read();
        else await turn(); // readers may still wait then: a gap is one message that stands for many
        assert(mailbox.size <= sizeMax, '(1)');
      }
      mailbox.end();
      for (let left = mailbox.size + 2; left > 0; left--) read();
      await Promise.all(reads);
      assert.equal(expected, pushed + 1, `all of ${pushed} were read or counted`);
      assert(lost === 0 || gaps.length > 0, 'drops are told');
      assert.equal((await mailbox.next()).done, true);
    });
    await fc.assert(walks, { numRuns: 300 });
  });

  it('counts the messages of a gap that is dropped, not the gap', async () => {
    const mailbox = new Mailbox(1);
    const gap: Gap = { kind: 'gap', reason: 'lost', from: 2, to: 4, filled: false, dropped: undefined };
    for (const message of [data(1), gap, data(5)]) mailbox.push(message);
    assert.deepEqual((await mailbox.next()).value, { ...gap, reason: 'slow', from: 1, to: 4, dropped: 1 });
    assert.equal((await mailbox.next()).value.height, 5);
  });

  it('(4) gives what is kept, then the error, once, then the end', async () => {
    const mailbox = new Mailbox(5);
    mailbox.push(data(1));
    mailbox.end(new Error('lost'));
    mailbox.push(data(2));
    assert.equal((await mailbox.next()).value.height, 1);
    await assert.rejects(mailbox.next(), /lost/);
    assert.equal((await mailbox.next()).done, true);
  });

  it('(4) dropped gives nothing that was kept, and a reader who waits is told why', async () => {
    const mailbox = new Mailbox(5);
    const [first, second] = [mailbox.next(), mailbox.next()];
    mailbox.drop(new Error('given up'));
    await assert.rejects(first, /given up/);
    assert.equal((await second).done, true);
    const full = new Mailbox(5);
    full.push(data(1));
    full.drop();
    assert.equal((await full.next()).done, true);
  });

  it('(3) keeps the order over thousands, however far its reader is behind', async () => {
    const mailbox = new Mailbox(500);
    let [pushed, read] = [0, 0];
    for (let burst = 0; burst < 40; burst++) {
      for (let room = 500 - burst - mailbox.size; room > 0; room--) mailbox.push(data(++pushed));
      for (let left = 10 * burst; left > 0; left--) assert.equal((await mailbox.next()).value.height, ++read);
    }
    mailbox.end();
    while (read < pushed) assert.equal((await mailbox.next()).value.height, ++read);
    assert.equal((await mailbox.next()).done, true);
  });

  it('(4) dropped forgets the gap of what it had dropped before', async () => {
    const mailbox = new Mailbox(1);
    mailbox.push(data(1));
    mailbox.push(data(2));
    mailbox.drop();
    assert.equal((await mailbox.next()).done, true);
  });
});
