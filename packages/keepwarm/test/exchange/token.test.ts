/** A token, walked at random; the invariants are those at its head. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Held, Token } from '../../src/adapters/exchange/token.ts';
import { NetError } from '../../src/core/error.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

type Step =
  | { readonly do: 'get'; readonly patienceMs: number; readonly aborts: boolean }
  | { readonly do: 'refuse'; readonly which: 'held' | 'older' }
  | { readonly do: 'answer'; readonly well: boolean; readonly livesMs: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'close' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('get' as const),
      patienceMs: fc.constantFrom(0, 40, 10_000, Number.POSITIVE_INFINITY),
      aborts: fc.nat({ max: 5 }).map((n) => n === 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      well: fc.nat({ max: 3 }).map((n) => n > 0),
      livesMs: fc.constantFrom(0, 100, 1_000, 20_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('refuse' as const), which: fc.constantFrom('held', 'older') }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 60, 900, 6_000) }) },
  { weight: 1, arbitrary: fc.nat({ max: 4 }).map((n): Step => (n > 0 ? { do: 'wait', ms: 10 } : { do: 'close' })) },
);

interface Fetch {
  resolve(held: Held<string>): void;
  reject(error: Error): void;
}

class Walker {
  readonly clock = new FakeClock();
  readonly fetches: Fetch[] = [];
  readonly lives = new Map<string, number>();
  readonly refused = new Set<string>();
  readonly token = new Token('a token', this.clock, () => this.#fetch());
  readonly outcomes: (string | undefined)[] = [];
  made = 0;
  closed = false;

  async take(one: Step): Promise<void> {
    if (one.do === 'get') this.#get(one);
    else if (one.do === 'refuse') this.#refuse(one.which);
    else if (one.do === 'answer') this.#answer(one);
    else if (one.do === 'wait') this.clock.advance(one.ms);
    else {
      this.closed = true;
      this.token.close();
      this.token.close();
    }
    await this.clock.settle();
    const { current } = this.token;
    const what = JSON.stringify(one);
    assert(this.fetches.length <= 1, `(1) after ${what}`);
    if (current !== undefined) {
      assert(!this.refused.has(current), `(2) nobody is given what was refused, after ${what}`);
      assert(this.clock.now() < this.lives.get(current)!, `nor what has expired, after ${what}`);
      assert(!this.closed, `(3) after ${what}`);
    }
    if (!this.closed) return;
    assert.equal(this.clock.sleeping, 0, `(3) no renewal after ${what}`);
    assert(!this.outcomes.includes(undefined), `(3) nobody waits after ${what}`);
  }

  #fetch(): Promise<Held<string>> {
    return new Promise((resolve, reject) => this.fetches.push({ resolve, reject }));
  }

  #get({ patienceMs, aborts }: Extract<Step, { do: 'get' }>): void {
    const caller = new AbortController();
    const at = this.outcomes.push(undefined) - 1;
    const turn = { signal: caller.signal, deadlineAt: this.clock.now() + patienceMs };
    this.token.get(turn).then(
      (value) => (this.outcomes[at] = value),
      (error: unknown) => (this.outcomes[at] = error instanceof NetError ? error.code : 'told'),
    );
    if (aborts) caller.abort('changed my mind');
  }

  #refuse(which: 'held' | 'older'): void {
    const held = this.token.current;
    if (which === 'older') return this.token.refuse('older');
    if (held === undefined) return;
    this.refused.add(held);
    this.token.refuse(held);
  }

  #answer({ well, livesMs }: Extract<Step, { do: 'answer' }>): void {
    const fetch = this.fetches.shift();
    if (fetch === undefined) return;
    if (!well) return fetch.reject(new Error('down'));
    const value = `token ${++this.made}`;
    const expiresAt = this.clock.now() + livesMs;
    this.lives.set(value, expiresAt);
    fetch.resolve({ value, renewAt: this.clock.now() + 0.6 * livesMs, expiresAt });
  }
}

async function walk(steps: readonly Step[]): Promise<void> {
  const walker = new Walker();
  for (const one of steps) await walker.take(one);
  // Whoever still waits is told when the fetch ends, or by their own deadline.
  await walker.take({ do: 'answer', well: true, livesMs: 1_000 });
  await walker.take({ do: 'close' });
  await walker.take({ do: 'wait', ms: 20_000 });
  for (const fetch of walker.fetches) fetch.reject(new Error('over'));
  await walker.clock.settle();
  assert(
    walker.outcomes.every((outcome) => outcome !== undefined),
    'everybody is told',
  );
  assert.equal(walker.clock.sleeping, 0, 'no timer is left behind');
}

describe('a token', () => {
  it('keeps its invariants through refusals, failures, expiry and a close (walk)', async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), walk), { numRuns: 400 });
  });

  it('is renewed ahead of time, in the background, and tried again when that fails', async () => {
    const clock = new FakeClock();
    let fails = false;
    const token = new Token('a token', clock, () => {
      if (fails) return Promise.reject(new Error('down'));
      const since = clock.now();
      return Promise.resolve({ value: `made at ${since}`, renewAt: since + 180_000, expiresAt: since + 290_000 });
    });
    assert.equal(await token.get(), 'made at 0');
    await clock.run(180_000);
    assert.equal(token.current, 'made at 180000');
    fails = true;
    await clock.run(200_000);
    fails = false;
    await clock.run(5_000);
    assert.match(token.current ?? '', /made at 3[68]\d{4}/);
    token.refuse('made at 0');
    assert.notEqual(token.current, undefined, 'an older one was refused');
    token.close();
    assert.equal(clock.sleeping, 0);
    await assert.rejects(token.get(), { code: 'CLOSED' });
  });

  it('is not waited for longer than its caller wants, and is fetched on for the others', async () => {
    const { clock, token, fetches } = new Walker();
    const caller = new AbortController();
    const forever = { deadlineAt: Number.POSITIVE_INFINITY };
    const patient = token.get(forever);
    const hasty = token.get({ deadlineAt: 50 });
    const gone = token.get({ signal: caller.signal, ...forever });
    caller.abort('gone');
    await assert.rejects(gone, { code: 'ABORTED', reach: 'unsent', cause: 'gone' });
    clock.advance(50);
    await assert.rejects(hasty, { code: 'DEADLINE', reach: 'unsent', message: /while it waited for a token/ });
    fetches[0]!.resolve({ value: 'here', renewAt: 1_000, expiresAt: 2_000 });
    assert.equal(await patient, 'here');
    assert.equal(token.fetches, 1);
    token.close();
  });

  it('serves what needs it once more when it is refused, and not a third time', async () => {
    const clock = new FakeClock();
    let made = 0;
    const token = new Token('a token', clock, () => {
      made++;
      return Promise.resolve({ value: `token ${made}`, renewAt: 1e6, expiresAt: 1e6 });
    });
    const seen: (string | undefined)[] = [];
    const refused = new Error('refused');
    const send = (): Promise<never> => {
      seen.push(token.current);
      return Promise.reject(refused);
    };
    await assert.rejects(
      token.use({ deadlineAt: 1e6 }, send, (thrown) => thrown === refused),
      refused,
    );
    assert.deepEqual(seen, ['token 1', 'token 2']);
    token.close();
  });
});
