import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { atRandom, inTurn, powerOfTwo, type TakesTurns } from '../../src/algo/p2c.ts';
import { hashOf, preferred } from '../../src/algo/rendezvous.ts';
import { seeded } from '../balance/seeded.ts';

class Fixed implements TakesTurns {
  turn = 0;
  readonly name: string;
  readonly hash: number;
  readonly weight: number;
  load: number;

  constructor(name: string, weight = 1, load = 0) {
    this.name = name;
    this.hash = hashOf(name);
    this.weight = weight;
    this.load = load;
  }

  weightAt(): number {
    return this.weight;
  }

  loadAt(): number {
    return this.load;
  }
}

function shares(count: number, choose: () => Fixed): Record<string, number> {
  const chosen: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const { name } = choose();
    chosen[name] = (chosen[name] ?? 0) + 1 / count;
  }
  return chosen;
}

const within = (share: number | undefined, wanted: number) =>
  assert.ok(Math.abs((share ?? 0) - wanted) < 0.02, `${share}, not ${wanted}`);

describe('the power of two choices', () => {
  it('takes the only one there is without rolling dice', () => {
    const only = new Fixed('a');
    assert.equal(
      powerOfTwo([only], 0, () => assert.fail('chance has no part in it')),
      only,
    );
  });

  it('always compares two different ones, so that of two it takes the less loaded', () => {
    const [busy, free] = [new Fixed('busy', 1, 2), new Fixed('free', 1, 1)];
    const random = seeded(1);
    for (let i = 0; i < 1_000; i++) assert.equal(powerOfTwo([busy, free], 0, random), free);
  });

  it('never takes the most loaded, and no single one gets all', () => {
    const all = [new Fixed('a', 1, 1), new Fixed('b', 1, 2), new Fixed('c', 1, 3)];
    const random = seeded(2);
    const chosen = shares(20_000, () => powerOfTwo(all, 0, random));
    within(chosen['a'], 2 / 3);
    within(chosen['b'], 1 / 3);
    assert.equal(chosen['c'], undefined);
  });

  it('shares by weight among equals', () => {
    const all = [new Fixed('a', 1), new Fixed('b', 2), new Fixed('c', 5)];
    const random = seeded(3);
    const chosen = shares(20_000, () => powerOfTwo(all, 0, random));
    within(chosen['a'], 1 / 8);
    within(chosen['b'], 2 / 8);
    within(chosen['c'], 5 / 8);
  });

  it('takes somebody although the dice say 1, or nearly so', () => {
    const all = [new Fixed('a', 0.1), new Fixed('b', 0.2), new Fixed('c', 0.3)];
    for (const value of [0, 1 - 2 ** -53, 1]) assert.ok(all.includes(powerOfTwo(all, 0, () => value)));
  });
});

describe('chance alone', () => {
  it('shares by weight, whatever the load', () => {
    const all = [new Fixed('a', 3, 1_000), new Fixed('b', 1)];
    const random = seeded(4);
    within(shares(20_000, () => atRandom(all, 0, random))['a'], 3 / 4);
  });
});

describe('taking turns', () => {
  it('spreads a heavier one out instead of asking it in a row', () => {
    const all = [new Fixed('a', 5), new Fixed('b', 1), new Fixed('c', 1)];
    const order = Array.from({ length: 14 }, () => inTurn(all, 0).name).join('');
    assert.equal(order, 'aabacaaaabacaa');
  });

  it('goes on with those that are left', () => {
    const all = [new Fixed('a'), new Fixed('b'), new Fixed('c')];
    inTurn(all, 0);
    const chosen = shares(300, () => inTurn(all.slice(1), 0));
    within(chosen['b'], 0.5);
  });
});

describe('rendezvous hashing', () => {
  const names = ['tokyo', 'frankfurt', 'oregon', 'virginia', 'mumbai'];
  const keys = Array.from({ length: 5_000 }, (_, i) => hashOf(`account-${i}`));

  it('shares keys by weight', () => {
    const all = [new Fixed('a', 1), new Fixed('b', 2), new Fixed('c', 5)];
    const counts = { a: 0, b: 0, c: 0 } as Record<string, number>;
    for (const key of keys) counts[preferred(all, key, 0).name]!++;
    within(counts['a']! / keys.length, 1 / 8);
    within(counts['b']! / keys.length, 2 / 8);
    within(counts['c']! / keys.length, 5 / 8);
  });

  it('moves only the keys of a place that leaves, to all others, and back when it returns', () => {
    const all = names.map((name) => new Fixed(name));
    const before = keys.map((key) => preferred(all, key, 0).name);
    const after = keys.map((key) => preferred(all.slice(1), key, 0).name);
    const heirs = new Set<string>();
    for (const [i, name] of before.entries()) {
      if (name === 'tokyo') heirs.add(after[i]!);
      else assert.equal(after[i], name);
    }
    assert.equal(heirs.size, 4);
    assert.deepEqual(
      keys.map((key) => preferred(all, key, 0).name),
      before,
    );
  });

  it('only ever gives keys to a place that grows', () => {
    const grown = (weight: number) => names.map((name, i) => new Fixed(name, i === 0 ? weight : 1));
    for (const [less, more] of [
      [0.1, 0.5],
      [0.5, 1],
      [1, 7],
    ] as const) {
      for (const key of keys) {
        const [from, to] = [preferred(grown(less), key, 0).name, preferred(grown(more), key, 0).name];
        assert.ok(to === from || to === 'tokyo');
      }
    }
  });

  it('tells names apart that differ by little, and by what is beyond Latin-1', () => {
    assert.equal(new Set(['a', 'b', 'ab', 'ba', '', 'ä', '你', '您'].map(hashOf)).size, 8);
  });
});
