/** A limit that sections share: whatever they do, together they count no more than there are places. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Share, WholeLimit } from '../src/limits/whole-limit.ts';

const FIGURES = { name: 'whole', limit: 10, windowMs: 1_000 };

/** A section as its client keeps the limit: calls start in its places, in their order, and stop counting some time. */
class Section implements Share {
  readonly name = FIGURES.name;
  readonly limit = FIGURES.limit;
  readonly settledMs = 2_000;
  readonly started: number[] = [];
  readonly #queue: number[] = [];
  #places = FIGURES.limit;

  get places(): number {
    return this.#places;
  }
  set places(places: number) {
    this.#places = places;
    this.#start();
  }
  get used(): number {
    return this.started.reduce((sum, weight) => sum + weight, 0);
  }
  get waiting(): number {
    return this.#queue.reduce((sum, weight) => sum + weight, 0);
  }
  get nextWeight(): number {
    return this.#queue[0] ?? 0;
  }
  pause(): void {}

  call(weight: number): void {
    this.#queue.push(weight);
    this.#start();
  }
  /** The oldest call counts no more. */
  passed(): void {
    this.started.shift();
    this.#start();
  }
  /** Its client is closed: nothing starts any more. */
  closed(): void {
    this.#queue.length = 0;
  }

  #start(): void {
    while (this.#queue[0] !== undefined && this.used + this.#queue[0] <= this.#places) {
      this.started.push(this.#queue.shift()!);
    }
  }
}

const settled = (limit: WholeLimit): void => {
  for (let i = 0; i < 20; i++) limit.settle();
};

describe('a limit of all sections', () => {
  it('gives each what it wants, up to an equal part, and what others do not want', () => {
    const limit = new WholeLimit(FIGURES);
    const [greedy, modest] = [new Section(), new Section()];
    for (const section of [greedy, modest]) limit.add(section, section);
    for (let i = 0; i < 100; i++) greedy.call(1);
    settled(limit);
    assert.deepEqual([greedy.used, modest.used], [10, 0], 'nobody else wants any');
    for (let i = 0; i < 3; i++) modest.call(1);
    settled(limit);
    assert.equal(modest.used, 0, 'all of it counts');
    for (let i = 0; i < 3; i++) {
      greedy.passed();
      settled(limit);
    }
    assert.deepEqual([greedy.used, modest.used], [7, 3], 'what becomes free is for who has less than its part');
    for (let i = 0; i < 100; i++) modest.call(1);
    for (let i = 0; i < 40; i++) {
      greedy.passed();
      modest.passed();
      settled(limit);
    }
    assert.deepEqual([greedy.used, modest.used], [5, 5]);
  });

  it('lets a call start that weighs more than an equal part', () => {
    const limit = new WholeLimit(FIGURES);
    const sections = Array.from({ length: 5 }, () => new Section());
    for (const section of sections) limit.add(section, section);
    for (const section of sections) section.call(1);
    settled(limit);
    sections[0]!.call(9);
    for (const section of sections) for (let i = 0; i < 5; i++) section.call(1);
    for (let i = 0; i < 60 && !sections[0]!.started.includes(9); i++) {
      sections[i % 5]!.passed();
      settled(limit);
    }
    assert.ok(sections[0]!.started.includes(9));
  });

  it('goes on counting what a section did that is gone, and not what is to be counted no more', () => {
    const limit = new WholeLimit(FIGURES);
    const [first, second] = [new Section(), new Section()];
    limit.add(first, first);
    settled(limit);
    for (let i = 0; i < 8; i++) first.call(1);
    settled(limit);
    first.closed();
    limit.remove(first, { granted: 8, refused: 1 } as never);
    limit.add(second, second);
    for (let i = 0; i < 20; i++) second.call(1);
    settled(limit);
    assert.deepEqual([first.used, second.used], [8, 2]);
    for (let i = 0; i < 8; i++) first.passed();
    settled(limit);
    assert.equal(second.used, 10);
    assert.equal(limit.used, 10);
    assert.deepEqual([limit.held, limit.places], [10, 10]);
  });

  it('keeps its invariants whatever sections do (1)(2)', () => {
    const number = fc.nat({ max: 4 });
    const step = fc.oneof(
      fc.record({ do: fc.constant('call'), at: number, weight: fc.integer({ min: 1, max: 10 }) }),
      fc.record({ do: fc.constantFrom('passed', 'remove', 'add', 'settle'), at: number }),
      fc.record({ do: fc.constant('places'), at: fc.nat({ max: 12 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.boolean(), (steps, alone) => {
        const limit = new WholeLimit(FIGURES);
        const all: Section[] = [];
        const here = new Map<number, Section>();
        let mostHeld = FIGURES.limit;
        for (const [i, each] of steps.entries()) {
          const section = here.get(each.at);
          if (each.do === 'add' && section === undefined) {
            const made = new Section();
            here.set(each.at, made);
            all.push(made);
            limit.add(made, made);
          } else if (each.do === 'call') section?.call('weight' in each ? each.weight : 1);
          else if (each.do === 'passed') (section ?? all.at(each.at))?.passed();
          else if (each.do === 'settle') limit.settle();
          else if (each.do === 'remove' && section !== undefined) {
            section.closed();
            limit.remove(section, undefined);
            here.delete(each.at);
          } else if (each.do === 'places' && !alone) {
            limit.places = each.at;
          }
          // What another process is told may count here holds until this one has been given more.
          mostHeld = each.do === 'places' && !alone ? limit.held : Math.min(mostHeld, limit.held);
          const counted = all.reduce((sum, { used }) => sum + used, 0);
          const held = [...here.values()].reduce((sum, { used, places }) => sum + Math.max(used, places), 0);
          assert.ok(counted <= mostHeld, `${counted} count, ${mostHeld} may, after step ${i} ${each.do}`);
          assert.ok(held <= limit.held, `(1) after step ${i} ${each.do}`);
          if (alone) assert.equal(limit.held, FIGURES.limit, '(2)');
        }
      }),
      { numRuns: 300 },
    );
  });
});
