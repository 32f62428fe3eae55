import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type ClientOptions, createClient, type NetError } from '../../src/index.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { answer, inOrder, oneByOne, reset, type Step, send } from '../../src/testing/faulty-steps.ts';

const HALF = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"half":';
/** A head, a part of its body, and no more. */
const lost = inOrder(send(HALF), reset);
const WHOLE = '{"whole":true}';

async function aPair(t: TestContext, script: Step, options: ClientOptions = {}) {
  const server = await startFaultyServer({ script });
  const told: string[] = [];
  const observer = {
    retried: ({ error }: { error: NetError | undefined }) => void told.push(`${error?.code} ${error?.phase}`),
  };
  const client = createClient({ origin: server.origin, retry: { baseMs: 1 }, observer, ...options });
  t.after(async () => {
    await client.close();
    await server.close();
  });
  return { client, server, told };
}

const RESET = { code: 'RESET', phase: 'body', reach: 'answered' };

describe('a body that is read whole and was lost on its way', () => {
  it('is asked for again, by each way to read it', async (t) => {
    const script = oneByOne(lost, answer(WHOLE), lost, answer(WHOLE), lost, answer(WHOLE), lost, lost, answer(WHOLE));
    const { client, server, told } = await aPair(t, script);
    assert.deepEqual(await client.get('/').json(), { whole: true });
    assert.equal(await client.get('/').text(), WHOLE);
    assert.equal(Buffer.from(await client.get('/').bytes()).toString(), WHOLE);
    assert.equal((await client.get('/').full()).status, 200);
    assert.equal(server.received, 9);
    assert.deepEqual(told, Array(5).fill('RESET body'));
  });

  it('is not asked for a fourth time', async (t) => {
    const { client, server } = await aPair(t, lost);
    await assert.rejects(client.get('/').text(), RESET);
    assert.equal(server.received, 3);
  });

  it('was answered once, however far what was asked again has got', async (t) => {
    const { client, server } = await aPair(t, oneByOne(lost, reset), { retry: { attemptsMax: 1 } });
    await assert.rejects(client.get('/').text(), { code: 'RESET', phase: 'head', reach: 'answered' });
    assert.equal(server.received, 2);
  });

  it('is left alone where the call may not be repeated, or its reader may have seen a part', async (t) => {
    const { client, server } = await aPair(t, lost);
    await assert.rejects(client.post('/', { order: 1 }).json(), RESET);
    assert.equal(server.received, 1);
    const reply = await client.get('/');
    await assert.rejects(reply.text(), RESET);
    await assert.rejects(async () => {
      for await (const _ of (await client.get('/').stream()) as unknown as AsyncIterable<Uint8Array>);
    }, RESET);
    assert.equal(server.received, 3);
  });

  it('is asked for again with an Idempotency-Key, or on the word of the caller', async (t) => {
    const { client, server } = await aPair(t, oneByOne(lost, answer(WHOLE), lost, answer(WHOLE)));
    const headers = { 'idempotency-key': '1' };
    assert.deepEqual(await client.post('/', { a: 1 }, { headers }).json(), { whole: true });
    assert.deepEqual(await client.post('/', { a: 1 }, { idempotent: true }).json(), { whole: true });
    assert.equal(server.received, 4);
  });

  it('stays lost with retries off, without budget, and when its caller has left', async (t) => {
    const off = await aPair(t, lost, { retry: false });
    await assert.rejects(off.client.get('/').text(), RESET);
    assert.equal(off.server.received, 1);
    const poor = await aPair(t, lost, { budget: { share: 0, perSecond: 0 } });
    await assert.rejects(poor.client.get('/').text(), RESET);
    assert.equal(poor.server.received, 1);
    const left = new AbortController();
    const observer = { failed: () => left.abort() };
    const gone = await aPair(
      t,
      inOrder(send(HALF), async () => left.abort()),
      { observer },
    );
    await assert.rejects(gone.client.get('/', { signal: left.signal }).text(), { code: 'ABORTED' });
    assert.equal(gone.server.received, 1);
  });

  it('leaves nothing under way behind', async (t) => {
    const { client } = await aPair(t, oneByOne(lost, answer(WHOLE)));
    await Promise.all(
      Array.from({ length: 20 }, () =>
        client
          .get('/')
          .text()
          .catch(() => undefined),
      ),
    );
    const { calls, pools } = client.stats();
    assert.equal(calls.inFlight, 0);
    assert.equal(pools[0]!.inFlight, 0);
  });
});
