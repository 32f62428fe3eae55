/** Clients of HTTP APIs, unmodified, over our transports: pooled connections, and one request for one call. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import EdgeGrid from 'akamai-edgegrid';
import { Gaxios } from 'gaxios';
import { GraphQLClient, gql } from 'graphql-request';
import { createClient } from 'keepwarm';
import { Octokit } from 'octokit';
import OpenAI from 'openai';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { aClient, leavesNothing } from '../engine/setup.ts';
import { type Api, anApi } from './an-api.ts';
import { theAgents } from './node-setup.ts';

leavesNothing();

const SOCKETS = 2;
const options = { pool: { socketsMax: SOCKETS }, retry: false, breaker: false } as const;

/** Three calls one by one, then many at once: all over the few connections there may be, one request each. */
async function pooled(api: Api, call: () => Promise<unknown>, requestsEach = 1): Promise<void> {
  const before = api.requests;
  for (let i = 0; i < 3; i++) await call();
  await Promise.all(Array.from({ length: 40 }, call));
  assert(api.connections <= SOCKETS, `${api.connections} connections`);
  assert.equal(api.requests - before, 43 * requestsEach);
}

/** One call is one request while the server fails; the client's user hears of it in the client's own words. */
async function notRepeated(api: Api, call: () => Promise<unknown>): Promise<void> {
  for (const status of [429, 503]) {
    api.fail(status);
    const before = api.requests;
    await assert.rejects(call, (error: unknown) => {
      assert(error instanceof Error);
      assert(JSON.stringify([error, error.message]).includes(String(status)), `${status} in ${error.stack}`);
      return true;
    });
    assert.equal(api.requests - before, 1, `${status} is answered once`);
  }
  api.fail(200);
}

describe('over our fetch', () => {
  it('openai: answers, streams, an abort of a stream, no repeats', async (t) => {
    const api = await anApi(t);
    const { fetch } = aClient(t, options);
    const openai = new OpenAI({ apiKey: 'key', baseURL: `${api.url}/v1`, fetch, maxRetries: 0 });
    const messages = [{ role: 'user' as const, content: 'hi' }];
    const call = () => openai.chat.completions.create({ model: 'm', messages });
    await pooled(api, async () => assert.equal((await call()).choices[0]?.message.content, 'hello'));
    const stream = await openai.chat.completions.create({ model: 'm', messages, stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    assert.equal(text, 'hello');
    const left = await openai.chat.completions.create({ model: 'm', messages, stream: true });
    for await (const _first of left) break;
    assert.equal(api.seen.headers.authorization, 'Bearer key');
    await notRepeated(api, call);
  });

  it('openai: a client of ours that repeats, under one that does not, makes one of two', async (t) => {
    const api = await anApi(t);
    const { fetch } = aClient(t, { ...options, retry: { attemptsMax: 3 } });
    const openai = new OpenAI({ apiKey: 'key', baseURL: `${api.url}/v1`, fetch, maxRetries: 0 });
    await notRepeated(api, () => openai.models.list()); // answers are handed over: they are its to judge
  });

  it('octokit: pages of a list, many at once, no repeats', async (t) => {
    const api = await anApi(t);
    const { fetch } = aClient(t, options);
    const off = { enabled: false };
    const octokit = new Octokit({ baseUrl: api.url, request: { fetch }, retry: off, throttle: off });
    const where = { owner: 'o', repo: 'r' };
    const numbers = await octokit.paginate(octokit.rest.issues.listForRepo, { ...where, per_page: 2 });
    assert.deepEqual(numbers.map(({ number }) => number), [1, 2, 3, 4, 5, 6]); // biome-ignore format: one idea
    const call = () => octokit.rest.issues.listForRepo(where);
    await pooled(api, async () => assert.equal((await call()).data.length, 2));
    await notRepeated(api, call);
  });

  it('gaxios: its answers, its errors, no repeats', async (t) => {
    const api = await anApi(t);
    const { fetch } = aClient(t, options);
    const gaxios = new Gaxios({ fetchImplementation: fetch as typeof globalThis.fetch, retry: false });
    const call = () => gaxios.request<{ path: string }>({ url: `${api.url}/token`, method: 'POST', data: { a: 1 } });
    await pooled(api, async () => assert.equal((await call()).data.path, '/token'));
    assert.equal(api.seen.body.toString(), '{"a":1}');
    await notRepeated(api, call);
  });

  it('graphql-request: queries with variables, a signal, no repeats', async (t) => {
    const api = await anApi(t);
    const { fetch } = aClient(t, options);
    const client = new GraphQLClient(`${api.url}/graphql`, { fetch: fetch as typeof globalThis.fetch });
    const document = gql`query Thing($id: Int!) { thing(id: $id) { id } }`;
    const call = () => client.request<{ thing: { id: number } }>(document, { id: 7 });
    await pooled(api, async () => assert.equal((await call()).thing.id, 7));
    await notRepeated(api, call);
    const signal = AbortSignal.abort(new RangeError('mine'));
    await assert.rejects(client.request({ document, variables: { id: 7 }, signal }), RangeError);
  });
});

describe('over our agents', () => {
  it('gaxios', async (t) => {
    const api = await anApi(t);
    const { httpAgent: agent } = theAgents(t, options);
    const gaxios = new Gaxios({ agent, retry: false });
    const call = () => gaxios.request<{ path: string }>({ url: `${api.url}/token` });
    await pooled(api, async () => assert.equal((await call()).data.path, '/token'));
    await notRepeated(api, call);
  });

  it('akamai-edgegrid, which signs, over TLS', async (t) => {
    const authority = makeAuthority();
    const api = await anApi(t, authority.issue());
    const { httpsAgent } = theAgents(t, createClient({ ...options, tls: { ca: authority.cert } }));
    const send = (path: string) =>
      new Promise<{ data: { path: string; authorization: string } }>((resolve, reject) => {
        // One for each call: what `auth` makes is kept on the instance, and the next `auth` replaces it.
        const edge = new EdgeGrid('token', 'secret', 'access', api.url);
        edge.auth({ path, method: 'GET', httpsAgent } as Parameters<EdgeGrid['auth']>[0]);
        edge.send((error, response) => (error ? reject(error) : resolve(response as never)));
      });
    await pooled(api, async () => {
      const { data } = await send('/papi/v1/contracts?a=1');
      assert.equal(data.path, '/papi/v1/contracts?a=1');
      assert.match(data.authorization, /^EG1-HMAC-SHA256 client_token=token;.*signature=/);
    });
    await notRepeated(api, () => send('/papi'));
  });
});
