/** A node that speaks JSON-RPC, both Solana's and Ethereum's, and counts who comes: for clients run unmodified. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface RpcNode {
  readonly url: string;
  /** Connections accepted. */
  readonly connections: number;
  /** HTTP requests received. */
  readonly requests: number;
  /** Answers everything with this status from now on; 200 to be well again. */
  fail(status: number): void;
}

const RESULTS: Readonly<Record<string, unknown>> = {
  eth_chainId: '0x1',
  eth_blockNumber: '0x10',
  eth_getBalance: '0xde0b6b3a7640000',
  net_version: '1',
  getSlot: 321,
  getBlockHeight: 300,
  getVersion: { 'solana-core': '3.0.0', 'feature-set': 1 },
  getBalance: { context: { slot: 321 }, value: 1_000_000_000 },
};

interface Asked {
  readonly id: unknown;
  readonly method: string;
}

const answerOf = ({ id, method }: Asked) => ({ jsonrpc: '2.0', id, result: RESULTS[method] });

export async function anRpcNode(t: TestContext): Promise<RpcNode> {
  const counts = { connections: 0, requests: 0, status: 200 };
  const server = createServer(async (request, response) => {
    counts.requests++;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (counts.status !== 200) return void response.writeHead(counts.status).end('{}');
    const asked = JSON.parse(Buffer.concat(chunks).toString()) as Asked | Asked[];
    const answer = Array.isArray(asked) ? asked.map(answerOf) : answerOf(asked);
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  server.on('connection', () => counts.connections++);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return counts.connections;
    },
    get requests() {
      return counts.requests;
    },
    fail(status) {
      counts.status = status;
    },
  };
}
