/** How far a call got, where several attempts were made of it: further than the last of them, if one before did. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Reach } from '../../src/core/error.ts';
import { aCall, failure, type Line, scripted } from '../../src/testing/scripted-engine.ts';
import { aRetry } from './a-retry.ts';

const worlds: readonly [string, readonly Line[], string, Reach][] = [
  ['all unsent', [failure('CONNECT', 'unsent'), failure('CONNECT', 'unsent')], 'CONNECT', 'unsent'],
  ['lost, then nobody is there', [failure('RESET', 'unknown'), failure('CONNECT', 'unsent')], 'CONNECT', 'unknown'],
  ['answered, then nobody is there', [503, failure('CONNECT', 'unsent')], 'CONNECT', 'answered'],
  ['nobody is there, then lost', [failure('CONNECT', 'unsent'), failure('RESET', 'unknown')], 'RESET', 'unknown'],
  ['lost, then a breaker', [failure('RESET', 'unknown'), failure('OPEN', 'unsent')], 'RESET', 'unknown'],
  ['lost, then our limit', [failure('RESET', 'unknown'), failure('SATURATED', 'unsent')], 'SATURATED', 'unknown'],
];

for (const [how, script, code, reach] of worlds) {
  it(`${how}: ${code}, reach ${reach}`, async () => {
    const { policy, clock } = aRetry({ attemptsMax: 2 });
    const outcome = assert.rejects(policy(scripted(script, clock))(aCall()), { code, reach });
    await clock.run(1_000);
    await outcome;
  });
}

it('of a caller who leaves while it waits for the next attempt: as far as any of those before', async () => {
  const { policy, clock } = aRetry();
  const caller = new AbortController();
  const engine = scripted([failure('RESET', 'unknown'), failure('CONNECT', 'unsent')], clock);
  const reply = policy(engine)(aCall({ signal: caller.signal }));
  await clock.run(20);
  assert.equal(engine.calls.length, 2);
  caller.abort();
  await assert.rejects(reply, { code: 'ABORTED', reach: 'unknown' });
});
