/**
 * Callers who try again at once, whatever they are told: everything else has its turn all the same. What would end
 * their refusal is heard of by the event loop alone: a reply that makes room, the end of a connection, a timer.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { leavesNothing } from '../engine/setup.ts';
import { REFUSALS } from './refusals.ts';
import { stubborn } from './stubborn.ts';

leavesNothing();

describe('who tries again at once lets the event loop turn, refused by', () => {
  for (const [what, refusal] of Object.entries(REFUSALS)) {
    it(what, async (t) => {
      const attempt = await refusal(t);
      await new Promise((resolve) => setImmediate(resolve));
      const { tries, turned, first } = await stubborn(attempt);
      assert(turned, `nothing else had its turn in ${tries} tries: ${first}`);
    });
  }
});

describe('refusals of many callers at once', () => {
  it('are told in the next turn, all that there are', async (t) => {
    const attempt = await REFUSALS['a client that is destroyed']!(t);
    const outcomes = await Promise.allSettled(Array.from({ length: 10_000 }, attempt));
    assert(outcomes.every(({ status }) => status === 'rejected'));
  });
});
