import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Hunt } from './hunt.ts';

describe('mutated blocks', () => {
  it('are read as the model reads them, or refused as it refuses them, and leave the same table', () => {
    const hunt = new Hunt(20_260_101);
    for (let number = 0; number < 4_000; number++) hunt.judge(number);
    assert.deepEqual(hunt.findings, []);
    for (const [what, times] of Object.entries(hunt.counts)) assert.ok(times > 400, `${what} was met ${times} times`);
  });
});
