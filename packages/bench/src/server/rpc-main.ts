/**
 * The process behind `startRpc`: JSON-RPC by id, single and batch, on two ports as two nodes. It reads just as much of
 * HTTP as the clients here write, so that the clients are the bottleneck and not their server.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { EVM_RESULT, SOLANA_RESULT } from './rpc-server.ts';

const END = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: *(\d+)/i;
const SOLANA = JSON.stringify(SOLANA_RESULT);
const EVM = JSON.stringify(EVM_RESULT);

/** Requests begin with their method or their id; either way both stand before the params of the next one. */
const METHOD = /"method":"(\w+)"/;
const ID = /"id":("[^"]*"|\d+)/;

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
      out += `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}${END}${body}`;
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
