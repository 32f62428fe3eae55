/** Questions to Redis and their ends: a client that answers as the test says, a clock that stands still. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FleetOptions, type RedisClient, redisRateLimit } from '../../../src/adapters/redis/index.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import { aCall, later, scripted } from '../../../src/testing/scripted-engine.ts';

/** A client whose every answer a test gives. */
function aClient(answer: (call: number) => Promise<unknown>) {
  let calls = 0;
  const client: RedisClient = { evalsha: () => answer(calls++), eval: () => answer(calls++) };
  return { client, calls: () => calls };
}

function alone(answer: (call: number) => Promise<unknown>, options: Partial<FleetOptions> = {}) {
  const clock = new FakeClock();
  const engine = scripted(() => 200, clock);
  const { client, calls } = aClient(answer);
  const limits = [{ limit: 4, windowMs: 1_000 }];
  const policy = redisRateLimit({ client, name: 'a', limits, ...options }, { clock });
  const send = policy(engine);
  return { clock, engine, policy, calls, call: () => send(aCall()) };
}

const granted = Promise.resolve(['ok', '1', 'epoch', 0]);
const local = { onLoss: 'local', share: 2 } as const;

describe('a question to Redis', () => {
  it('has an end within redisMs, and a late answer starts nobody', async () => {
    let answer: (value: unknown) => void = () => assert.fail();
    const { call, clock, engine, policy } = alone(() => new Promise((resolve) => (answer = resolve)), { redisMs: 250 });
    void call();
    await clock.run(249);
    assert.equal(policy.snapshot().redis.state, 'up');
    await clock.run(1);
    assert.equal(policy.snapshot().redis.state, 'closed');
    answer(['ok', '1', 'epoch', 0]);
    await clock.settle();
    assert.equal(engine.calls.length, 0);
  });

  it('is not answered by what was said to an earlier one', async () => {
    const answers: ((value: unknown) => void)[] = [];
    const { call, clock, engine } = alone(() => new Promise((resolve) => answers.push(resolve)));
    void call();
    await clock.run(600);
    assert.equal(answers.length, 2, 'asked again half a second after the first');
    answers[0]!(['ok', '1', 'epoch', 0]);
    await clock.settle();
    assert.equal(engine.calls.length, 0, 'what the first was granted, the second has already disowned');
    answers[1]!(['ok', '1', 'epoch', 0]);
    await clock.settle();
    assert.equal(engine.calls.length, 1);
  });

  it('does not pile up others while Redis hangs', async () => {
    const { call, clock, calls } = alone(() => new Promise(() => undefined), { waitMs: 120_000 });
    void call();
    await clock.run(60_000);
    assert.equal(calls(), 4);
  });

  it('is asked again within a second after any failure, whatever the answer was', async () => {
    const nonsense = [
      Promise.reject(new Error('OOM')),
      Promise.resolve(null),
      Promise.resolve(['stale']),
      Promise.resolve('ok'),
    ];
    const { call, clock, engine } = alone((i) => nonsense[i] ?? granted);
    for (const each of nonsense) each.catch(() => undefined); // the test made them early; nobody else has seen them yet
    void call();
    await clock.run(4 * 1_000);
    assert.equal(engine.calls.length, 1);
  });

  it('is asked with the script itself when Redis has never heard of it', async () => {
    const { call, clock, engine, calls } = alone((i) =>
      i === 0 ? Promise.reject(new Error('NOSCRIPT No matching')) : granted,
    );
    void call();
    await clock.settle();
    assert.equal(engine.calls.length, 1);
    assert.equal(calls(), 2);
  });

  it('leaves no timer behind when nothing waits, runs or is to be told', async () => {
    const { call, clock } = alone(() => granted);
    await Promise.all([call(), clock.run(20_000)]);
    assert.equal(clock.sleeping, 0);
  });
});

describe('a process on its own', () => {
  it('starts at most its share in any window, what it started before included', async () => {
    const { call, clock, engine } = alone((i) => (i === 0 ? granted : Promise.reject(new Error('gone'))), local);
    void call();
    await clock.settle();
    for (let i = 0; i < 5; i++) void call();
    await clock.run(10_000);
    const meets = 1_250; // a window and redisMs: then whatever others were granted before has left every window
    assert.deepEqual(
      engine.instants,
      [0, 1_000, meets, 2_000, meets + 1_000, 3_000],
      'first its own place, then its share',
    );
  });

  it('starts nothing for a window when it had nothing: others may have had it all', async () => {
    const { call, clock, engine } = alone(() => Promise.reject(new Error('gone')), local);
    for (let i = 0; i < 3; i++) void call();
    await clock.run(5_000);
    assert.deepEqual(engine.instants, [1_250, 1_250, 2_250]);
  });

  it('counts that window from when it noticed: until then others may have been granted everything', async () => {
    const { call, clock, engine } = alone(() => new Promise(() => undefined), { ...local, redisMs: 250 });
    for (let i = 0; i < 2; i++) void call();
    await clock.run(5_000);
    assert.deepEqual(engine.instants, [1_500, 1_500], 'noticed at 250, a window, and redisMs');
  });

  it('has nobody to meet when its share is everything', async () => {
    const { call, clock, engine } = alone(() => Promise.reject(new Error('gone')), { ...local, share: 1 });
    for (let i = 0; i < 5; i++) void call();
    await clock.run(5_000);
    assert.deepEqual(engine.instants, [0, 0, 0, 0, 1_000]);
  });

  it('reports when it is back, and asks for nothing until the others have had time to report', async () => {
    const asked: number[] = [];
    const client: RedisClient = {
      evalsha() {
        asked.push(clock.now());
        return clock.now() < 2_000 ? Promise.reject(new Error('gone')) : granted;
      },
      eval: () => assert.fail(),
    };
    const clock = new FakeClock();
    const limits = [{ limit: 4, windowMs: 1_000 }];
    const policy = redisRateLimit({ client, name: 'a', limits, ...local }, { clock });
    const engine = scripted(() => later(10_000, 200), clock); // under way for long
    for (let i = 0; i < 3; i++) void policy(engine)(aCall());
    await clock.run(2_700);
    assert.deepEqual(
      asked.filter((ms) => ms >= 2_000),
      [2_000, 2_000],
      'at once again, as more may have begun meanwhile',
    );
    await clock.run(2_300);
    assert.deepEqual(engine.instants, [1_250, 1_250, 2_750], 'nobody starts in between');
    assert.equal(policy.snapshot().redis.state, 'up');
  });

  it('meets the others also when it missed nothing, and Redis has forgotten everything', async () => {
    const { call, clock, engine } = alone(async (i) => ['ok', '1', i < 2 ? 'epoch' : 'another', 0], local);
    for (const ms of [0, 100, 200]) {
      void call();
      await clock.run(ms + 1 - clock.now());
    }
    assert.equal(engine.calls.length, 3);
    void call();
    await clock.run(2_000);
    const [, , forgotten, next] = engine.instants;
    assert.ok(next! - forgotten! >= 650, `${next} after ${forgotten}`);
  });

  it('tells Redis afterwards what it has started meanwhile, by age', async () => {
    const said: (string | number)[][] = [];
    const client: RedisClient = {
      evalsha(...args) {
        said.push(args);
        return said.length < 6 ? Promise.reject(new Error('gone')) : granted;
      },
      eval: () => assert.fail(),
    };
    const clock = new FakeClock();
    const limits = [{ limit: 4, windowMs: 1_000 }];
    const policy = redisRateLimit({ client, name: 'a', limits, ...local }, { clock });
    const send = policy(scripted(() => 200, clock));
    void send(aCall());
    void send(aCall());
    await clock.run(2_600);
    // After key count, keys, process, number and count of buckets: limit, window, hold, epoch, then the ledger.
    const reports = said.map((args) => args.slice(11));
    assert.deepEqual(reports[0], [0, 0, 0, 0, 0, 1, 1, 1, 1]);
    assert.deepEqual(reports[3], [0, 0, 0, 0, 1, 250_000, 2, 0], 'it asks for nothing meanwhile');
    assert.deepEqual(reports[4], [0, 0, 0, 0, 1, 750_000, 2, 0]);
    assert.deepEqual(
      reports[5],
      [0, 0, 2, 0, 0, 0],
      'what is older than a window is only left out of the running total',
    );
  });
});
