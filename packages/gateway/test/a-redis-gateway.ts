/** What tests of limits in Redis stand on: a node that writes down when it was asked, and gateways before it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type GatewayProcess, gatewayProcess } from './command-process.ts';
import { httpServer, type TestServer } from './fixtures.ts';

export const LIMIT = { limit: 40, windowMs: 500 };
/** That any node answers, and nobody keeps. */
export const QUESTION = '{"jsonrpc":"2.0","id":1,"method":"eth_gasPrice"}';

export interface CountingNode extends TestServer {
  /** When it was asked, in ms. */
  readonly seen: number[];
}

export async function countingNode(): Promise<CountingNode> {
  const seen: number[] = [];
  const server = await httpServer((request, response) => {
    seen.push(performance.now());
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      const id = text.startsWith('{') ? (JSON.parse(text) as { id: number }).id : 0;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ jsonrpc: '2.0', id, result: '0x1' }));
    });
  });
  return Object.assign(server, { seen });
}

/** One node, by JSON-RPC as `nodes` and by HTTP as `plain`, each with the limit. */
export function limitedUpstreams(node: TestServer): { readonly upstreams: object } {
  const endpoint = { name: 'one', url: node.origin, rateLimit: { ...LIMIT, name: 'plan' } };
  const nodes = { jsonrpc: 'evm', coalesce: false, cache: false, endpoints: [endpoint] };
  const plain = { origin: node.origin, rateLimit: LIMIT };
  return { upstreams: { nodes, plain } };
}

export function limitedGateway(node: TestServer, redis: object, more: object = {}): Promise<GatewayProcess> {
  return gatewayProcess(limitedUpstreams(node).upstreams, { redis, ...more });
}

/** Waits until so many more have come, however long that takes. */
export async function arrivals({ seen }: CountingNode, more: number): Promise<void> {
  for (const wanted = seen.length + more; seen.length < wanted; ) await sleep(10);
}

/** The most that came in any window. */
export function busiest(seen: readonly number[], windowMs = LIMIT.windowMs): number {
  let most = 0;
  let oldest = 0;
  for (const [i, at] of seen.entries()) {
    while (seen[oldest]! + windowMs <= at) oldest++;
    most = Math.max(most, i - oldest + 1);
  }
  return most;
}
