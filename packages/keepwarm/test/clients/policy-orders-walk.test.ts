/**
 * The policies in every order, over a peer that answers, fails, dawdles and never ends by chance, for callers who
 * leave: whichever stands above which, each caller is told once and in time, nothing is held afterwards, and what may
 * not be done twice is not sent again once it may have been received.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { BUDGET_DEFAULTS, RetryBudget } from '../../src/algo/budget.ts';
import { Targets } from '../../src/clients/targets.ts';
import { type Abortable, listen, unlisten } from '../../src/core/abort.ts';
import type { Call, Policy, Send } from '../../src/core/call.ts';
import type { Timer } from '../../src/core/clock.ts';
import { NetError } from '../../src/core/error.ts';
import { Fields } from '../../src/core/fields.ts';
import type { BodySink, BodySource, Ending, Reply } from '../../src/core/reply.ts';
import { attemptTime } from '../../src/policies/attempt-time.ts';
import { BREAKER_DEFAULTS, breaker } from '../../src/policies/breaker.ts';
import { CACHE_DEFAULTS, cache } from '../../src/policies/cache.ts';
import { COALESCE_DEFAULTS, coalesce } from '../../src/policies/coalesce.ts';
import { COMPRESS_DEFAULTS, compress } from '../../src/policies/compress.ts';
import { CONCURRENCY_DEFAULTS, concurrency } from '../../src/policies/concurrency.ts';
import { HEDGE_DEFAULTS, hedge } from '../../src/policies/hedge.ts';
import { rateLimit } from '../../src/policies/rate-limit.ts';
import { redirect } from '../../src/policies/redirect.ts';
import { retry } from '../../src/policies/retry.ts';
import { RETRY_DEFAULTS } from '../../src/policies/retry-options.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, aReply, failure, later, never, scripted } from '../../src/testing/scripted-engine.ts';

/** What one call meets at the peer. */
interface Met {
  readonly kind: 'status' | 'stream' | 'redirect' | 'CONNECT' | 'RESET' | 'TIMEOUT' | 'never';
  readonly status: number;
  readonly takesMs: number;
  readonly fields: Readonly<Record<string, string>>;
}

interface Caller {
  readonly atMs: number;
  readonly order: boolean;
  readonly path: string;
  readonly large: boolean;
  readonly deadlineMs: number;
  readonly abortMs: number;
  readonly does: 'read' | 'discard';
}

const NAMES = [
  ...(['redirect', 'cache', 'coalesce', 'compress', 'retry', 'hedge'] as const),
  ...(['rateLimit', 'attemptTime', 'concurrency', 'breaker'] as const),
];

const met: fc.Arbitrary<Met> = fc.record({
  kind: fc.constantFrom<Met['kind'][]>(
    'status',
    'status',
    'status',
    'stream',
    'redirect',
    'CONNECT',
    'RESET',
    'TIMEOUT',
    'never',
  ),
  status: fc.constantFrom(200, 200, 200, 404, 429, 503),
  takesMs: fc.constantFrom(0, 0, 1, 7, 60),
  fields: fc.constantFrom<Record<string, string>[]>(
    {},
    { 'cache-control': 'max-age=1' },
    { 'cache-control': 'max-age=0, stale-while-revalidate=5, stale-if-error=5', etag: '"1"' },
    { 'retry-after': '0' },
    { 'set-cookie': 'a=b' },
  ),
});

const caller: fc.Arbitrary<Caller> = fc.record({
  atMs: fc.constantFrom(0, 0, 0, 3, 20, 400),
  order: fc.nat({ max: 3 }).map((n) => n === 0),
  path: fc.constantFrom('/a', '/a', '/b'),
  large: fc.boolean(),
  deadlineMs: fc.constantFrom(5, 40, 300, 2_000),
  // At no instant at which anything else happens.
  abortMs: fc.constantFrom(0.3, 4.3, 30.3, 9_000.3, 9_000.3, 9_000.3),
  does: fc.constantFrom('read', 'read', 'discard'),
});

/** A body that comes after a while, if somebody reads it; its caller's signal and deadline end it. */
class Coming implements BodySource, Abortable {
  readonly bytesExpected = -1;
  ending: Ending | undefined;
  readonly #call: Call;
  readonly #clock: FakeClock;
  readonly #arrivesAt: number;
  #sink: BodySink | undefined;
  #timers: Timer[] = [];

  constructor(call: Call, clock: FakeClock, ms: number) {
    this.#call = call;
    this.#clock = clock;
    this.#arrivesAt = clock.now() + ms;
    this.liftDeadline(call.deadlineAt);
    if (call.signal !== undefined) listen(call.signal, this);
  }

  start(sink: BodySink): void {
    this.#sink = sink;
    if (this.ending?.over === true) return sink.fail(failure('DEADLINE', 'answered'));
    this.#timers.push(
      this.#clock.after(this.#arrivesAt - this.#clock.now(), () => {
        sink.data(Buffer.from('body'));
        this.#over();
        sink.end([]);
      }),
    );
  }

  resume(): void {}

  cancel(): void {
    this.#over();
  }

  aborted(): void {
    this.#fail(failure('ABORTED', 'answered'));
  }

  liftDeadline(until = Number.POSITIVE_INFINITY): void {
    for (const timer of this.#timers.splice(0)) timer.cancel();
    if (Number.isFinite(until)) {
      this.#timers.push(
        this.#clock.after(until - this.#clock.now(), () => this.#fail(failure('DEADLINE', 'answered'))),
      );
    }
    if (this.#sink !== undefined) this.start(this.#sink);
  }

  #fail(error: NetError): void {
    this.#over();
    this.#sink?.fail(error);
  }

  #over(): void {
    for (const timer of this.#timers.splice(0)) timer.cancel();
    if (this.#call.signal !== undefined) unlisten(this.#call.signal, this);
    this.ending?.finish();
  }
}

function aWorld(order: readonly (typeof NAMES)[number][], script: readonly Met[]) {
  const clock = new FakeClock(0);
  const received = new Map<string, number>();
  const bodies = new Set<Ending>();
  let drawn = 0;
  const engine = scripted((call) => {
    assert(drawn < 2_000, 'nobody asks without end');
    const { kind, status, takesMs, fields } = script[drawn++ % script.length]!;
    const isOrder = call.method === 'POST';
    const receive = (): void => {
      const id = call.headers.get('x-order');
      if (isOrder && id !== undefined) received.set(id, (received.get(id) ?? 0) + 1);
    };
    if (kind === 'CONNECT') return later(takesMs, failure('CONNECT', 'unsent'));
    receive();
    if (kind === 'RESET' || kind === 'TIMEOUT') return later(takesMs, failure(kind, 'unknown'));
    if (kind === 'never') return never;
    if (kind === 'redirect') return later(takesMs, { status: 303, headers: { location: '/b' } });
    if (kind === 'status') return later(takesMs, { status, headers: fields, body: 'body' });
    const source = new Coming(call, clock, takesMs + 5);
    const reply = aReply({ status, headers: fields, body: source });
    source.ending = reply.ending!;
    bodies.add(reply.ending!);
    return reply;
  }, clock);
  const parts = { clock, random: () => 0.5, observer: {} };
  const budget = new RetryBudget(BUDGET_DEFAULTS, clock);
  const targets = new Targets('https://api.example.com');
  const made = {
    redirect: redirect({ redirectsMax: 3, targetOf: (url, from) => targets.onward(url, from), clock }),
    cache: cache(CACHE_DEFAULTS, parts),
    coalesce: coalesce({ ...COALESCE_DEFAULTS, bodyMs: 10 }, parts),
    compress: compress({ ...COMPRESS_DEFAULTS, origins: 'all' }, parts),
    retry: retry({ ...RETRY_DEFAULTS, attemptMs: 50 }, { ...parts, budget }),
    hedge: hedge({ ...HEDGE_DEFAULTS, countMin: 1, share: 1 }, { ...parts, budget }),
    rateLimit: rateLimit({ limits: [{ limit: 5, windowMs: 10 }], waitMs: 1_000 }, parts),
    attemptTime: attemptTime(clock),
    concurrency: concurrency({ ...CONCURRENCY_DEFAULTS, limit: 2, limitMax: 4, waitMs: 500 }, parts),
    breaker: breaker({ ...BREAKER_DEFAULTS, consecutiveMax: 3, failingMs: 0, openMs: 20, openMsMax: 100 }, parts),
  };
  const send = order.reduceRight<Send>((next, name) => (made[name] as Policy)(next), engine);
  return { clock, engine, made, send, received, bodies };
}

const SLACK_MS = 150;

async function walk(order: readonly (typeof NAMES)[number][], script: readonly Met[], callers: readonly Caller[]) {
  const { clock, engine, made, send, received, bodies } = aWorld(order, script);
  const controllers: AbortController[] = [];
  const told: (string | undefined)[] = callers.map(() => undefined);
  const begin = (i: number): void => {
    const { order: isOrder, path, large, deadlineMs, does } = callers[i]!;
    const controller = new AbortController();
    controllers[i] = controller;
    const now = clock.now();
    const call = aCall({
      path,
      ...(isOrder && { method: 'POST', traits: { idempotent: false }, body: large ? 'x'.repeat(2_000) : 'x' }),
      headers: isOrder ? Fields.of({ 'x-order': String(i) }) : Fields.none,
      signal: controller.signal,
      startedAt: now,
      deadlineAt: now + deadlineMs,
    });
    const heard = (what: string): void => {
      assert.equal(told[i], undefined, `caller ${i} is told once`);
      told[i] = what;
    };
    const asked = new Promise<Reply>((resolve) => resolve(send(call)));
    asked
      .then((reply): unknown => (does === 'read' ? reply.text() : reply.discard()))
      .then(
        () => heard('answered'),
        (error: unknown) => {
          assert(error instanceof NetError, String(error));
          heard(error.code);
        },
      );
  };
  const events = callers.flatMap(({ atMs, deadlineMs, abortMs }, i) => [
    { at: atMs, does: () => begin(i) },
    {
      at: atMs + abortMs,
      async does() {
        controllers[i]!.abort(new Error('gone'));
        await clock.settle();
        assert.notEqual(told[i], undefined, `caller ${i} left, and is told so without any timer`);
      },
    },
    {
      at: atMs + deadlineMs + SLACK_MS,
      does: () => assert.notEqual(told[i], undefined, `caller ${i} is told in time`),
    },
  ]);
  for (const { at, does } of events.sort((a, b) => a.at - b.at)) {
    await clock.run(Math.max(at - clock.now(), 0));
    await does();
  }
  await clock.run(20_000);
  assert.deepEqual([engine.inFlight(), made.retry.snapshot().waiting, made.hedge.snapshot().armed], [0, 0, 0]);
  assert.deepEqual([made.coalesce.snapshot().attempts, made.rateLimit.snapshot()[0]!.waiting], [0, 0]);
  for (const { inFlight, waiting } of made.concurrency.snapshot()) assert.deepEqual([inFlight, waiting], [0, 0]);
  assert.equal([...bodies].filter(({ over }) => !over).length, 0, 'every body was read, or given up');
  assert.equal(clock.sleeping, 0, 'no timer is left');
  for (const [id, times] of received) assert.equal(times, 1, `order ${id} was received once`);
}

it('hold nothing back, leave nothing behind, and send no order twice', async () => {
  const worlds = [
    fc.shuffledSubarray(NAMES, { minLength: 2 }),
    fc.array(met, { minLength: 1, maxLength: 8 }),
    fc.array(caller, { minLength: 1, maxLength: 10 }),
  ] as const;
  await fc.assert(fc.asyncProperty(...worlds, walk), { numRuns: 300 });
});
