import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type StartFigures, type StartKind, StartWindow } from '../../src/algo/start-window.ts';

const FIGURES: StartFigures = { limit: 4, windowMs: 100, reserve: 1, lateMs: 10 };

function taken(window: StartWindow, kind: StartKind, now: number): number {
  let count = 0;
  for (; window.admits(kind, now); count++) window.begin(now);
  return count;
}

describe('a window of starts', () => {
  it('keeps a place from the grant until a window after it was settled', () => {
    const window = new StartWindow({ ...FIGURES, reserve: 0 }, 0);
    assert.equal(taken(window, 'growth', 0), 4);
    window.settle(50); // the provider saw it somewhere between 0 and 50
    assert.equal(window.admits('growth', 149), false, 'a window after the grant is too soon');
    assert.equal(window.admitsAt('growth', 60), 150);
    assert.equal(window.admits('growth', 150), true);
  });

  it('counts what was lost for as long as it may still arrive, and what was cancelled not at all', () => {
    const window = new StartWindow({ ...FIGURES, limit: 1, reserve: 0 }, 0);
    window.begin(0);
    window.lose(20);
    assert.equal(window.admits('growth', 129), false);
    assert.equal(window.admits('growth', 130), true);
    window.begin(130);
    window.cancel();
    assert.equal(window.admits('growth', 130), true);
  });

  it('leaves a reserve to reconnects (2)', () => {
    const window = new StartWindow(FIGURES, 0);
    assert.equal(taken(window, 'growth', 0), 3);
    assert.equal(taken(window, 'reconnect', 0), 1);
    assert.equal(window.used(0), 4);
  });

  it('admits nothing while it is paused, and a pause never gets shorter (3)', () => {
    const window = new StartWindow(FIGURES, 0);
    window.pause(50);
    window.pause(20);
    assert.equal(window.admits('reconnect', 49), false);
    assert.equal(window.admitsAt('reconnect', 0), 50);
    assert.equal(window.admits('reconnect', 50), true);
  });

  it('begins full when nothing is known of the run before (4)', () => {
    const window = new StartWindow(FIGURES, 1_000, 'full');
    assert.equal(window.admits('reconnect', 1_099), false);
    assert.equal(taken(window, 'reconnect', 1_100), 4);
  });

  it('goes on where the run before ended (4)', () => {
    const earlier = [{ settledAt: 990 }, { settledAt: undefined }, { settledAt: 930 }, { settledAt: 800 }];
    const window = new StartWindow(FIGURES, 1_000, earlier);
    assert.equal(window.underWay, 1);
    assert.equal(window.used(1_000), 3);
    assert.equal(window.used(1_030), 2);
    window.settle(1_040);
    assert.equal(window.used(1_090), 1);
    assert.equal(window.used(1_140), 0);
  });

  it('takes the latest of more than there may be', () => {
    const earlier = [10, 20, 30, 40, 50, 60].map((settledAt) => ({ settledAt }));
    const window = new StartWindow(FIGURES, 60, earlier);
    assert.equal(window.used(60), 4);
    assert.equal(window.admitsAt('reconnect', 60), 130, 'the third oldest leaves first');
  });
});
