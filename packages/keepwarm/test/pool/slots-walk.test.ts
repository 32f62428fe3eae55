/** Any order of events keeps the invariants of pool/slots.ts. A walk that fails prints as its steps. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { Capacity } from '../../src/pool/capacity.ts';
import { closed } from './a-pool.ts';
import { type Line, OpenShared, type Rider } from './a-slot-pool.ts';

const step = fc.oneof(
  fc.record({
    do: fc.constantFrom('call', 'callNewer', 'release', 'withdraw', 'drain', 'remove'),
    nth: fc.nat({ max: 9 }),
  }),
  fc.record({ do: fc.constantFrom('opened', 'slots'), nth: fc.nat({ max: 4 }) }),
  fc.record({ do: fc.constantFrom('failed', 'scarce', 'other', 'relax', 'fill', 'evict'), nth: fc.nat({ max: 3 }) }),
);

class Walk {
  readonly capacity = new Capacity(5);
  readonly open = new OpenShared({ sizeMax: 3, waitersMax: 4, idleMin: 1 }, this.capacity);
  riders: Rider[] = [];

  get #lines(): Line[] {
    return this.open.lines.filter(({ place }) => place !== 'gone');
  }

  take(what: string, nth: number): void {
    const {
      open,
      open: { pool },
    } = this;
    const lines = this.#lines;
    const line = what === 'remove' ? this.open.lines[nth % this.open.lines.length] : lines[nth % lines.length];
    const waiting = this.riders.filter(({ settled, queued }) => settled === 0 && queued);
    const riding = this.riders.filter(({ line }) => line !== undefined);
    if (what === 'call' || what === 'callNewer') {
      try {
        this.riders.push(open.call(what === 'call' ? 0 : pool.serial));
      } catch {
        assert(pool.lacking >= 4, 'refused below the limit');
      }
    } else if (what === 'release' && riding.length > 0) {
      const rider = riding[nth % riding.length]!;
      this.riders.splice(this.riders.indexOf(rider), 1);
      pool.release(rider.line!);
    } else if (what === 'withdraw' && waiting.length > 0) {
      const rider = waiting[nth % waiting.length]!;
      this.riders.splice(this.riders.indexOf(rider), 1);
      pool.withdraw(rider);
    } else if (what === 'drain' && line !== undefined) pool.drain(line, 'age');
    else if (what === 'remove' && line !== undefined) pool.remove(line);
    else if (what === 'opened' && open.opens > 0) open.opened(nth);
    else if (what === 'failed' && open.opens > 0) open.openFailed();
    else if (what === 'scarce' && open.opens > 0) open.openFailed(true);
    else if (what === 'other' && open.opens > 0) {
      open.opens--;
      for (const each of pool.openedOther()) each.refused(closed);
    } else if (what === 'relax') pool.relax();
    else if (what === 'fill') pool.fill(nth);
    else if (what === 'evict' && pool.idle.first !== undefined) pool.evict(pool.idle.first, 'idle');
    else if (what === 'slots' && line !== undefined) {
      line.slotsMax = nth;
      pool.slotsChanged(line);
    }
  }

  verify(after: string): void {
    const { pool, closed: gone } = this.open;
    const lines = this.#lines;
    const waiting = this.riders.filter(({ settled }) => settled === 0);
    const say = (what: string) => `${what} after ${after}`;
    assert(pool.size <= 3, say('(1)'));
    assert.equal(this.capacity.used, pool.opening + lines.length, say('(1) places'));
    assert.equal(pool.opening, this.open.opens, say('openings'));
    assert.equal(pool.waiting, waiting.length, say('(6) waiters'));
    const riding = this.riders.filter(({ line }) => line !== undefined);
    assert.equal(pool.slotsLent, riding.length, say('slots lent'));
    assert(
      this.riders.every(({ settled }) => settled <= 1),
      say('(6) twice'),
    );
    const canPick = pool.open.some(({ slotsUsed, slotsMax }) => slotsUsed < slotsMax);
    if (canPick) assert(!waiting.some(({ newerThan }) => newerThan === 0), say('(3)'));
    if (waiting.length > 0)
      assert(pool.opening > 0 || pool.open.length > 0 || this.capacity.used >= 5, say('(6) nothing to hope for'));
    for (const line of this.open.lines) {
      const users = this.riders.filter((rider) => rider.line === line).length;
      assert.equal(line.slotsUsed, users, say('slots'));
      if (line.place === 'idle') assert.equal(users, 0, say('idle in use'));
      if (line.place === 'leased' && line.draining === undefined) assert(users > 0, say('leased by nobody'));
      if (line.draining !== undefined && users === 0) assert.equal(line.place, 'gone', say('drained, still there'));
    }
    assert.equal(new Set(gone).size, gone.length, say('closed twice'));
  }
}

it('a shared pool keeps its invariants in any order of events, and ends with nothing', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const walk = new Walk();
      const done: string[] = [];
      for (const { do: what, nth } of steps) {
        walk.take(what, nth);
        done.push(`${what} ${nth}`);
        walk.riders = walk.riders.filter(({ error }) => error === undefined);
        walk.verify(done.join(', '));
      }
      walk.open.pool.close(closed);
      while (walk.open.opens > 0) walk.open.opened(1);
      for (const { line } of walk.riders) if (line !== undefined) walk.open.pool.release(line);
      assert.equal(walk.capacity.used, 0, 'every place is given back');
      assert.equal(walk.open.pool.slotsLent, 0, 'and every slot');
    }),
    { numRuns: 2_000 },
  );
});
