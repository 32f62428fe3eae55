/**
 * Random walks over the DNS cache beside a plain model of what may be known. The numbers are those of the invariants at
 * the head of src/net/dns.ts; a failing walk prints as its steps.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { NetError } from '../../src/core/error.ts';
import type { Address, DnsOptions } from '../../src/net/dns.ts';
import { FAILED_MS } from '../../src/net/dns-order.ts';
import { aCache, type Question, texts } from './dns-setup.ts';

const NAMES = ['a.test', 'b.test', 'c.test'];
const POOL = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1', '2001:db8::2'];
const FINAL = ['ENOTFOUND', 'ENODATA'];
const LIMITS = { ttlMsMin: 1_000, ttlMsMax: 20_000, staleMs: 5_000, staleOnErrorMs: 9_000, lookupMs: 4_000 };
/** RFC 9520 § 3.2. */
const PAUSE_MS = 1_000;

/** Weighted so that a name often has an answer, and time often stops between two of its limits. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('lookup' as const), name: fc.nat(2), aborts: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('peek' as const), name: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), caller: fc.nat(5) }) },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      question: fc.nat(),
      addresses: fc.subarray(POOL),
      ttlMs: fc.constantFrom(0, 3_000, 90_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      question: fc.nat(),
      code: fc.constantFrom('ESERVFAIL', 'EAI_AGAIN', 'ESERVFAIL', 'ENOTFOUND', 'ENODATA'),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 999, 1_000, 3_000, 6_000, 30_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('failed' as const), address: fc.constantFrom(...POOL) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('succeeded' as const), address: fc.constantFrom(...POOL) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** What is known of a name: its last answer, and whether asking again has failed in passing since. */
interface Known {
  readonly addresses: readonly string[];
  readonly expiresAt: number;
  failedSince: boolean;
  /** The end of the pause after the last failure. */
  pausesUntil: number;
}

interface Caller {
  readonly name: string;
  readonly era: number;
  readonly abort: AbortController;
  outcome: readonly Address[] | NetError | undefined;
}

/** One lookup under way at the resolver. */
interface Asked extends Question {
  readonly era: number;
  open: boolean;
}

class Walk {
  readonly #fixture: ReturnType<typeof aCache>;
  readonly #namesMax: number;
  readonly #known = new Map<string, Known>();
  readonly #failedUntil = new Map<string, number>();
  readonly #asked: Asked[] = [];
  readonly #callers: Caller[] = [];
  /** Every answer ever given, so that nothing made up is taken for one that clear() has orphaned. */
  readonly #given = new Set<string>();
  /** Counts clear(): what was asked for in an earlier era is not to be remembered. */
  #era = 0;

  constructor(namesMax: number) {
    this.#namesMax = namesMax;
    this.#fixture = aCache({ ...LIMITS, namesMax } satisfies Partial<DnsOptions>);
  }

  get #now(): number {
    return this.#fixture.clock.now();
  }

  /** Nothing is evicted, so the model knows what the cache knows. */
  get #roomy(): boolean {
    return this.#namesMax >= NAMES.length;
  }

  async take(one: Step): Promise<void> {
    const { cache, clock } = this.#fixture;
    const openOnes = this.#asked.filter(({ open }) => open);
    if (one.do === 'lookup') this.#lookup(NAMES[one.name]!, one.aborts);
    if (one.do === 'peek') this.#peek(NAMES[one.name]!);
    if (one.do === 'abort') this.#callers.at(-1 - one.caller)?.abort.abort(new Error('gone'));
    if (one.do === 'answer') this.#answer(openOnes[one.question % openOnes.length], one.addresses, one.ttlMs);
    if (one.do === 'fail') this.#fail(openOnes[one.question % openOnes.length], one.code);
    if (one.do === 'advance') await clock.run(one.ms);
    if (one.do === 'failed') {
      cache.failed(one.address);
      this.#failedUntil.set(one.address, this.#now + FAILED_MS);
    }
    if (one.do === 'succeeded') {
      cache.succeeded(one.address);
      this.#failedUntil.delete(one.address);
    }
    if (one.do === 'clear') {
      cache.clear();
      this.#era++;
      this.#known.clear();
      this.#failedUntil.clear();
    }
    this.#noteQuestions();
    await clock.settle();
    this.#noteQuestions();
    this.#verify();
  }

  async end(): Promise<void> {
    const { cache, clock } = this.#fixture;
    await clock.run(LIMITS.lookupMs);
    this.#noteQuestions();
    for (const { outcome } of this.#callers) assert.notEqual(outcome, undefined, '(5) every caller settles');
    assert.deepEqual([clock.sleeping, cache.stats().inFlight], [0, 0], '(8) no timer is left behind');
  }

  #lookup(name: string, aborts: boolean): void {
    const abort = new AbortController();
    const caller: Caller = { name, era: this.#era, abort, outcome: undefined };
    const served = this.#mustServe(name);
    this.#callers.push(caller);
    const settle = (outcome: readonly Address[] | NetError) => {
      assert.equal(caller.outcome, undefined, '(5) a caller settles once');
      caller.outcome = outcome;
      if (outcome instanceof NetError) {
        assert.equal(served, false, '(3) what is fresh or stale is served');
        if (outcome.code === 'ABORTED') assert(abort.signal.aborted, '(6) none is aborted by another');
        else assert.equal(outcome.code === 'DNS' || (!this.#roomy && outcome.code === 'SATURATED'), true, outcome.code);
      } else this.#check(name, outcome, caller.era);
    };
    // Rethrown out of reach of the cache, so that a failed check fails the walk.
    void this.#fixture.cache.lookup(name, 0, abort.signal).then(settle, settle).catch(this.#broken);
    if (aborts) abort.abort(new Error('gone'));
  }

  readonly #broken = (error: unknown): void => void (this.#failure ??= error);
  #failure: unknown;

  #peek(name: string): void {
    const served = this.#mustServe(name);
    const found = this.#fixture.cache.peek(name, 0);
    if (served) assert(found !== undefined, '(3) fresh or stale, the answer is synchronous');
    if (found !== undefined) this.#check(name, found, this.#era);
  }

  #mustServe(name: string): boolean {
    const known = this.#known.get(name);
    return this.#roomy && known !== undefined && this.#now < known.expiresAt + LIMITS.staleMs;
  }

  #check(name: string, found: readonly Address[], era: number): void {
    const list = texts(found)!;
    assert(this.#given.has(`${name} ${list.toSorted()}`), '(7) the addresses of one answer');
    const failed = list.map((one) => (this.#failedUntil.get(one) ?? 0) > this.#now);
    assert.deepEqual(failed, failed.toSorted(), '(7) none that failed lately before one that did not');
    if (era !== this.#era) return;
    const known = this.#known.get(name);
    assert(known !== undefined, '(4) (9) nothing is served that was taken away');
    assert.deepEqual(list.toSorted(), known.addresses.toSorted(), '(7) all of them');
    const late = this.#now - known.expiresAt;
    assert(late < LIMITS.staleOnErrorMs, '(4) no address is served too late');
    assert(late < LIMITS.staleMs || known.failedSince, '(4) later than staleMs only after a passing failure');
  }

  #answer(asked: Asked | undefined, addresses: readonly string[], ttlMs: number): void {
    if (asked === undefined) return;
    if (addresses.length === 0) return this.#fail(asked, 'ENODATA');
    asked.open = false;
    asked.answer(addresses, ttlMs);
    this.#given.add(`${asked.hostname} ${addresses.toSorted()}`);
    const clamped = Math.min(Math.max(ttlMs, LIMITS.ttlMsMin), LIMITS.ttlMsMax);
    if (asked.era !== this.#era) return;
    this.#known.set(asked.hostname, { addresses, expiresAt: this.#now + clamped, failedSince: false, pausesUntil: 0 });
  }

  #fail(asked: Asked | undefined, code: string): void {
    if (asked === undefined) return;
    asked.open = false;
    asked.fail(code);
    this.#learnFailure(asked, code);
  }

  #learnFailure(asked: Asked, code: string): void {
    if (asked.era !== this.#era) return;
    const known = this.#known.get(asked.hostname);
    if (known === undefined) return;
    const tooOld = this.#now >= known.expiresAt + LIMITS.staleOnErrorMs;
    if (FINAL.includes(code) || tooOld) this.#known.delete(asked.hostname);
    else {
      known.failedSince = true;
      known.pausesUntil = this.#now + PAUSE_MS;
    }
  }

  /** Takes up what has reached the resolver since. */
  #noteQuestions(): void {
    for (const question of this.#fixture.questions.slice(this.#asked.length)) {
      const asked: Asked = { ...question, era: this.#era, open: true };
      const known = this.#known.get(question.hostname);
      if (this.#roomy && known !== undefined) {
        assert(this.#now >= known.expiresAt, '(1) none is asked for while fresh');
        const old = this.#now >= known.expiresAt + LIMITS.staleOnErrorMs;
        assert(old || this.#now >= known.pausesUntil, '(1) nor in the pause after a failure');
      }
      this.#asked.push(asked);
      asked.signal.addEventListener('abort', () => {
        asked.open = false;
        this.#learnFailure(asked, 'ETIMEOUT');
      });
    }
  }

  #verify(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const { names, inFlight } = this.#fixture.cache.stats();
    const open = this.#asked.filter(({ open }) => open);
    const counting = open.filter(({ era }) => era === this.#era).map(({ hostname }) => hostname);
    assert.equal(new Set(counting).size, counting.length, '(1) one lookup per name');
    assert.equal(inFlight, counting.length, '(2) what counts is counted');
    assert(inFlight <= this.#namesMax, '(2) lookups');
    assert(names <= this.#namesMax, '(2) entries');
    assert.equal(this.#fixture.clock.sleeping, open.length, '(8) one timer per lookup under way');
    for (const { abort, outcome } of this.#callers) {
      if (abort.signal.aborted) assert.notEqual(outcome, undefined, '(5) (6) who aborts is let go at once');
    }
  }
}

for (const [what, namesMax] of [
  ['room for every name', 3],
  ['room for two names', 2],
] as const) {
  it(`the invariants of the DNS cache hold on every walk (${what})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const walk = new Walk(namesMax);
        for (const one of steps) await walk.take(one);
        await walk.end();
      }),
      { numRuns: 400 },
    );
  });
}
