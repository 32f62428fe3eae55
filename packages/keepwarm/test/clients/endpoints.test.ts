/** Several endpoints behind one client, against real servers. How they are picked is tested where it stands. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type ClientOptions, createClient } from '../../src/index.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { answer, oneByOne, type Step, silence } from '../../src/testing/faulty-steps.ts';

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

  it('one that answers nothing costs a read a share of its time, by default', async (t) => {
    const [silent, alive] = [await aServer(t, silence), await aServer(t, answer('ok'))];
    const client = aClient(t, {
      endpoints: [{ url: silent.origin }, { url: alive.origin }],
      balance: { picker: 'round-robin' },
      deadlineMs: 4_000,
    });
    const reads = await Promise.all([client.get('/').text(), client.get('/').text()]);
    assert.deepEqual(reads, ['ok', 'ok']);
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

  it('one key goes to one of them', async (t) => {
    const [a, b] = [await aServer(t, answer('ok')), await aServer(t, answer('ok'))];
    const client = aClient(t, {
      endpoints: [{ url: a.origin }, { url: b.origin }],
      balance: { stickyKey: ({ headers }) => headers.get('x-account') },
    });
    for (let i = 0; i < 20; i++) await client.get('/', { headers: { 'x-account': 'seven' } }).text();
    assert.deepEqual(
      [a.received, b.received].sort((x, y) => x - y),
      [0, 20],
    );
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

describe('redirects and addresses', () => {
  /** Two endpoints with base paths of their own, at which `/here` leads to `location`. */
  async function aSet(t: TestContext, location: (origin: string) => string, options: ClientOptions = {}) {
    const seen: string[] = [];
    const script =
      (base: string): Step =>
      (request, connection) => {
        seen.push(`${base}:${request.path} ${request.headers['x-key'] ?? ''}`.trim());
        const headers = { location: location(`http://${request.headers['host']}`) };
        return (request.path === `${base}/here` ? answer('', { status: 302, headers }) : answer('ok'))(
          request,
          connection,
        );
      };
    const [a, b] = [await aServer(t, script('/v1')), await aServer(t, script('/v2'))];
    const client = aClient(t, {
      endpoints: [
        { url: `${a.origin}/v1`, name: 'a', headers: { 'x-key': 'ka' } },
        { url: `${b.origin}/v2`, name: 'b', headers: { 'x-key': 'kb' } },
      ],
      headers: { 'x-mine': 'secret' },
      redirectsMax: 2,
      ...options,
    });
    return { client, seen, a, b };
  }

  const cases: readonly [what: string, location: (origin: string, base: string) => string][] = [
    ['relative to the call', () => 'there'],
    ['relative to the host', (_, base) => `${base}/there`],
    ['absolute', (origin, base) => `${origin}${base}/there`],
  ];
  for (const [what, location] of cases) {
    it(`a Location that is ${what} is found again behind the base path, once, at either of them`, async (t) => {
      for (const [only, base, key] of [
        ['b', '/v1', 'ka'],
        ['a', '/v2', 'kb'],
      ] as const) {
        const { client, seen } = await aSet(t, (origin) => location(origin, base));
        client.cordon(only);
        assert.equal(await client.get('/here').text(), 'ok');
        assert.deepEqual(seen, [`${base}:${base}/here ${key}`, `${base}:${base}/there ${key}`]);
      }
    });
  }

  it('what leads out of the endpoints goes where it says, with nobody’s key', async (t) => {
    const elsewhere: string[] = [];
    const other = await aServer(t, (request, connection) => {
      elsewhere.push(`${request.path} ${request.headers['x-key'] ?? ''}${request.headers['x-mine'] ?? ''}`.trim());
      return answer('other')(request, connection);
    });
    const { client } = await aSet(t, () => `${other.origin}/login`);
    assert.equal(await client.get('/here').text(), 'other');
    assert.deepEqual(elsewhere, ['/login']);
    const outside = await aSet(t, (origin) => `${origin}/login`);
    assert.equal(await outside.client.get('/here').text(), 'ok');
    assert.match(outside.seen.at(-1)!, /^\/v[12]:\/login$/, 'the host of an endpoint, but not its base path');
  });

  it('what a redirect led elsewhere is repeated there, after a wait', async (t) => {
    const other = await aServer(t, oneByOne(answer('busy', { status: 503 }), answer('other')));
    const waits: number[] = [];
    const { client } = await aSet(t, () => `${other.origin}/login`, {
      random: () => 0.5,
      observer: { retried: ({ delayMs }) => waits.push(delayMs) },
    });
    assert.equal(await client.get('/here').text(), 'other');
    assert.deepEqual(waits, [12.5], 'another endpoint is not another place for it');
  });

  it('an absolute URL of an endpoint is a call to all of them; one of nobody’s is refused', async (t) => {
    const { client, seen, b } = await aSet(t, () => '');
    client.cordon('b');
    assert.equal(await client.fetch(`${b.origin}/v2/there?x=1`).then((reply) => reply.text()), 'ok');
    assert.deepEqual(seen, ['/v1:/v1/there?x=1 ka']);
    await assert.rejects(Promise.resolve(client.get(`${b.origin}/v3/there`)), /not within any of its endpoints/);
  });
});
