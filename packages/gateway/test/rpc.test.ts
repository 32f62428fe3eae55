import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { after, before, beforeEach, describe, it } from 'node:test';
import { parseConfig } from '../src/config/config.ts';
import { ask, httpServer, Opened, startGateway, type TestGateway, type TestServer, until } from './fixtures.ts';

interface Asked {
  readonly id?: unknown;
  readonly method: string;
  readonly params?: unknown;
}

/** A node of a chain that does what it is told, and counts. */
class Node {
  server!: TestServer;
  block = 1_000;
  seen: Asked[] = [];
  /** Of connections that were closed before they were answered. */
  broken = 0;
  does: (response: ServerResponse) => boolean = () => false;

  async start(): Promise<this> {
    this.server = await httpServer((request, response) => void this.#serve(request, response));
    return this;
  }

  get url(): string {
    return `${this.server.origin}/v2/SECRETKEY`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const message = JSON.parse(text) as Asked | Asked[];
    this.seen.push(...[message].flat());
    response.on('close', () => void (response.writableEnded || this.broken++));
    if (this.does(response)) return;
    const answer = (one: Asked) => ({ jsonrpc: '2.0', id: one.id, ...this.#answer(one) });
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(Array.isArray(message) ? message.map(answer) : answer(message)));
  }

  #answer({ method, params }: Asked): object {
    if (method === 'eth_blockNumber') return { result: `0x${this.block.toString(16)}` };
    if (method === 'eth_getBalance') return { result: (params as string[])[0] };
    if (method === 'eth_call') return { error: { code: 3, message: 'execution reverted', data: '0x08c379a0' } };
    return { error: { code: -32601, message: 'the method does not exist' } };
  }

  counted(method: string): number {
    return this.seen.filter((one) => one.method === method).length;
  }
}

const post = (url: string, message: unknown, headers: Record<string, string> = {}) =>
  ask(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof message === 'string' ? message : JSON.stringify(message),
  });

const call = (id: unknown, method: string, ...params: unknown[]) => ({ jsonrpc: '2.0', id, method, params });

describe('a JSON-RPC upstream', () => {
  const opened = new Opened();
  const nodes = [new Node(), new Node()];
  let gateway: TestGateway;
  let url: string;

  before(async () => {
    for (const node of nodes) opened.add((await node.start()).server);
    const endpoints = nodes.map((node, i) => ({ url: node.url, name: `node-${i}` }));
    gateway = opened.add(
      await startGateway({
        chain: { jsonrpc: 'evm', endpoints, requestsMax: 5, requestBodyBytesMax: 2_000, methodsDenied: ['debug_*'] },
      }),
    );
    url = `${gateway.url}/chain`;
  });
  after(() => opened.closeAll());
  beforeEach(() => {
    for (const node of nodes) Object.assign(node, { seen: [], broken: 0, block: 1_000, does: () => false });
  });

  it('answers a request with the id it was sent with', async () => {
    for (const id of [7, 'seven', 0, -1, 2 ** 53]) {
      const { status, headers, body } = await post(url, call(id, 'eth_getBalance', '0xabc', 'latest'));
      assert.equal(status, 200);
      assert.equal(headers['content-type'], 'application/json');
      assert.deepEqual(JSON.parse(body.toString()), { jsonrpc: '2.0', id, result: '0xabc' });
    }
  });

  it('answers a batch in its order, notifications left out', async () => {
    const batch = [
      call('b', 'eth_getBalance', '0x2', 'latest'),
      { jsonrpc: '2.0', method: 'eth_getBalance', params: ['0x9', 'latest'] },
      call(1, 'eth_call', {}, 'latest'),
      call('a', 'eth_getBalance', '0x1', 'latest'),
      { nonsense: true },
    ];
    const { body } = await post(url, batch);
    const answers = JSON.parse(body.toString()) as { id: unknown; result?: unknown; error?: { code: number } }[];
    assert.deepEqual(
      answers.map(({ id, result, error }) => [id, result ?? error?.code]),
      [
        ['b', '0x2'],
        [1, 3],
        ['a', '0x1'],
        [null, -32600],
      ],
    );
  });

  it("passes a node's own error on whole", async () => {
    const { status, body } = await post(url, call(1, 'eth_call', {}, 'latest'));
    assert.equal(status, 200);
    const { error } = JSON.parse(body.toString());
    assert.deepEqual(error, { code: 3, message: 'execution reverted', data: '0x08c379a0' });
  });

  it('answers a notification with nothing', async () => {
    const { status, body } = await post(url, { jsonrpc: '2.0', method: 'eth_getBalance', params: ['0x1', 'latest'] });
    assert.equal(status, 204);
    assert.equal(body.length, 0);
  });

  it('goes on when one endpoint fails', async () => {
    nodes[0]!.does = (response) => {
      response.socket?.destroy();
      return true;
    };
    for (let i = 0; i < 50; i++) {
      const { body } = await post(url, call(i, 'eth_getBalance', `0x${i}`, 'latest'));
      assert.equal(JSON.parse(body.toString()).result, `0x${i}`);
    }
  });

  it('sends what may change something once, whatever becomes of it', async () => {
    for (const node of nodes) {
      node.does = (response) => {
        response.socket?.destroy();
        return true;
      };
    }
    const { status, headers, body } = await post(url, call(9, 'eth_sendRawTransaction', '0x00'));
    assert.equal(status, 502);
    assert.match(String(headers['proxy-status']), /^keepwarm; error=/);
    const { id, error } = JSON.parse(body.toString());
    assert.equal(id, 9);
    assert.equal(error.data.code, 'RESET');
    assert.equal(error.data.reach, 'unknown');
    const sent = nodes.reduce((sum, node) => sum + node.counted('eth_sendRawTransaction'), 0);
    assert.equal(sent, 1);
  });

  it('refuses what callers may not ask, with their ids, before any node hears of it', async () => {
    const denied = await post(url, [call('x', 'eth_blockNumber'), call(2, 'debug_traceBlock')]);
    assert.equal(denied.status, 403);
    const answers = JSON.parse(denied.body.toString()) as { id: unknown; error: { code: number; message: string } }[];
    assert.deepEqual(
      answers.map(({ id }) => id),
      ['x', 2],
    );
    assert.match(answers[0]!.error.message, /debug_traceBlock/);
    const many = await post(
      url,
      Array.from({ length: 6 }, (_, i) => call(i, 'eth_blockNumber')),
    );
    assert.equal(many.status, 413);
    assert.match(many.body.toString(), /6 requests.*requestsMax/);
    const large = await post(url, call(1, 'eth_getBalance', 'x'.repeat(2_000)));
    assert.equal(large.status, 413);
    assert.match(large.body.toString(), /2000.*requestBodyBytesMax/);
    assert.equal(
      nodes.reduce((sum, node) => sum + node.counted('debug_traceBlock'), 0),
      0,
    );
  });

  it('says what it takes to whoever does not POST JSON', async () => {
    const got = await ask(url);
    assert.equal(got.status, 405);
    assert.equal(got.headers.allow, 'POST');
    assert.equal((await post(url, 'x', { 'content-encoding': 'gzip' })).status, 415);
    const { status, body } = await post(url, '{nonsense');
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(body.toString()), {
      jsonrpc: '2.0',
      id: null,
      error: { code: -32700, message: 'Parse error' },
    });
  });

  it('gives up what it asked for when the caller leaves', async () => {
    for (const node of nodes) node.does = () => true; // silence
    const request = httpRequest(url, { agent: false, method: 'POST' });
    request.on('error', () => undefined);
    request.end(JSON.stringify(call(1, 'eth_getBalance', '0xleft', 'latest')));
    await until(() => nodes.some((node) => node.counted('eth_getBalance') > 0));
    request.destroy();
    await until(() => nodes.some(({ broken }) => broken > 0));
  });

  it('tells each endpoint apart in /api/stats, and never its key', async () => {
    await post(url, call(1, 'eth_getBalance', '0x1', 'latest'));
    const { body } = await ask(`http://127.0.0.1:${gateway.adminPort}/api/stats`);
    const text = body.toString();
    assert.doesNotMatch(text, /SECRETKEY/);
    const [{ jsonrpc, origin }] = JSON.parse(text).upstreams;
    assert.equal(origin, 'evm, 2 endpoints');
    assert.deepEqual(
      jsonrpc.endpoints.map(({ name }: { name: string }) => name),
      ['node-0', 'node-1'],
    );
    assert.ok(jsonrpc.endpoints.every(({ trail }: { trail: number[] }) => Array.isArray(trail)));
  });
});

describe('the configuration of a JSON-RPC upstream', () => {
  const parsed = (upstream: object) => () => parseConfig({ upstreams: { chain: upstream } }, '.');
  const url = 'https://node.example/v2/SECRETKEY';

  it('names what is wrong and what is allowed, and shows no key', () => {
    const refused: readonly [object, RegExp][] = [
      [{ jsonrpc: 'bitcoin', endpoints: [{ url }] }, /upstreams\.chain\.jsonrpc is "bitcoin"; allowed: solana, evm/],
      [{ jsonrpc: 'evm' }, /upstreams\.chain\.endpoints must list at least one/],
      [{ jsonrpc: 'evm', endpoints: ['x'] }, /endpoints\[0\] is "x"; allowed: an object/],
      [{ jsonrpc: 'evm', endpoints: [{ url, wieght: 2 }] }, /wieght/],
      [{ jsonrpc: 'evm', endpoints: [{ url: 'SECRETKEY' }] }, /not an absolute URL/],
      [{ jsonrpc: 'evm', endpoints: [{ url }], origin: url }, /upstreams\.chain\.origin is not an option/],
      [{ jsonrpc: 'evm', endpoints: [{ url }], requestsMax: 0 }, /requestsMax is 0; allowed: a number of at least 1/],
      [{ jsonrpc: 'evm', endpoints: [{ url }], batching: { size: 1 } }, /batching/],
    ];
    for (const [upstream, message] of refused) {
      assert.throws(
        parsed(upstream),
        (error: Error) => message.test(error.message) && !/SECRETKEY/.test(error.message),
      );
    }
  });
});
