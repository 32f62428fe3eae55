/** `sign`: a signature is made at the moment of writing, once for each time a call is written, for its own origin. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type ClientOptions, createClient, type NetError } from '../../src/index.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { answer, oneByOne, reset, type Step } from '../../src/testing/faulty-steps.ts';

/** Answers after noting what a request was signed with. */
const noting =
  (seen: (string | undefined)[], step: Step): Step =>
  (request, connection) => {
    seen.push(request.headers['x-signature']);
    return step(request, connection);
  };

async function aPair(t: TestContext, script: Step, options: ClientOptions) {
  const server = await startFaultyServer({ script });
  const client = createClient({ origin: server.origin, ...options });
  t.after(async () => {
    await client.close();
    await server.close();
  });
  return { client, server };
}

/** Counts, so that no two signatures are alike. */
function counting() {
  let made = 0;
  return { sign: () => ({ 'x-signature': `no. ${++made}` }), made: () => made };
}

describe('signing', () => {
  it('sees method, origin, path with its query, fields and body as they are sent', async (t) => {
    const seen: unknown[] = [];
    const { client, server } = await aPair(t, answer('ok'), {
      headers: { 'x-own': '1' },
      sign({ method, origin, path, headers, body, section }) {
        seen.push([method, origin, path, headers.get('x-own'), headers.get('x-call'), String(body), section]);
        return { authorization: 'signed', 'x-call': 'signed over it' };
      },
    });
    await client.post('/a', 'body', { query: { q: 'ü' }, headers: { 'x-call': '2' }, section: 's' }).full();
    assert.deepEqual(seen, [['POST', server.origin, '/a?q=%C3%BC', '1', '2', 'body', 's']]);
  });

  it('is made anew for each attempt', async (t) => {
    const seen: (string | undefined)[] = [];
    const busy = noting(seen, answer('busy', { status: 503 }));
    const { client } = await aPair(t, oneByOne(busy, busy, noting(seen, answer('ok'))), {
      sign: counting().sign,
      retry: { baseMs: 1 },
    });
    assert.equal(await client.get('/').text(), 'ok');
    assert.deepEqual(seen, ['no. 1', 'no. 2', 'no. 3']);
  });

  it('is made anew for a replay on another connection', async (t) => {
    const seen: (string | undefined)[] = [];
    const script = oneByOne(noting(seen, answer('ok')), noting(seen, reset), noting(seen, answer('again')));
    const { client } = await aPair(t, script, { sign: counting().sign, retry: false });
    await client.get('/').text();
    assert.equal(await client.get('/').text(), 'again');
    assert.deepEqual(seen, ['no. 1', 'no. 2', 'no. 3']);
  });

  it('is made anew for a redirect within the origin, and does not go to another', async (t) => {
    const elsewhere: (string | undefined)[] = [];
    const other = await startFaultyServer({ script: noting(elsewhere, answer('there')) });
    t.after(() => other.close());
    const seen: (string | undefined)[] = [];
    const to = (location: string): Step => noting(seen, answer('', { status: 307, headers: { location } }));
    const { client } = await aPair(t, oneByOne(to('/b'), to(`${other.origin}/c`)), {
      sign: counting().sign,
      redirectsMax: 5,
    });
    assert.equal(await client.get('/a').text(), 'there');
    assert.deepEqual(seen, ['no. 1', 'no. 2']);
    assert.deepEqual(elsewhere, [undefined]);
  });

  it('is not made for what was never written', async (t) => {
    const signer = counting();
    const { client } = await aPair(t, answer('ok'), { sign: signer.sign });
    await assert.rejects(client.get('/', { signal: AbortSignal.abort() }).full(), { code: 'ABORTED' });
    await assert.rejects(client.get('no path').full(), { code: 'INVALID' });
    assert.equal(signer.made(), 0);
  });

  it('what it throws ends the call with INVALID, unsent, and leaves the connection to the next', async (t) => {
    let broken = false;
    const { client, server } = await aPair(t, answer('ok'), {
      sign() {
        if (broken) throw new Error('no key');
        return {};
      },
    });
    await client.get('/').full();
    broken = true;
    const failed = await client
      .get('/')
      .full()
      .then(
        () => assert.fail('it was sent'),
        (error: NetError) => error,
      );
    assert.equal(failed.code, 'INVALID');
    assert.equal(failed.reach, 'unsent');
    assert.match(failed.message, /could not be signed: no key/);
    broken = false;
    await client.get('/').full();
    assert.equal(server.received, 2);
    assert.equal(server.accepted, 1);
  });

  it('refuses a body that is a stream, as it is not there to be signed', async (t) => {
    const { client } = await aPair(t, answer('ok'), { sign: counting().sign });
    const body = ReadableStream.from([new Uint8Array(1)]);
    await assert.rejects(client.post('/', body).full(), { code: 'INVALID', reach: 'unsent' });
  });

  it('names an option that is no function', () => {
    const sign = 'secret' as unknown as NonNullable<ClientOptions['sign']>;
    assert.throws(() => createClient({ sign }), /option sign is text/);
  });

  it('holds over HTTP/2, where what it throws gives the stream back', async (t) => {
    const seen: unknown[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers['x-signature']);
      response.end('ok');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const signer = counting();
    let broken = false;
    const client = createClient({
      origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      http2: 'prior-knowledge',
      sign() {
        if (broken) throw new Error('no key');
        return signer.sign();
      },
    });
    t.after(async () => {
      await client.close();
      server.close();
    });
    for (let i = 0; i < 3; i++) await client.post('/', 'x').full();
    broken = true;
    const failures = await Promise.all(
      Array.from({ length: 250 }, () =>
        client
          .get('/')
          .full()
          .then(
            () => 'answered',
            (error: NetError) => error.code,
          ),
      ),
    );
    assert.deepEqual([...new Set(failures)], ['INVALID']);
    broken = false;
    assert.equal(await client.get('/').text(), 'ok');
    assert.deepEqual(seen, ['no. 1', 'no. 2', 'no. 3', 'no. 4']);
    const { open, closed } = client.stats().sockets;
    assert.deepEqual([open, closed], [1, 0]);
  });
});
