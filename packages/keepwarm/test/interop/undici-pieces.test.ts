/** Pieces of a body on their way to a handler of undici's: how many it is told, and when. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Pieces } from '../../src/interop/undici/pieces.ts';

const KB = 1_024;

function aTaker() {
  const got: Buffer[] = [];
  let turn: (() => void) | undefined;
  const taker = {
    got,
    paused: false,
    over: false,
    take: (bytes: Buffer) => void got.push(bytes),
    turn: (task: () => void) => {
      assert.equal(turn, undefined, 'one turn is waited for at a time');
      turn = task;
    },
    /** The end of the turn. */
    turnEnds() {
      const task = turn;
      turn = undefined;
      task?.();
    },
    sizes: () => got.splice(0).map(({ length }) => length / KB),
  };
  return taker;
}

const piece = (kilobytes: number, value = 1): Buffer => Buffer.alloc(kilobytes * KB, value);

describe('pieces of a body', () => {
  it('that come within a turn are told as few, and the last of them at once', () => {
    const taker = aTaker();
    const pieces = new Pieces(taker, 1_000 * KB);
    for (let i = 0; i < 62; i++) pieces.add(piece(16, i), false);
    pieces.add(piece(8, 62), false);
    assert.deepEqual(taker.sizes(), [...Array(20).fill(48), 40]);
    taker.turnEnds();
    assert.deepEqual(taker.sizes(), []);
  });

  it('that come slowly wait for the end of their turn, no longer, and hold no more memory than twice their own', () => {
    const taker = aTaker();
    const pieces = new Pieces(taker, 1_000 * KB);
    for (let i = 0; i < 3; i++) {
      pieces.add(piece(16), false);
      assert.equal(taker.got.length, 0);
      taker.turnEnds();
      assert(taker.got.every(({ buffer }) => buffer.byteLength <= Math.max(32 * KB, Buffer.poolSize)));
      assert.deepEqual(taker.sizes(), [16]);
    }
  });

  it('are told at once where they are long by themselves, the end is near, or nobody knows where it is', () => {
    const taker = aTaker();
    const long = new Pieces(taker, 1_000 * KB);
    for (let i = 0; i < 3; i++) long.add(piece(64), false);
    const short = new Pieces(taker, 30 * KB);
    short.add(piece(16), false);
    const endless = new Pieces(taker, -1);
    endless.add(piece(16), false);
    assert.deepEqual(taker.sizes(), [64, 64, 64, 16, 16]);
  });

  it('are the handler’s own, whatever is written over where they came from', () => {
    const taker = aTaker();
    const pieces = new Pieces(taker, 300 * KB);
    for (const size of [16, 64, 48, 64, 100, 8]) {
      const bytes = piece(size, size);
      pieces.add(bytes, false);
      bytes.fill(0);
    }
    const whole = Buffer.concat(taker.got);
    assert.equal(whole.length, 300 * KB);
    assert(!whole.includes(0));
    const mine = piece(64);
    const others = new Pieces(taker, 100 * KB);
    others.add(mine, true);
    assert.equal(taker.got.at(-1), mine, 'what is given for good is not copied');
  });

  it('wait while the handler has paused, and are all there when it goes on', () => {
    const taker = aTaker();
    const pieces = new Pieces(taker, 1_000 * KB);
    pieces.add(piece(16), false);
    taker.paused = true;
    pieces.add(piece(16), false);
    pieces.add(piece(300), false);
    taker.turnEnds();
    assert.deepEqual(taker.sizes(), []);
    taker.paused = false;
    pieces.flush();
    assert.equal(
      taker.sizes().reduce((sum, each) => sum + each, 0),
      332,
    );
  });

  it('that are left when it is over are told to nobody', () => {
    const taker = aTaker();
    const pieces = new Pieces(taker, 1_000 * KB);
    pieces.add(piece(16), false);
    taker.over = true;
    taker.turnEnds();
    pieces.flush();
    assert.deepEqual(taker.sizes(), []);
  });
});
