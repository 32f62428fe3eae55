/** Any order of events keeps the invariants of pool/members.ts and pool/leases.ts. What fails prints as steps. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Claim } from '../../src/pool/claim.ts';
import { Leases } from '../../src/pool/leases.ts';
import type { Member } from '../../src/pool/member.ts';
import { Members } from '../../src/pool/members.ts';
import { Upkeep } from '../../src/pool/upkeep.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

const SIZE = 3;
const STREAMS = 2;

const step = fc.record({
  do: fc.constantFrom(
    ...(['lease', 'exclusive', 'grouped', 'release', 'stream', 'stream', 'stream', 'end', 'end', 'abort'] as const),
    ...([
      'opened',
      'opened',
      'failed',
      'lost',
      'goaway',
      'ill',
      'allows',
      'time',
      'tick',
      'regroup',
      'budget',
    ] as const),
  ),
  nth: fc.nat({ max: 11 }),
});

interface Stream {
  readonly claim: Claim;
  readonly leaving: AbortController;
  member: Member | undefined;
  settled: number;
}

class Walk {
  readonly clock = new FakeClock();
  readonly opening = new Set<Member>();
  readonly alive = new Set<Member>();
  readonly closed = new Set<Member>();
  readonly members: Members;
  readonly leases: Leases;
  readonly upkeep: Upkeep;
  readonly held: Claim[] = [];
  readonly comings = new Map<string, { leaving: AbortController; settled: number }>();
  streams: Stream[] = [];
  mayStart = true;
  names = 0;

  constructor() {
    const { clock } = this;
    this.members = new Members(
      { sizeMax: SIZE, streamsMax: STREAMS, ageMs: 1_000, ageJitter: 0.5, backoffMs: 100, backoffMsMax: 400 },
      {
        open: (member) => {
          this.opening.add(member);
          this.alive.add(member);
        },
        close: (member) => {
          assert(!this.closed.has(member), 'members (2): closed twice');
          this.closed.add(member);
          this.alive.delete(member);
          this.opening.delete(member);
        },
        left: (member) => this.leases.left(member),
        changed: () => this.leases.settle(),
      },
      clock,
      () => 0.5,
    );
    this.leases = new Leases(
      { leasesWaitingMax: 3, streamsWaitingMax: 4, growAt: 1, graceMs: 50 },
      this.members,
      {
        mayStart: () => this.mayStart,
        lost: (claim, end) => {
          // Time that is let pass at one stroke may give a lease and take it again before its holder has heard of it.
          const at = this.held.indexOf(claim);
          if (at >= 0) this.held.splice(at, 1);
          if (end === 'reassigned') assert.equal(claim.live, 0, 'leases (2): it had a live stream');
        },
        moved: (claim) => assert.equal(claim.state, 'held'),
        ended: () => {},
      },
      clock,
    );
    const upkeep = { tickMs: 1e9, sizeMin: 0, rotationsMax: 2, lowReadings: 2, shrinkAt: 0.5, leaseIdleMs: 5_000 };
    this.upkeep = new Upkeep(upkeep, this.leases, clock, () => {});
  }

  async take(what: (typeof step extends fc.Arbitrary<infer S> ? S : never)['do'], nth: number): Promise<void> {
    const ready = [...this.alive].filter(({ state }) => state === 'ready');
    const member = ready[nth % ready.length];
    const opening = [...this.opening][nth % Math.max(this.opening.size, 1)];
    const claim = this.held[nth % this.held.length];
    const live = this.streams.filter((each) => each.member !== undefined);
    if (what === 'lease' || what === 'exclusive' || what === 'grouped') this.#lease(what, nth);
    else if (what === 'release' && claim !== undefined) this.#release(claim);
    else if (what === 'stream' && claim !== undefined) this.#stream(claim);
    else if (what === 'end' && live.length > 0) this.#end(live[nth % live.length]!);
    else if (what === 'abort') this.#abort(nth);
    else if (what === 'opened' && opening !== undefined) {
      this.opening.delete(opening);
      this.members.becameReady(opening, 1 + (nth % 3));
    } else if (what === 'failed' && opening !== undefined) this.members.gone(opening);
    else if (what === 'lost' && member !== undefined) this.#lose(member);
    else if (what === 'goaway' && member !== undefined) this.members.drain(member, 'peer');
    else if (what === 'ill' && member !== undefined) this.members.drain(member, 'health');
    else if (what === 'allows' && member !== undefined) this.members.allows(member, nth % 4);
    else if (what === 'time') this.clock.advance(nth * 40);
    else if (what === 'tick') this.upkeep.tick();
    else if (what === 'regroup' && claim !== undefined) this.leases.regroup(claim, `g${nth % 2}`);
    else if (what === 'budget') this.mayStart = nth % 2 === 0;
    await new Promise((resolve) => setImmediate(resolve));
  }

  #lease(what: string, nth: number): void {
    const name = `${++this.names}`;
    const leaving = new AbortController();
    const asked = { leaving, settled: 0 };
    try {
      const exclusive = what === 'exclusive';
      const group = what === 'grouped' ? `g${nth % 2}` : 'g';
      const wait = { signal: leaving.signal, waitMs: 300 };
      const got = this.leases.claim({ name, exclusive, group }, wait);
      if (!(got instanceof Promise)) return void this.held.push(got);
      this.comings.set(name, asked);
      const over = (): void => {
        asked.settled++;
        this.comings.delete(name);
      };
      got.then((claim) => {
        over();
        if (claim.state === 'held') this.held.push(claim);
      }, over);
    } catch {
      assert(this.leases.leasesWaiting >= 3, 'refused below the limit');
    }
  }

  #stream(claim: Claim): void {
    const stream: Stream = { claim, leaving: new AbortController(), member: undefined, settled: 0 };
    const placed = (member: Member): void => {
      stream.settled++;
      stream.member = member;
      assert.equal(member.tenant, claim.tenant.key, 'leases (1): on a connection of others');
    };
    try {
      const place = this.leases.place(claim, { signal: stream.leaving.signal, waitMs: 200 });
      this.streams.push(stream);
      if (!(place instanceof Promise)) {
        assert(place.state === 'ready' && place.streams <= place.streamsMax, 'leases (1): there was no room');
        assert.equal(claim.tenant.waiting.size, 0, 'leases (3): it overtook those who wait');
        return placed(place);
      }
      place.then(placed, () => {
        stream.settled++;
        this.streams.splice(this.streams.indexOf(stream), 1);
      });
    } catch {
      assert(this.leases.streamsWaiting >= 4 || claim.state !== 'held', 'refused below the limit');
    }
  }

  #end(stream: Stream): void {
    this.streams.splice(this.streams.indexOf(stream), 1);
    this.leases.end(stream.claim, stream.member!);
  }

  #release(claim: Claim): void {
    this.leases.release(claim);
    for (const stream of this.streams.filter((each) => each.claim === claim && each.member !== undefined)) {
      this.#end(stream);
    }
  }

  #lose(member: Member): void {
    this.members.gone(member);
    for (const stream of this.streams.filter((each) => each.member === member)) this.#end(stream);
  }

  #abort(nth: number): void {
    const waiting = this.streams.filter((each) => each.member === undefined);
    const asked = [...this.comings.values()];
    if (waiting.length > 0) waiting[nth % waiting.length]!.leaving.abort();
    else if (asked.length > 0) asked[nth % asked.length]!.leaving.abort();
  }

  verify(step: string): void {
    const { members, leases } = this;
    assert(members.size <= SIZE, `members (1) after ${step}: ${members.size}`);
    assert.equal(members.size, this.alive.size, `members (2) after ${step}`);
    const on = new Map<Member, number>();
    for (const { member } of this.streams) if (member !== undefined) on.set(member, (on.get(member) ?? 0) + 1);
    for (const member of this.alive) assert.equal(member.streams, on.get(member) ?? 0, `streams after ${step}`);
    for (const member of on.keys()) assert(!this.closed.has(member), `members (3) after ${step}`);
    assert(leases.leasesWaiting <= 3 && leases.streamsWaiting <= 4, `leases (4) after ${step}`);
    for (const tenant of leases.tenants.values()) {
      const own = [...this.alive].filter((each) => each.tenant === tenant.key);
      for (const waiter of tenant.waiting) {
        const room = own.find((each) => each.hasRoom);
        assert.equal(room, undefined, `leases (3) after ${step}: room while ${waiter.claim.name} waits`);
      }
      const taking = own.filter(({ state }) => state === 'ready' || state === 'opening');
      const can = members.mayOpen;
      assert(taking.length > 0 || !can, `leases (5) after ${step}: ${tenant.key} has nothing, and nothing is opened`);
    }
    assert.equal([...leases.claims].length, this.held.length + this.comings.size, `names after ${step}`);
    const replaced = [...this.alive].flatMap(({ replaces }) => replaces ?? []);
    assert.equal(new Set(replaced).size, replaced.length, `replaced twice after ${step}`);
    for (const member of this.alive) {
      const lingers = member.streams === 0 && member.tenant !== undefined && !leases.tenants.has(member.tenant);
      assert(!lingers, `nobody's, and nobody can have it, after ${step}`);
      if (member.tenant?.startsWith('lease ') !== true) continue;
      const others = this.streams.filter((each) => each.member === member && each.claim.tenant.key !== member.tenant);
      assert.deepEqual(others, [], `exclusive after ${step}`);
    }
  }
}

describe('leases on connections', () => {
  it('keep their promises in any order of events', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const walk = new Walk();
        for (const { do: what, nth } of steps) {
          await walk.take(what, nth);
          walk.verify(`${what} ${nth}`);
        }
        walk.upkeep.close();
        walk.leases.close();
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(walk.comings.size, 0, 'leases (4): every waiter settles');
        assert(
          walk.streams.every(({ settled }) => settled === 1),
          'leases (4): every waiter settles once',
        );
        walk.members.close();
        assert.equal(walk.alive.size, 0);
        assert.equal(walk.clock.sleeping, 0, 'no timer is left');
        assert.equal(walk.clock.held, 0);
      }),
      { numRuns: 500 },
    );
  });
});
