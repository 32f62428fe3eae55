/**
 * The process behind `startRpc`: JSON-RPC by id, single and batch, on two ports as two nodes. It reads just as much of
 * HTTP as the clients here write, so that the clients are the bottleneck and not their server.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { EVM_RESULT, type RpcHead, SOLANA_RESULT } from './rpc-server.ts';

const END = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const SOLANA = JSON.stringify(SOLANA_RESULT);
const EVM = JSON.stringify(EVM_RESULT);

/** Requests begin with their method or their id; either way both stand before the params of the next one. */
const METHOD = /"method":"(\w+)"/;
const ID = /"id":("[^"]*"|\d+)/;

const HEADS: Readonly<Record<RpcHead, readonly string[]>> = {
  node: ['content-type: application/json'],
  // What a content network in front of a node adds, and what a provider says of its limits.
  edge: [
    'Date: Sat, 21 Nov 2026 21:00:00 GMT',
    'Content-Type: application/json',
    'Connection: keep-alive',
    'Vary: accept-encoding',
    'Access-Control-Allow-Origin: *',
    'X-RateLimit-Limit: 1000000',
    'X-RateLimit-Remaining: 999999',
    'Cache-Status: DYNAMIC',
    'Strict-Transport-Security: max-age=15552000',
    'Server: edge',
    'X-Request-Id: 8c1a2b3c4d5e6f70-FRA',
    'Alt-Svc: h3=":443"; ma=86400',
  ],
};
const HEAD = ['HTTP/1.1 200 OK', ...HEADS[process.argv[2] === 'edge' ? 'edge' : 'node'], 'content-length: '].join(
  '\r\n',
);

function answerTo(request: string): string {
  const method = METHOD.exec(request)?.[1] ?? '';
  return `{"jsonrpc":"2.0","result":${method.startsWith('eth_') ? EVM : SOLANA},"id":${ID.exec(request)?.[1] ?? null}}`;
}

function bodyFor(body: string): string {
  if (!body.startsWith('[')) return answerTo(body);
  const parts = body.split('{"jsonrpc"').slice(1);
  return `[${parts.map(answerTo).join(',')}]`;
}

function serve(socket: Socket): void {
  let unread = '';
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    unread += chunk.toString('latin1');
    let out = '';
    for (let end = unread.indexOf(END); end >= 0; end = unread.indexOf(END)) {
      const length = Number(LENGTH.exec(unread.slice(0, end))?.[1] ?? 0);
      const next = end + END.length + length;
      if (unread.length < next) break;
      const body = bodyFor(unread.slice(end + END.length, next));
      unread = unread.slice(next);
      out += `${HEAD}${body.length}${END}${body}`;
    }
    if (out !== '') socket.write(out, 'latin1');
  });
}

async function listen(): Promise<string> {
  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

process.on('disconnect', () => process.exit(0));
process.send?.([await listen(), await listen()]);
