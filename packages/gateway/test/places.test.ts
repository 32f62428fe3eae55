/** Places of a limit that several workers share. The numbers are those at the head of limits/places.ts. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ExactWindow } from 'keepwarm';
import { type Demand, fairShares, type Grant, Places } from '../src/limits/places.ts';

const KEY = 'a limit';
const WINDOW_MS = 100;

describe('fair shares', () => {
  const of = (wanted: readonly number[], whole: number) => [
    ...fairShares(
      wanted.map((each, i) => [i + 1, each] as const),
      whole,
    ).values(),
  ];

  it('give who wants less what it wants, and the others the rest', () => {
    assert.deepEqual(of([10, 100, 100], 100).toSorted(), [10, 45, 45]);
    assert.deepEqual(of([100, 0, 0], 100).toSorted(), [0, 0, 100]);
    assert.deepEqual(of([0, 0, 0], 100).toSorted(), [33, 33, 34]);
    assert.deepEqual(of([3, 3, 3], 2).toSorted(), [0, 1, 1]);
  });

  it('add up to the whole', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 8 }), fc.nat(100), (wanted, whole) => {
        const shares = of(wanted, whole);
        assert.equal(
          shares.reduce((all, each) => all + each, 0),
          whole,
        );
        assert.ok(shares.every((each) => each >= 0));
      }),
    );
  });
});

/** A worker as far as a limit goes: its window, and what it has been told. */
class Worker {
  readonly window: ExactWindow;
  readonly limit: number;
  number = 0;
  places: number;
  waiting: number[] = [];

  constructor(limit: number, places: number) {
    this.limit = limit;
    this.window = new ExactWindow({ limit, windowMs: WINDOW_MS });
    this.places = places;
  }

  /** @returns weights of what starts */
  start(now: number): number[] {
    const started: number[] = [];
    while (this.waiting.length > 0 && this.window.used(now) + this.waiting[0]! <= this.places) {
      started.push(this.waiting[0]!);
      assert.ok(this.window.take(this.waiting.shift()!, now));
    }
    return started;
  }

  demand(now: number): Demand {
    const used = this.window.used(now);
    const wanted = Math.min(this.limit, used + this.waiting.reduce((all, each) => all + each, 0));
    const held = Math.max(this.places, used);
    const [nextWeight = 0] = this.waiting;
    return { key: KEY, limit: this.limit, settledMs: WINDOW_MS, number: this.number, held, wanted, nextWeight };
  }
}

/** Workers that hear and are heard in order, but late; some end, and others take their place. */
function world(limit: number, count: number) {
  const part = (i: number): number => Math.floor(limit / count) + (i < limit % count ? 1 : 0);
  const parts = new Map(Array.from({ length: count }, (_, i) => [i + 1, part(i)]));
  const workers = new Map([...parts].map(([number, places]) => [number, new Worker(limit, places)]));
  const places = new Places(workers.get(1)!.demand(0), parts);
  const [up, down] = [new Map<number, Demand[]>(), new Map<number, Grant[]>()];
  for (const each of workers.keys()) {
    up.set(each, []);
    down.set(each, []);
  }
  const starts: { at: number; weight: number }[] = [];
  const send = (grants: ReturnType<Places['allot']>) => {
    for (const [worker, grant] of grants) down.get(worker)?.push(grant);
  };
  return {
    workers,
    starts,
    say: (number: number, now: number) => up.get(number)!.push(workers.get(number)!.demand(now)),
    hear: (number: number, now: number) => {
      const demand = up.get(number)!.shift();
      if (demand !== undefined) send(places.heard(number, demand, now));
    },
    obey: (number: number) => {
      const grant = down.get(number)!.shift();
      if (grant !== undefined) Object.assign(workers.get(number)!, { number: grant.number, places: grant.places });
    },
    end: (number: number, now: number) => {
      places.left(number, now);
      for (const each of [up, down]) each.set(number, []);
      workers.set(number, new Worker(limit, 0));
    },
    start: (now: number) => {
      for (const worker of workers.values()) for (const weight of worker.start(now)) starts.push({ at: now, weight });
      send(places.allot(now));
    },
    check: (now: number) => {
      const held = [...workers.keys()].map((number) => places.heldBy(number));
      assert.ok(held.reduce((all, each) => all + each, 0) <= limit, '(1)');
      for (const [number, worker] of workers) {
        assert.ok(Math.max(worker.window.used(now), 0) <= places.heldBy(number), `(2) worker ${number}`);
      }
    },
  };
}

type World = ReturnType<typeof world>;

function settle(all: World, from: number, ms: number): number {
  for (let now = from; now <= from + ms; now++) {
    all.start(now);
    for (const number of all.workers.keys()) {
      all.say(number, now);
      all.hear(number, now);
      all.obey(number);
    }
    all.check(now);
  }
  return from + ms;
}

function exact(starts: World['starts'], limit: number): void {
  const window = new ExactWindow({ limit, windowMs: WINDOW_MS });
  for (const { at, weight } of starts) assert.ok(window.take(weight, at), `more than ${limit} in a window, at ${at}`);
}

describe('places of a limit', () => {
  it('go to the worker that has all the calls, so that nothing of the limit is lost', () => {
    const all = world(9, 3);
    all.workers.get(2)!.waiting = Array.from({ length: 90 }, () => 1);
    settle(all, 0, 10 * WINDOW_MS + 20);
    assert.ok(all.starts.length >= 80, `${all.starts.length} of 90 were started in ten windows`);
    exact(all.starts, 9);
  });

  it('are shared fairly when all have calls again, though one had them all', () => {
    const all = world(9, 3);
    const flood = (number: number) => all.workers.get(number)!.waiting.push(...Array.from({ length: 500 }, () => 1));
    flood(1);
    const now = settle(all, 0, 3 * WINDOW_MS);
    flood(2);
    flood(3);
    settle(all, now, 6 * WINDOW_MS);
    assert.deepEqual(
      [...all.workers.values()].map(({ places }) => places),
      [3, 3, 3],
    );
    exact(all.starts, 9);
  });

  it('come together for a call that weighs as much as the limit, while others have calls too', () => {
    const all = world(9, 3);
    all.workers.get(1)!.waiting = [9, 9];
    all.workers.get(2)!.waiting = Array.from({ length: 60 }, () => 1);
    all.workers.get(3)!.waiting = [5, 5, 5];
    settle(all, 0, 30 * WINDOW_MS);
    assert.deepEqual(
      [...all.workers.values()].map(({ waiting }) => waiting.length),
      [0, 0, 0],
    );
    exact(all.starts, 9);
  });

  it('of a worker that is gone return when nothing of it counts any more', () => {
    const all = world(9, 3);
    all.workers.get(1)!.waiting = Array.from({ length: 30 }, () => 1);
    let now = settle(all, 0, 50);
    all.end(1, now);
    all.workers.get(2)!.waiting = Array.from({ length: 30 }, () => 1);
    now = settle(all, now + 1, 4 * WINDOW_MS);
    exact(all.starts, 9);
    assert.ok(all.starts.length >= 9 + 2 * 9);
  });

  it('hold the limit over every window, whatever is late, and whoever ends', () => {
    const act = fc.record({
      worker: fc.integer({ min: 1, max: 3 }),
      what: fc.constantFrom('say', 'hear', 'obey', 'say', 'hear', 'obey', 'call', 'call', 'end', 'pass'),
      weight: fc.integer({ min: 1, max: 5 }),
      ms: fc.nat(30),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(act, { maxLength: 300 }), (limit, acts) => {
        const all = world(limit, 3);
        let now = 0;
        for (const { worker, what, weight, ms } of acts) {
          if (what === 'call') all.workers.get(worker)!.waiting.push(Math.min(weight, limit));
          else if (what === 'say') all.say(worker, now);
          else if (what === 'hear') all.hear(worker, now);
          else if (what === 'obey') all.obey(worker);
          else if (what === 'end') all.end(worker, now);
          else now += ms;
          all.start(now);
          all.check(now);
        }
        exact(all.starts, limit);
      }),
      { numRuns: 300 },
    );
  });
});
