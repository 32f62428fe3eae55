import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Line, World } from './a-lifetime.ts';

/** Several leased at once. */
const leases = (world: World, count: number): Line[] => Array.from({ length: count }, () => world.lease());

describe('an idle limit', () => {
  for (const idleMs of [20, 200, 1_000, 30_000]) {
    it(`closes what was unused for ${idleMs} ms, within a tenth of that and within 100 ms`, () => {
      const world = new World({ idleMs });
      for (let round = 0; round < 3; round++) {
        const line = world.lease();
        world.clock.advance(round * 7.3);
        world.giveBack(line);
        const since = world.clock.now();
        world.clock.advance(2 * idleMs);
        assert.equal(line.closedFor, 'idle');
        const late = line.closedAt! - since - idleMs;
        assert.ok(late >= 0 && late <= Math.min(100, idleMs / 10), `round ${round}: ${late} ms late`);
      }
      assert.equal(world.clock.sleeping, 0, 'no timer is left behind');
    });
  }

  it('counts from the last use', () => {
    const world = new World({ idleMs: 1_000 });
    world.giveBack(world.lease());
    world.clock.advance(900);
    const line = world.lease();
    world.giveBack(line);
    world.clock.advance(900);
    assert.equal(line.closedFor, undefined);
    world.clock.advance(101);
    assert.equal(line.closedFor, 'idle');
  });

  it('applies to what was opened and never used', () => {
    const world = new World({ idleMs: 1_000 });
    world.pool.fill(3);
    world.clock.advance(1_010 + 100);
    assert.ok(world.lines.every(({ closedFor }) => closedFor === 'idle'));
    assert.equal(world.live.size, 0);
  });

  it('spares what is lent, however long that takes', () => {
    const world = new World({ idleMs: 1_000 });
    const line = world.lease();
    world.clock.advance(60_000);
    assert.equal(line.closedFor, undefined);
  });

  it("yields to the peer's hint when that is shorter", () => {
    const world = new World({ idleMs: 30_000 });
    world.giveBack(world.lease());
    world.clock.advance(10_000);
    const line = world.lease();
    line.idleMs = 4_000;
    line.idleByPeer = true;
    world.giveBack(line);
    const since = world.clock.now();
    world.clock.advance(10_000);
    assert.equal(line.closedFor, 'idle');
    const late = line.closedAt! - since - 4_000;
    assert.ok(late >= 0 && late <= 100, `${late} ms late`);
  });

  it('closes soon what the peer keeps for no time at all', () => {
    const world = new World();
    const line = world.lease();
    Object.assign(line, { idleMs: 0, idleByPeer: true });
    world.giveBack(line);
    world.clock.advance(100);
    assert.equal(line.closedFor, 'idle');
  });

  it('holds for many that were used at different times', () => {
    const uses = fc.array(fc.nat(400), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(uses, fc.integer({ min: 1, max: 500 }), (gaps, idleMs) => {
        const world = new World({ idleMs, surplusMs: 1e6 });
        const lines = leases(world, gaps.length);
        for (const [i, gap] of gaps.entries()) {
          world.clock.advance(gap);
          world.giveBack(lines[i]!);
        }
        world.clock.advance(1_000);
        for (const { closedFor, closedAt, idleSince } of lines) {
          assert.equal(closedFor, 'idle');
          assert.ok(
            closedAt! - idleSince >= idleMs && closedAt! - idleSince <= idleMs + 100,
            `${closedAt! - idleSince}`,
          );
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('surplus', () => {
  it('is kept for surplusMs after a burst, then closed down to idleMax', () => {
    const world = new World({ idleMax: 3, surplusMs: 5_000, idleMs: 60_000 });
    world.use(...leases(world, 10));
    world.clock.advance(4_900);
    assert.equal(world.pool.idle.size, 10);
    world.clock.advance(200);
    assert.equal(world.pool.idle.size, 3);
    assert.equal(world.lines.filter(({ closedFor }) => closedFor === 'surplus').length, 7);
  });

  it('is not what the next burst needs: bursts within surplusMs open nothing new', () => {
    const world = new World({ idleMax: 3, surplusMs: 5_000, idleMs: 60_000 });
    for (let burst = 0; burst < 5; burst++) {
      world.use(...leases(world, 10));
      world.clock.advance(3_000);
    }
    assert.equal(world.dials.length, 10);
  });

  it('never takes the idle minimum, even when that is above idleMax', () => {
    const world = new World({ idleMax: 1, surplusMs: 1_000, idleMs: 60_000 }, { idleMin: 4 });
    world.giveBack(world.lease());
    world.clock.advance(30_000);
    assert.equal(world.pool.idle.size, 4);
  });
});

describe('the idle minimum', () => {
  it('is kept for days, whatever our own idle limit says', () => {
    const world = new World({ idleMs: 1_000 }, { idleMin: 2 });
    world.giveBack(world.lease());
    world.clock.advance(1_200);
    assert.equal(world.pool.idle.size, 2, 'what is above it goes');
    const dials = world.dials.length;
    world.clock.advance(86_400_000);
    assert.equal(world.pool.idle.size, 2);
    assert.equal(world.dials.length, dials);
  });

  it('is refilled when the peer gives its items up', () => {
    const world = new World({}, { idleMin: 2 });
    world.giveBack(world.lease());
    world.clock.advance(100);
    for (const line of [...world.live]) line.close('peer');
    world.clock.advance(10);
    assert.equal(world.pool.idle.size, 2);
  });

  it('does not keep what the peer is about to close: that is closed before, and replaced', () => {
    const world = new World({}, { idleMin: 1 });
    world.giveBack(world.lease());
    world.clock.advance(100);
    const hinted = [...world.live];
    for (const line of hinted) Object.assign(line, { idleMs: 2_000, idleByPeer: true });
    world.lifetime.attend(world.clock.now());
    world.clock.advance(2_000);
    assert.ok(hinted.every(({ closedFor }) => closedFor === 'idle'));
    world.clock.advance(100);
    assert.equal(world.pool.idle.size, 1);
  });

  it('is there again soon after a peer that was away is back', () => {
    const world = new World({}, { idleMin: 2 });
    world.giveBack(world.lease());
    world.clock.advance(100);
    world.reachable = false;
    for (const line of [...world.live]) line.close('reset');
    world.clock.advance(60_000);
    world.reachable = true;
    world.clock.advance(1_100);
    assert.equal(world.pool.idle.size, 2);
  });

  it('dials a peer that is away about once a second for each spare, however busy the rest is', () => {
    const world = new World({}, { idleMin: 2 });
    const busy = leases(world, 3);
    world.clock.advance(100);
    world.reachable = false;
    for (const line of [...world.live]) if (!busy.includes(line)) line.close('reset');
    const before = world.dials.length;
    world.dialMs = 0;
    for (let turn = 0; turn < 1_000; turn++) {
      world.use(...busy.splice(0));
      while (world.pool.idle.size > 0) busy.push(world.lease());
      world.clock.advance(10);
    }
    const dials = world.dials.length - before;
    assert.ok(dials <= 2 * 12, `${dials} dials in 10 s`);
    assert.ok(dials >= 2 * 8, `${dials} dials in 10 s`);
  });
});

describe('an idle minimum whose items are closed by the peer', () => {
  it('as soon as they are there is refilled once a second, not as fast as that goes', () => {
    const world = new World({}, { idleMin: 2 });
    world.pool.fill(2);
    for (let elapsed = 0; elapsed < 10_000; elapsed += 5) {
      world.clock.advance(5);
      for (const line of [...world.live]) if (world.clock.now() - line.openedAt >= 20) world.lose(line);
    }
    assert.ok(world.dials.length >= 18 && world.dials.length <= 26, `${world.dials.length} within 10 s`);
    world.clock.advance(10_000);
    assert.equal(world.pool.idle.size, 2, 'once they stay');
  });

  it('after they were used, or have lasted, is refilled at once', () => {
    const world = new World({}, { idleMin: 1 });
    for (let calls = 0; calls < 20; calls++) {
      const line = world.lease();
      world.lose(line);
      world.clock.advance(20);
      assert.equal(world.pool.idle.size, 1);
    }
    world.clock.advance(150);
    world.lose([...world.live][0]!);
    world.clock.advance(20);
    assert.equal(world.pool.idle.size, 1);
  });
});
