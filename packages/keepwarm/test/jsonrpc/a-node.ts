/** Nodes to call in tests: a JSON-RPC server on loopback whose answers are the test's to make, and a small adapter. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { createRpc, type RpcAdapter, type RpcClient, type RpcOptions } from '../../src/jsonrpc.ts';

/** Methods of every kind, and error codes of every class. */
export const adapter: RpcAdapter = {
  name: 'test',
  methods: {
    read: { kind: 'read' },
    echo: { kind: 'read' },
    head: { kind: 'read', heightSeen: (result) => (typeof result === 'number' ? result : undefined) },
    fixed: { kind: 'read', freshness: 'fixed', cacheMs: 60_000, mayKeep: (result) => result !== null },
    heavy: { kind: 'read', cost: 40 },
    slow: { kind: 'read', deadlineMs: 50 },
    write: { kind: 'write', writeId: (params) => (Array.isArray(params) ? String(params[0]) : undefined) },
    filter: { kind: 'local' },
  },
  classify: ({ code }) => {
    if (code === -32005) return 'throttled';
    if (code === -32001) return 'behind';
    if (code === -32603) return 'ill';
    if (code === -32601) return 'missing';
    return code === -32000 ? 'known' : 'final';
  },
  head: { method: 'head', read: (result) => Number(result), intervalMs: 1_000, heightMsMin: 100, lagMax: 5 },
};

export interface Request {
  readonly jsonrpc: string;
  readonly method: string;
  readonly id?: number;
  readonly params?: unknown;
}

export interface Message {
  /** One request, or those of a batch. */
  readonly requests: readonly Request[];
  readonly batch: boolean;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** What a node says: a value becomes JSON with status 200; a function does as it likes; nothing leaves it hanging. */
export type Say = (message: Message, response: ServerResponse) => unknown;

export interface ANode {
  readonly url: string;
  readonly messages: Message[];
  /** Requests it received by method, those of batches included. */
  count(method?: string): number;
  /** Resolves when so many messages have come. */
  arrived(count: number): Promise<void>;
  say: Say;
}

export const ok = (id: unknown, result: unknown) => ({ jsonrpc: '2.0', id, result });
export const bad = (id: unknown, code: number, message = `error ${code}`, data?: unknown) => ({
  jsonrpc: '2.0',
  id,
  error: data === undefined ? { code, message } : { code, message, data },
});

/** Answers each request by itself. */
export const each =
  (answer: (request: Request) => unknown): Say =>
  ({ requests, batch }) =>
    batch ? requests.map(answer) : answer(requests[0]!);

/** `echo` gives its parameters, everything else its name. */
const wellBehaved: Say = each(({ id, method, params }) => ok(id, method === 'echo' ? params : method));

export async function aNode(t: TestContext, say: Say = wellBehaved): Promise<ANode> {
  const messages: Message[] = [];
  const waiting = new Set<() => void>();
  const node = {
    url: '',
    messages,
    say,
    count: (method?: string) => requestsIn(messages, method),
    async arrived(count: number) {
      while (messages.length < count) await new Promise<void>((resolve) => waiting.add(resolve));
    },
  };
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const body: Request | Request[] = JSON.parse(text);
    const batch = Array.isArray(body);
    const message = { requests: batch ? body : [body], batch, url: request.url ?? '', headers: request.headers };
    messages.push(message);
    for (const told of waiting) told();
    waiting.clear();
    const said = await node.say(message, response);
    if (said === undefined || response.writableEnded) return;
    if (!response.headersSent) response.setHeader('content-type', 'application/json');
    response.end(typeof said === 'string' ? said : JSON.stringify(said));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  node.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return node;
}

function requestsIn(messages: readonly Message[], method: string | undefined): number {
  return messages.flatMap(({ requests }) => requests.filter((each) => method === undefined || each.method === method))
    .length;
}

/** A client of these nodes, named a, b, c, …; closed with the test. */
export function anRpc(t: TestContext, nodes: readonly ANode[], options: Partial<RpcOptions> = {}): RpcClient {
  const endpoints = nodes.map(({ url }, i) => ({ url, name: 'abcdefgh'[i]! }));
  const rpc = createRpc({ adapter, endpoints, freshness: false, ...options });
  t.after(() => rpc.close({ deadlineMs: 0 }));
  return rpc;
}

/** What a promise was rejected with. */
export async function thrown(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it was not rejected');
}
