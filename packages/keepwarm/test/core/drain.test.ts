import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DRAIN_BYTES_MAX, drain } from '../../src/core/drain.ts';
import { aReply } from '../../src/testing/scripted-engine.ts';
import { ScriptedBody } from './a-body.ts';

describe('draining a reply nobody wants', () => {
  it('reads a short body to its end and gives nothing up', () => {
    const body = new ScriptedBody();
    drain(aReply({ body }));
    assert.ok(body.data('x'.repeat(1_000)));
    assert.ok(body.data('x'.repeat(DRAIN_BYTES_MAX - 1_000)), 'up to the very limit');
    body.end();
    assert.deepEqual(body.cancelled, []);
  });

  it('gives up a body that says it is long, without reading it', () => {
    const body = new ScriptedBody(DRAIN_BYTES_MAX + 1);
    drain(aReply({ body }));
    assert.deepEqual([body.starts, body.cancelled.length], [0, 1]);
  });

  it('gives up a body that turns out to be long', () => {
    const body = new ScriptedBody();
    drain(aReply({ body }));
    assert.equal(body.data('x'.repeat(DRAIN_BYTES_MAX + 1)), false);
    assert.equal(body.cancelled.length, 1);
  });

  it('does not mind a body that fails, nor one that is there already', () => {
    const body = new ScriptedBody();
    drain(aReply({ body }));
    body.fail();
    const whole = aReply({ body: 'all of it' });
    drain(whole);
    assert.ok(whole.used);
  });
});
