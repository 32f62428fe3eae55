/**
 * A JSON-RPC node for the examples of the documentation, of either chain: over HTTP, and over WebSocket with a head
 * every 50 ms to whoever subscribes. Whatever is asked in another way than by JSON-RPC gets a small JSON object.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Peer, WebSocketServer } from 'ws';

const HEAD_MS = 50;

const ANSWERS: Readonly<Record<string, unknown>> = {
  getSlot: 300,
  getHealth: 'ok',
  getAccountInfo: { context: { slot: 300 }, value: null },
  sendTransaction: '5'.repeat(88),
  eth_blockNumber: '0x10',
  eth_chainId: '0x1',
  eth_subscribe: '0x5ab5',
  eth_unsubscribe: true,
};

interface Request {
  readonly id?: unknown;
  readonly method?: unknown;
}

const answer = ({ id, method }: Request) => ({ jsonrpc: '2.0', id, result: ANSWERS[String(method)] ?? null });

/** A head of a chain in which each follows the one before. */
const head = (number: number) => {
  const hash = (n: number) => `0x${n.toString(16).padStart(64, '0')}`;
  const result = { number: `0x${number.toString(16)}`, hash: hash(number), parentHash: hash(number - 1) };
  return { jsonrpc: '2.0', method: 'eth_subscription', params: { subscription: ANSWERS['eth_subscribe'], result } };
};

export interface Node {
  readonly origin: string;
  close(): void;
}

export async function startNode(): Promise<Node> {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { method, url } = request;
    response.setHeader('content-type', 'application/json');
    const asked: Request | Request[] | undefined = text.includes('"jsonrpc"') ? JSON.parse(text) : undefined;
    const plain = { ok: true, method, path: url };
    const said = Array.isArray(asked) ? asked.map(answer) : asked === undefined ? plain : answer(asked);
    response.end(JSON.stringify(said));
  });
  const sockets = new WebSocketServer({ noServer: true });
  const serve = (peer: Peer) => {
    let number = 16;
    const heads = setInterval(() => peer.send(JSON.stringify(head(number++))), HEAD_MS);
    heads.unref();
    peer.on('close', () => clearInterval(heads));
    peer.on('message', (data) => peer.send(JSON.stringify(answer(JSON.parse(String(data))))));
  };
  server.on('upgrade', (request, socket, head) => sockets.handleUpgrade(request, socket, head, serve));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      for (const peer of sockets.clients) peer.terminate();
      server.close();
      server.closeAllConnections();
    },
  };
}
