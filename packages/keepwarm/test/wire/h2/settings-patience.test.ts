/** What a peer may set, and how long floods are borne with. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConnectionFault, ERROR } from '../../../src/wire/h2/codes.ts';
import { Patience } from '../../../src/wire/h2/patience.ts';
import { PeerSettings } from '../../../src/wire/h2/settings.ts';

describe('settings of a peer', () => {
  it('apply one after the other, unknown ones left out', () => {
    const peer = new PeerSettings();
    assert.equal(peer.maxConcurrentStreams, Number.POSITIVE_INFINITY);
    peer.apply([
      [3, 10],
      [4, 0],
      [0xfa, 1],
      [3, 0],
      [1, 0],
      [6, 100],
      [5, 2 ** 24 - 1],
    ]);
    const { maxConcurrentStreams, initialWindowSize, headerTableSize, maxHeaderListSize, maxFrameSize } = peer;
    assert.deepEqual(
      [maxConcurrentStreams, initialWindowSize, headerTableSize, maxHeaderListSize, maxFrameSize],
      [0, 0, 0, 100, 16_777_215],
    );
  });

  const refused: readonly [number, number, number][] = [
    [2, 1, ERROR.PROTOCOL_ERROR],
    [2, 2, ERROR.PROTOCOL_ERROR],
    [4, 2 ** 31, ERROR.FLOW_CONTROL_ERROR],
    [5, 16_383, ERROR.PROTOCOL_ERROR],
    [5, 2 ** 24, ERROR.PROTOCOL_ERROR],
  ];
  for (const [id, value, code] of refused) {
    it(`setting ${id} may not be ${value}`, () => {
      assert.throws(
        () => new PeerSettings().apply([[id, value]]),
        (error) => error instanceof ConnectionFault && error.code === code && error.message.includes(String(value)),
      );
    });
  }
});

describe('patience', () => {
  it('ends when frames get nobody anywhere', () => {
    const patience = new Patience(100, 10, 0);
    let borne = 0;
    while (patience.idle(0)) borne++;
    assert.equal(borne, 100);
  });
  it('comes back with time', () => {
    const patience = new Patience(100, 10, 0);
    for (let second = 0; second < 1_000; second++) {
      for (let i = 0; i < 10; i++) assert(patience.idle(second * 1_000 + 999), `in second ${second}`);
    }
  });
  it('is not strained by a peer that works', () => {
    const patience = new Patience(100, 0, 0);
    for (let i = 0; i < 10_000; i++) {
      patience.useful();
      for (let frame = 0; frame < 4; frame++) assert(patience.idle(0));
    }
  });
});
