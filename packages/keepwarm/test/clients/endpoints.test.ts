/** Several endpoints behind one client, against real servers. How they are picked is tested where it stands. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type ClientOptions, createClient } from '../../src/index.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { answer, type Step, silence } from '../../src/testing/faulty-steps.ts';

async function aServer(t: TestContext, script: Step) {
  const server = await startFaultyServer({ script });
  t.after(() => server.close());
  return server;
}

function aClient(t: TestContext, options: ClientOptions) {
  const client = createClient(options);
  t.after(() => client.close());
  return client;
}

describe('endpoints by option', () => {
  it('share the calls; base paths and headers are each endpoint’s own', async (t) => {
    const seen: string[] = [];
    const script: Step = (request, connection) => {
      seen.push(`${request.path} ${request.headers['x-key'] ?? ''}`);
      return answer('ok')(request, connection);
    };
    const [a, b] = [await aServer(t, script), await aServer(t, script)];
    const client = aClient(t, {
      endpoints: [
        { url: `${a.origin}/a`, headers: { 'x-key': 'ka' } },
        { url: b.origin, name: 'b' },
      ],
    });
    const { open } = await client.warmUp();
    assert.equal(open, 2, 'both are warmed up');
    for (let i = 0; i < 40; i++) assert.equal(await client.get('/info').text(), 'ok');
    assert.deepEqual(new Set(seen), new Set(['/a/info ka', '/info ']));
    const { endpoints } = client.stats().policies.endpoints!;
    assert.deepEqual(endpoints.map(({ name }) => name).sort(), [new URL(a.origin).host, 'b'].sort());
  });

  it('a dead one costs no call that may be repeated', async (t) => {
    const [dead, alive] = [await aServer(t, answer('never')), await aServer(t, answer('ok'))];
    const { origin } = dead;
    await dead.close();
    const client = aClient(t, {
      endpoints: [{ url: origin, name: 'dead' }, { url: alive.origin }],
      retry: { baseMs: 1 },
    });
    for (let i = 0; i < 50; i++) assert.equal(await client.get('/').text(), 'ok');
    const state = client.stats().policies.endpoints!.endpoints.find(({ name }) => name === 'dead');
    assert((state?.failures ?? 0) > 0 && (state?.failures ?? 99) < 15, 'it was found out and left alone');
  });

  it('one that answers nothing is found out, however short its attempts are cut', async (t) => {
    const [silent, alive] = [await aServer(t, silence), await aServer(t, answer('ok'))];
    const client = aClient(t, {
      endpoints: [{ url: silent.origin, name: 'silent' }, { url: alive.origin }],
      retry: { attemptMs: 40 },
      breaker: false,
      balance: { consecutiveMax: 2, picker: 'round-robin' },
    });
    for (let i = 0; i < 20; i++) assert.equal(await client.get('/').text(), 'ok');
    const state = client.stats().policies.endpoints!.endpoints.find(({ name }) => name === 'silent');
    assert.equal(state?.state, 'ejected');
    assert.equal(state?.failures, 2);
  });

  it('an attempt that failed at one goes to another at once', async (t) => {
    const waits: number[] = [];
    const [ill, well] = [await aServer(t, answer('no', { status: 503 })), await aServer(t, answer('ok'))];
    const client = aClient(t, {
      endpoints: [{ url: ill.origin }, { url: well.origin }],
      retry: { baseMs: 10_000 },
      observer: { retried: ({ delayMs }) => waits.push(delayMs) },
    });
    for (let i = 0; i < 10; i++) assert.equal(await client.get('/').text(), 'ok');
    assert.deepEqual(new Set(waits), new Set([0]));
  });

  it('a cordoned one gets nothing until it is uncordoned', async (t) => {
    const [a, b] = [await aServer(t, answer('ok')), await aServer(t, answer('ok'))];
    const client = aClient(t, {
      endpoints: [
        { url: a.origin, name: 'a' },
        { url: b.origin, name: 'b' },
      ],
    });
    client.cordon('a');
    for (let i = 0; i < 20; i++) await client.get('/').text();
    assert.deepEqual([a.received, b.received], [0, 20]);
    client.uncordon('a');
    for (let i = 0; i < 40; i++) await client.get('/').text();
    assert(a.received > 0);
    assert.throws(() => client.cordon('c'), /c/);
  });

  it('refuses what cannot be, by name', () => {
    assert.throws(
      () => createClient({ origin: 'http://a.example', endpoints: [{ url: 'http://b.example' }] }),
      /exclude/,
    );
    assert.throws(() => createClient({ endpoints: [] }), /at least one/);
    assert.throws(() => createClient({ endpoints: [{ url: 'nowhere' }] }), /absolute URL/);
    assert.throws(
      () => createClient({ endpoints: [{ url: 'http://a.example' }], balance: { ejectsMs: 1 } as object }),
      /ejectMs/,
    );
  });
});
