/** What is left behind by an attempt that was shared, once its callers have what they asked for: nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Call } from '../../src/core/call.ts';
import { COALESCE_DEFAULTS, coalesce } from '../../src/policies/coalesce.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, failure, type Line, later, scripted } from '../../src/testing/scripted-engine.ts';
import { isHeard } from '../core/heard.ts';
import { HandSource } from './a-source.ts';

function aDesk(line: (call: Call, index: number) => Line) {
  const clock = new FakeClock();
  const engine = scripted(line, clock);
  const send = coalesce({ ...COALESCE_DEFAULTS, bodyBytesMax: 4 }, { clock, observer: {} })(engine);
  return { clock, engine, get: (about: Partial<Call> = {}) => send(aCall(about)) };
}

const ENDS: Record<string, Line> = { answered: later(10, 200), failed: later(10, failure('RESET', 'unknown')) };

describe('an attempt that is over for all', () => {
  for (const [how, line] of Object.entries(ENDS)) {
    it(`leaves nothing on their signals, and no timer (${how})`, async () => {
      const { get, clock, engine } = aDesk(() => line);
      const signals = [1, 2, 3].map(() => new AbortController().signal);
      const all = signals.map((signal, i) => get({ signal, deadlineAt: 1_000 - i }).catch(() => undefined));
      await clock.settle();
      assert.deepEqual(signals.map(isHeard), [true, true, true]);
      await clock.run(10);
      await Promise.all(all);
      assert.deepEqual([engine.calls.length, ...signals.map(isHeard)], [1, false, false, false]);
      await clock.run(1_000);
      assert.equal(clock.sleeping, 0);
    });
  }

  it('goes on for the one who reads it, when the time of those who shared it is up', async () => {
    const body = new HandSource();
    const { get, clock, engine } = aDesk((_, index) => (index === 0 ? { body } : 200));
    const [first, second] = [get({ signal: new AbortController().signal }), get({ deadlineAt: 50 })];
    await clock.settle();
    body.push('12345');
    await clock.settle();
    assert.equal(engine.calls.length, 2, 'it is larger than the bound: the second asks for itself');
    assert.equal((await second).status, 200);
    await clock.run(100);
    assert.deepEqual([engine.calls[0]!.signal?.aborted, body.cancelled], [false, undefined]);
    const text = (await first).text();
    body.end();
    assert.equal(await text, '12345');
  });
});

it('who joins an attempt is told of with how many there are by then', async () => {
  const clock = new FakeClock();
  const parties: number[] = [];
  const observer = { coalesced: (fact: { parties: number }) => void parties.push(fact.parties) };
  const send = coalesce(COALESCE_DEFAULTS, { clock, observer })(scripted(() => later(10, 200), clock));
  const all = [send(aCall()), send(aCall()), send(aCall())];
  await clock.run(10);
  await Promise.all(all);
  assert.deepEqual(parties, [2, 3]);
});
