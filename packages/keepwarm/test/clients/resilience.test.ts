/** Policies as options of a client, against a real server. What each of them does is tested where it stands. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type ClientOptions, createClient, NetError, type Send } from '../../src/index.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { answer, dribble, inOrder, oneByOne, reset, type Step, send, silence } from '../../src/testing/faulty-steps.ts';

async function aPair(t: TestContext, script: Step, options: ClientOptions) {
  const server = await startFaultyServer({ script });
  const client = createClient({ origin: server.origin, ...options });
  t.after(async () => {
    await client.close();
    await server.close();
  });
  return { client, server };
}

const busy = answer('busy', { status: 503 });
/** A breaker that opens with the failure that makes it so many, however short all of them took. */
const AT_ONCE = { preset: 'seed' } as const satisfies ClientOptions;
const codeOf = (call: PromiseLike<unknown>): Promise<string> =>
  Promise.resolve(call).then(
    () => 'answered',
    (error: NetError) => error.code,
  );

describe('policies by option', () => {
  it('retry: repeats a GET that was answered 503, and leaves a POST alone', async (t) => {
    const retry = { baseMs: 1 };
    const { client, server } = await aPair(t, oneByOne(busy, busy, answer('ok'), busy), { retry });
    assert.equal(await client.get('/').text(), 'ok');
    assert.equal((await client.post('/', 'x')).status, 503);
    assert.equal(server.received, 4);
    const { policies, calls } = client.stats();
    assert.equal(policies.retry?.retried, 2);
    assert.equal(policies.retry?.denied.unsafe, 1);
    assert.equal(policies.budget?.withdrawals, 2);
    assert.equal(calls.total, 2, 'a call is one call, however many attempts it took');
  });

  it('breaker: refuses at once after failures in a row, until an operator knows better', async (t) => {
    const { client, server } = await aPair(t, busy, { ...AT_ONCE, retry: false, breaker: { consecutiveMax: 3 } });
    for (let i = 0; i < 3; i++) await client.get('/').full();
    assert.equal(await codeOf(client.get('/')), 'OPEN');
    assert.equal(server.received, 3);
    assert.equal(client.stats().policies.breaker?.breakers[0]?.state, 'open');
    client.resetBreaker();
    await client.get('/').full();
    assert.equal(server.received, 4);
  });

  it('breaker: attempts that ran into their own short limit are failures of the peer', async (t) => {
    const options = { ...AT_ONCE, retry: { attemptMs: 30, attemptsMax: 1 }, breaker: { consecutiveMax: 3 } };
    const { client } = await aPair(t, silence, options);
    for (let i = 0; i < 3; i++) assert.equal(await codeOf(client.get('/')), 'TIMEOUT');
    assert.equal(await codeOf(client.get('/')), 'OPEN');
  });

  it('rateLimit: retries count as the calls to the peer that they are', async (t) => {
    const rateLimit = { limit: 2, windowMs: 60_000 };
    const { client, server } = await aPair(t, oneByOne(busy, answer('ok'), answer('ok')), {
      retry: { baseMs: 1 },
      rateLimit,
    });
    assert.equal(await client.get('/').text(), 'ok');
    const code = await codeOf(client.get('/', { deadlineMs: 50 }));
    assert.notEqual(code, 'answered');
    assert.equal(server.received, 2);
    assert.equal(client.stats().policies.rateLimit?.[0]?.limit, 2);
  });

  it('retry and breaker are on unless they are switched off; the others are off unless asked for', async (t) => {
    const bare = await aPair(t, busy, { retry: false, breaker: false });
    assert.equal((await bare.client.get('/')).status, 503);
    assert.deepEqual([bare.server.received, bare.client.stats().policies], [1, {}]);
    const { client, server } = await aPair(t, oneByOne(busy, answer('ok')), {});
    assert.equal(await client.get('/').text(), 'ok');
    assert.deepEqual(Object.keys(client.stats().policies).sort(), ['breaker', 'budget', 'retry']);
    assert.equal(server.received, 2);
  });

  it('a status that lasts is the caller’s reply in the end, and an error to who asks for content', async (t) => {
    const { client, server } = await aPair(t, busy, { retry: { attemptsMax: 2, baseMs: 1 } });
    assert.equal((await client.get('/')).status, 503);
    assert.equal(await codeOf(client.get('/').json()), 'STATUS');
    assert.equal(server.received, 4);
  });

  it('a breaker that opens between two attempts does not hide what came of the first', async (t) => {
    const options = { ...AT_ONCE, retry: { baseMs: 1 }, breaker: { failureShare: 0.5, samplesMin: 2 } };
    const { client, server } = await aPair(t, busy, options);
    assert.equal((await client.get('/').full()).data, 'busy');
    assert.equal(server.received, 2);
    const lost = await aPair(t, reset, options);
    assert.equal(await codeOf(lost.client.get('/')), 'RESET');
    assert.equal(await codeOf(lost.client.get('/')), 'OPEN', 'a call that was refused at once is told so');
  });

  it('fetch repeats what was lost, never what was answered; and no status opens its breaker', async (t) => {
    const { client, server } = await aPair(t, oneByOne(reset, answer('ok'), busy), {
      retry: { baseMs: 1 },
    });
    assert.equal((await client.fetch(server.origin)).status, 200);
    for (let i = 0; i < 20; i++) {
      const reply = await client.fetch(server.origin);
      assert.equal(reply.status, 503);
      await reply.text();
    }
    assert.deepEqual([server.received, client.stats().policies.retry?.retried], [22, 1]);
  });

  it('one call that fails in all its attempts opens no breaker for the others; as many calls do', async (t) => {
    const { client, server } = await aPair(t, busy, {
      ...AT_ONCE,
      retry: { baseMs: 1, attemptsMax: 6 },
      breaker: { samplesMin: 99 },
    });
    await client.get('/').full();
    assert.equal(server.received, 6);
    assert.equal(client.stats().policies.breaker?.breakers[0]?.state, 'closed');
    for (let i = 0; i < 4; i++) await client.post('/', 'x').full();
    assert.equal(client.stats().policies.breaker?.breakers[0]?.state, 'open');
  });

  it('attemptMs bounds an attempt until its reply begins, not the download after it', async (t) => {
    const slow = inOrder(send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n'), dribble('late', 60));
    const { client } = await aPair(t, slow, { retry: { attemptMs: 120 } });
    assert.equal(await client.get('/').text(), 'late');
  });

  it('names the option that is wrong, and the one that was meant', () => {
    const refusal = (options: object): string => {
      try {
        createClient(options).destroy();
      } catch (error) {
        assert(error instanceof NetError && error.code === 'INVALID');
        return error.message;
      }
      return 'accepted';
    };
    assert.match(refusal({ retry: { attemptMax: 3 } }), /retry\.attemptMax; did you mean attemptsMax/);
    assert.match(refusal({ breaker: { openMs: -1 } }), /breaker\.openMs is -1/);
    assert.match(refusal({ hedge: true, retry: false }), /hedge needs retry/);
    assert.equal(refusal({ hedge: true }), 'accepted');
    assert.match(refusal({ rateLimit: { limits: [] } }), /rateLimit\.limits is \[\]; allowed: a list of at least one/);
  });
});

it('a rate limit made elsewhere is used as it is, and closed with the client', async (t) => {
  let closed = 0;
  const calls: string[] = [];
  const ready = Object.assign(
    (next: Send): Send =>
      (call) => {
        calls.push(call.path);
        return next(call);
      },
    { snapshot: () => ({ fleet: true }), close: () => void closed++ },
  );
  const { client } = await aPair(t, answer('ok'), { rateLimit: ready });
  assert.equal(await client.get('/x').text(), 'ok');
  assert.deepEqual([calls, client.stats().policies.readyLimit], [['/x'], { fleet: true }]);
  await client.close();
  assert.equal(closed, 1);
});
