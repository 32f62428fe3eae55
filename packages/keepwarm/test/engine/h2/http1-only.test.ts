import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Http1Only, ORIGINS_MAX } from '../../../src/engines/http1-only.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';

const unused = (): boolean => false;

describe('what is learnt of origins that speak HTTP/1.1 only', () => {
  it('is held for ten minutes, longer while connections say so, and forgotten on better knowledge', () => {
    const clock = new FakeClock();
    const known = new Http1Only(clock);
    known.note('https://a');
    assert(known.has('https://a', unused));
    clock.advance(600_000);
    assert(known.has('https://a', () => true));
    assert(!known.has('https://a', unused));
    known.note('https://a');
    known.forget('https://a');
    assert(!known.has('https://a', unused));
  });

  it('outlasts a handshake that agrees to HTTP/2 where the origin has asked for HTTP/1.1, for ten minutes', () => {
    const clock = new FakeClock();
    const known = new Http1Only(clock);
    known.require('https://a');
    known.forget('https://a');
    assert(known.has('https://a', unused));
    clock.advance(600_000);
    assert(!known.has('https://a', unused));
    known.note('https://a');
    known.forget('https://a');
    assert(!known.has('https://a', unused), 'it is asked once more, and believed');
  });

  it('never grows beyond its bound: what was learnt first is forgotten first', () => {
    const known = new Http1Only(new FakeClock());
    for (let i = 0; i < ORIGINS_MAX; i++) known.note(`https://${i}`);
    known.note('https://0'); // learnt again
    for (let i = 0; i < 10; i++) known.note(`https://new-${i}`);
    const held = Array.from({ length: ORIGINS_MAX }, (_, i) => known.has(`https://${i}`, unused));
    assert.equal(held.filter((each) => each).length, ORIGINS_MAX - 10);
    assert(known.has('https://0', unused));
    assert(!known.has('https://1', unused));
  });
});
