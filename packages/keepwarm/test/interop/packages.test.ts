/** Packages people have, unmodified, over our pools: the server sees as many connections as the pool allows. */
import assert from 'node:assert/strict';
import nodeHttp from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { createDefaultRpcTransport, createSolanaRpcFromTransport } from '@solana/kit';
import { Connection, PublicKey } from '@solana/web3.js';
import axios from 'axios';
import { FetchRequest, JsonRpcProvider, Network } from 'ethers';
import got from 'got';
import { keepwarmDispatcher } from 'keepwarm/undici';
import { createPublicClient, http } from 'viem';
import { answer, type Step, send } from '../../src/testing/faulty-steps.ts';
import { aClient, aServer, leavesNothing, until } from '../engine/setup.ts';
import { anRpcNode, type RpcNode } from './a-rpc-node.ts';
import { theAgents } from './node-setup.ts';

leavesNothing();

const CALLS = 40;
const SOCKETS = 2;
const pool = { socketsMax: SOCKETS };
const options = { pool, retry: false, breaker: false } as const;

/** Three calls one by one, then many at once: all over the few connections there may be. */
async function pooled(node: RpcNode, call: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 3; i++) await call();
  await Promise.all(Array.from({ length: CALLS }, call));
  assert(node.connections <= SOCKETS, `${node.connections} connections`);
  assert(node.requests >= CALLS + 3, `${node.requests} requests`);
}

/** How many requests one call becomes while the server fails. */
async function amplified(node: RpcNode, status: number, call: () => Promise<unknown>): Promise<number> {
  node.fail(status);
  const before = node.requests;
  await assert.rejects(call);
  return node.requests - before;
}

const solana = PublicKey.default;

/** ethers as its users make it: a network it need not ask for, and no batching. */
function provider(t: TestContext, request: FetchRequest): JsonRpcProvider {
  const network = Network.from(1);
  const made = new JsonRpcProvider(request, network, { staticNetwork: network, batchMaxCount: 1, cacheTimeout: -1 });
  t.after(() => made.destroy());
  return made;
}

describe('over our agents', () => {
  it('axios', async (t) => {
    const node = await anRpcNode(t);
    const { httpAgent, httpsAgent } = theAgents(t, options);
    const api = axios.create({ baseURL: node.url, httpAgent, httpsAgent });
    const call = async () => assert.equal((await api.post('/', { id: 1, method: 'getSlot' })).data.result, 321);
    await pooled(node, call);
    assert.equal(await amplified(node, 503, call), 1);
    const server = await aServer(t, { script: () => {} });
    const signal = AbortSignal.timeout(20);
    await assert.rejects(api.get(server.origin, { signal }), { code: 'ERR_CANCELED' });
    await assert.rejects(api.get(server.origin, { timeout: 20 }), { code: 'ECONNABORTED' });
    await assert.rejects(api.get('http://127.0.0.1:1'), { code: 'ECONNREFUSED' });
  });

  it('got', async (t) => {
    const node = await anRpcNode(t);
    const { httpAgent, httpsAgent } = theAgents(t, options);
    const api = got.extend({ agent: { http: httpAgent, https: httpsAgent }, retry: { limit: 0 } });
    const json = { id: 1, method: 'getSlot' };
    const call = async () =>
      assert.deepEqual(await api.post(node.url, { json }).json(), { jsonrpc: '2.0', id: 1, result: 321 });
    await pooled(node, call);
    assert.equal(await amplified(node, 503, call), 1);
    const server = await aServer(t, { script: () => {} });
    await assert.rejects(api.get(server.origin, { timeout: { request: 20 } }), { code: 'ETIMEDOUT' });
    await assert.rejects(api.get('http://127.0.0.1:1'), { code: 'ECONNREFUSED' });
  });

  it('ethers, whose requests are Node’s', async (t) => {
    const node = await anRpcNode(t);
    const { httpAgent: agent } = theAgents(t, options);
    const request = new FetchRequest(node.url);
    request.getUrlFunc = FetchRequest.createGetUrlFunc({ agent });
    const ethers = provider(t, request);
    await pooled(node, async () => assert.equal(await ethers.getBlockNumber(), 16));
    assert.equal(await amplified(node, 503, () => ethers.getBlockNumber()), 1);
  });
});

describe('over our agent as the global one', () => {
  it('axios and ethers, told nothing about it', async (t) => {
    const node = await anRpcNode(t);
    const { httpAgent } = theAgents(t, options);
    const before = nodeHttp.globalAgent;
    t.after(() => {
      nodeHttp.globalAgent = before;
    });
    nodeHttp.globalAgent = httpAgent;
    const ethers = provider(t, new FetchRequest(node.url));
    await pooled(node, () => axios.post(node.url, { id: 1, method: 'getSlot' }));
    await pooled(node, () => ethers.getBlockNumber());
  });
});

describe('over our fetch', () => {
  it('axios, with its fetch adapter', async (t) => {
    const node = await anRpcNode(t);
    const { fetch } = aClient(t, options);
    const env = { fetch: fetch as typeof globalThis.fetch, Request, Response };
    const api = axios.create({ baseURL: node.url, adapter: 'fetch', env } as object);
    const call = async () => assert.equal((await api.post('/', { id: 1, method: 'getSlot' })).data.result, 321);
    await pooled(node, call);
    assert.equal(await amplified(node, 503, call), 1);
  });

  it('viem', async (t) => {
    const node = await anRpcNode(t);
    const { fetch } = aClient(t, options);
    const fetchFn = fetch as typeof globalThis.fetch;
    const viem = createPublicClient({ transport: http(node.url, { fetchFn, retryCount: 0 }), cacheTime: 0 });
    const address = '0x0000000000000000000000000000000000000001';
    await pooled(node, async () => assert.equal(await viem.getBalance({ address }), 10n ** 18n));
    assert.equal(await amplified(node, 503, () => viem.getBalance({ address })), 1);
  });

  it('@solana/web3.js', async (t) => {
    const node = await anRpcNode(t);
    const { fetch } = aClient(t, options);
    const connection = new Connection(node.url, {
      fetch: fetch as unknown as typeof globalThis.fetch,
      disableRetryOnRateLimit: true,
    } as object);
    await pooled(node, async () => assert.equal(await connection.getBalance(solana), 1_000_000_000));
    assert.equal(await amplified(node, 429, () => connection.getSlot()), 1);
  });

  it('@solana/kit', async (t) => {
    const node = await anRpcNode(t);
    const { fetch } = aClient(t, options);
    const transport = async ({ payload, signal }: { payload: unknown; signal?: AbortSignal }) => {
      const headers = { 'content-type': 'application/json' };
      const reply = await fetch(node.url, { method: 'POST', headers, body: JSON.stringify(payload), signal });
      if (!reply.ok) throw new Error(`status ${reply.status}`);
      return reply.json();
    };
    const rpc = createSolanaRpcFromTransport(transport as Parameters<typeof createSolanaRpcFromTransport>[0]);
    await pooled(node, async () => assert.equal(await rpc.getBlockHeight().send(), 300n));
    assert.equal(await amplified(node, 503, () => rpc.getBlockHeight().send()), 1);
  });

  it('ethers', async (t) => {
    const node = await anRpcNode(t);
    const { fetch } = aClient(t, options);
    const request = new FetchRequest(node.url);
    request.getUrlFunc = async ({ url, method, headers, body }) => {
      const reply = await fetch(url, { method, headers, body: body ?? undefined });
      const fields = Object.fromEntries(reply.headers);
      const bytes = new Uint8Array(await reply.arrayBuffer());
      return { statusCode: reply.status, statusMessage: reply.statusText, headers: fields, body: bytes };
    };
    const ethers = provider(t, request);
    await pooled(node, async () => assert.equal(await ethers.getBlockNumber(), 16));
  });
});

describe('over our undici Dispatcher', () => {
  it('@solana/kit, whose default transport takes one and uses Node’s own fetch', async (t) => {
    const node = await anRpcNode(t);
    const client = aClient(t, options);
    const dispatcher_NODE_ONLY = keepwarmDispatcher(client) as never;
    const rpc = createSolanaRpcFromTransport(createDefaultRpcTransport({ url: node.url, dispatcher_NODE_ONLY }));
    let slot = 0n;
    // Equal requests of one turn are one request to its default transport: these differ.
    const call = () => rpc.getBalance(solana.toBase58() as never, { minContextSlot: slot++ }).send();
    await pooled(node, call);
    assert(client.stats().reuse.reused > 0);
  });

  it('streams, aborts and errors of axios and viem through Node’s own fetch', async (t) => {
    const script: Step = (request, connection) => {
      if (request.path === '/silent') return;
      if (request.path === '/half')
        return send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')(request, connection);
      return answer('x'.repeat(1_000_000))(request, connection);
    };
    const server = await aServer(t, { script });
    const client = aClient(t, { ...options, limits: { betweenBytesMs: 30 } });
    const dispatcher = keepwarmDispatcher(client) as unknown as NonNullable<RequestInit['dispatcher']>;
    const over = (path: string, init: RequestInit = {}) => fetch(server.origin + path, { dispatcher, ...init });
    const api = axios.create({ adapter: 'fetch', fetchOptions: { dispatcher } } as object);
    assert.equal((await api.get(server.origin)).data.length, 1_000_000);
    assert.equal((await (await over('/')).text()).length, 1_000_000);
    await assert.rejects(over('/silent', { signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' });
    await assert.rejects(async () => (await over('/half')).text(), /terminated/);
    await until(() => client.stats().calls.inFlight === 0, 'nothing is under way');
  });
});
