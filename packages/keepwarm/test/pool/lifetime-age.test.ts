import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SocketRegistry } from '../../src/net/sockets.ts';
import { Lifetime, lifeOf } from '../../src/pool/lifetime.ts';
import { type Line, World } from './a-lifetime.ts';

const leases = (world: World, count: number): Line[] => Array.from({ length: count }, () => world.lease());

describe('age', () => {
  it('differs from item to item by at most its jitter, and only shortens lives', () => {
    const options = { idleMax: 1, idleMs: 1, surplusMs: 1, ageMs: 300_000, ageJitter: 0.1 };
    const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(1e6), share, share, fc.double({ min: 0, max: 1, noNaN: true }), (now, one, two, ageJitter) => {
        const with_ = { ...options, ageJitter };
        const [first, second] = [lifeOf(with_, now, () => one), lifeOf(with_, now, () => two)];
        for (const { replaceAt, retireAt } of [first, second]) {
          assert.ok(retireAt <= now + 300_000 && retireAt >= now + 300_000 * (1 - ageJitter) - 1e-6);
          assert.ok(replaceAt < retireAt);
        }
        if (ageJitter > 0.001 && Math.abs(one - two) > 0.001) assert.notEqual(first.retireAt, second.retireAt);
      }),
    );
  });

  it('is no matter when it is infinite', () => {
    const life = lifeOf(
      { idleMax: 1, idleMs: 1, surplusMs: 1, ageMs: Number.POSITIVE_INFINITY, ageJitter: 0.1 },
      5,
      () => 0,
    );
    assert.deepEqual(life, { replaceAt: Number.POSITIVE_INFINITY, retireAt: Number.POSITIVE_INFINITY });
  });

  it('has a successor opened before an idle item is retired, so that no call is ever a cold one', () => {
    const world = new World({ ageMs: 10_000, idleMs: 60_000 });
    const line = world.lease();
    world.giveBack(line);
    for (let turn = 0; turn < 11_000 && line.closedFor === undefined; turn++) {
      world.clock.advance(1);
      assert.ok(world.pool.idle.size > 0 || line.closedFor === undefined, 'something is always warm');
    }
    assert.equal(line.closedFor, 'age');
    assert.ok(Math.abs(line.closedAt! - line.retireAt) <= 2, `${line.closedAt! - line.retireAt} ms late`);
    assert.equal(world.pool.idle.size, 1);
    assert.equal(world.dials.length, 2);
  });

  it('has a successor opened before a lent item is retired, and retires that when it comes back', () => {
    const world = new World({ ageMs: 2_000, idleMs: 60_000 });
    const line = world.lease();
    world.clock.advance(2_500);
    assert.equal(line.closedFor, undefined, 'a call is not cut off by age');
    const [, successor] = world.lines;
    assert.ok(successor!.openedAt < line.retireAt, `${successor!.openedAt} of ${line.retireAt}`);
    world.giveBack(line);
    assert.equal(line.closedFor, 'age');
    assert.equal(world.lease(), successor);
  });

  it('keeps a minimum of warm items through every change of generation', () => {
    const world = new World({ ageMs: 10_000, ageJitter: 0.5, idleMs: 1_000 }, { idleMin: 3, sizeMax: 10 });
    let seed = 1;
    world.random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    world.giveBack(world.lease());
    world.clock.advance(1_500);
    for (let turn = 0; turn < 10_000; turn++) {
      world.clock.advance(10);
      assert.ok(world.pool.idle.size >= 3, `${world.pool.idle.size} at ${world.clock.now()}`);
    }
    for (const line of world.lines) assert.ok((line.closedAt ?? 0) <= line.retireAt + 2);
    assert.ok(world.lines.length > 20);
  });
});

describe('sleep', () => {
  it('lets the process end 50 ms after the last use, and no sooner', () => {
    const world = new World();
    const line = world.lease();
    world.clock.advance(1_000);
    world.giveBack(line);
    world.clock.advance(49);
    assert.equal(line.asleep, false);
    world.clock.advance(51);
    assert.equal(line.asleep, true);
  });

  it('comes over what was opened and never used', () => {
    const world = new World();
    world.pool.fill(2);
    world.clock.advance(world.dialMs + 100);
    assert.ok(world.lines.every(({ asleep }) => asleep));
  });

  it('comes again after each use', () => {
    const world = new World();
    for (let round = 0; round < 5; round++) {
      const line = world.lease();
      world.giveBack(line);
      assert.equal(line.asleep, false);
      world.clock.advance(100);
      assert.equal(line.asleep, true, `round ${round}`);
    }
  });
});

describe('the patrol', () => {
  it('looks at what is lent every second, once it has looked at all', () => {
    const world = new World({ idleMs: Number.POSITIVE_INFINITY });
    const line = world.lease();
    world.clock.advance(60_000);
    assert.ok(line.inspectedAt.length >= 58, `${line.inspectedAt.length} looks`);
  });

  it('finds what was lent long after everything had come to rest', () => {
    const world = new World({ idleMs: Number.POSITIVE_INFINITY });
    world.giveBack(world.lease());
    world.clock.advance(3_600_000);
    const line = world.lease();
    world.clock.advance(60_000);
    assert.ok(line.inspectedAt.length >= 40, `${line.inspectedAt.length} looks`);
  });

  it('opens what scarcity prevented when there is room again', () => {
    const world = new World();
    const line = world.lease();
    const failed = world.pool.options.sizeMax;
    world.pool.fill(2);
    world.pool.openFailed(Object.assign(new Error()) as never, true);
    assert.ok(world.pool.holdsBack, `of ${failed}`);
    world.lifetime.attend(world.clock.now());
    world.clock.advance(2_000);
    assert.ok(!world.pool.holdsBack);
    world.giveBack(line);
  });
});

describe('its timer', () => {
  it('is one, whatever goes on', () => {
    const world = new World({ idleMs: 500, ageMs: 3_000, ageJitter: 0.3 }, { idleMin: 1 });
    for (let turn = 0; turn < 500; turn++) {
      const lines = leases(world, 1 + (turn % 4));
      world.use(...lines);
      world.clock.advance((turn * 37) % 90);
      assert.ok(world.clock.sleeping - world.pool.opening <= 1, `${world.clock.sleeping} timers`);
    }
  });

  it('is set about twenty times a second at most, however many calls there are', () => {
    const world = new World();
    world.giveBack(world.lease());
    const before = world.clock.timers;
    for (let call = 0; call < 10_000; call++) {
      world.giveBack(world.lease());
      world.clock.advance(0.1);
    }
    assert.ok(world.clock.timers - before <= 30, `${world.clock.timers - before} timers in one second`);
  });

  it('waits for the end of what is surplus, rather than asking for it all the time', () => {
    const world = new World({ idleMax: 1, surplusMs: 5_000 });
    world.use(...leases(world, 3));
    const before = world.clock.timers;
    world.clock.advance(4_999);
    assert.ok(world.clock.timers - before <= 10, `${world.clock.timers - before} timers in five seconds`);
    world.clock.advance(1);
    assert.equal(world.pool.idle.size, 1);
  });

  it('is not set when nothing is open, nor after closing', () => {
    const world = new World({ idleMs: 100 });
    world.giveBack(world.lease());
    world.lifetime.close();
    assert.equal(world.clock.sleeping, 0);
    world.clock.advance(1_000); // past all that was due when it was closed
    world.giveBack(world.lease());
    assert.equal(world.clock.sleeping, 0);
  });

  it('serves items that a registry holds, today and tomorrow', () => {
    const world = new World();
    const registry = new SocketRegistry<Line & { id: number; life(): never }>(0);
    const lifetime = new Lifetime<Line>({ ...world.options, idleMs: 1_000 }, world.clock, registry, [world.pool]);
    for (let id = 1; id <= 3; id++) {
      const line = world.lease();
      line.idleMs = 1_000;
      registry.add(Object.assign(line, { id, life: () => undefined as never }));
      world.giveBack(line);
      world.lifetime.close();
      lifetime.attend(world.clock.now());
      world.clock.advance(2_000);
      assert.equal(line.closedFor, 'idle', `item ${id}`);
    }
  });
});
