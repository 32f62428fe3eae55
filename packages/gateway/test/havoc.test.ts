/**
 * Callers and upstreams that do whatever comes to their minds, drawn from a seed: requests of every kind, whole, cut,
 * in pieces or with bytes changed, left at any moment; answers that are late, halved, no HTTP, or broken off. One well
 * behaved caller has to notice nothing, and nothing of the others may stay.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { frame } from './a-frame.ts';
import { ask, httpServer, Opened, rawServer, startGateway, until } from './fixtures.ts';

const TRIES = 200;
const AT_ONCE = 20;

/** Numbers in [0, 1), the same for the same seed. Source: Numerical Recipes, "Quick and Dirty" generators. */
function chanceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

class Mood {
  readonly next: () => number;

  constructor(seed: number) {
    this.next = chanceOf(seed);
  }

  likely(share: number): boolean {
    return this.next() < share;
  }
  upTo(most: number): number {
    return Math.floor(this.next() * most);
  }
  pick<T>(from: readonly T[]): T {
    return from[this.upTo(from.length)]!;
  }
}

const JSON_RPC = '{"jsonrpc":"2.0","id":1,"result":"0x1"}';
const ANSWERS = [
  'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
  `HTTP/1.1 200 OK\r\ncontent-length: ${JSON_RPC.length}\r\n\r\n${JSON_RPC}`,
  'HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\nhalf',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n',
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 413 Too\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok',
  'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end',
  `HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n${'x'.repeat(1_000_000)}`,
  'neither this nor that\r\n\r\n',
  '',
];

async function answer(socket: Socket, mood: Mood): Promise<void> {
  if (mood.likely(0.3)) await sleep(mood.upTo(200));
  if (socket.destroyed) return;
  socket.write(mood.pick(ANSWERS));
  if (mood.likely(0.2)) socket.resetAndDestroy();
  else if (mood.likely(0.3)) socket.end();
}

const KEY = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const FIELDS = [
  ...['', '', '', 'Connection: close\r\n', 'Upgrade: h2c\r\nConnection: upgrade\r\n', 'X: a\r\n folded\r\n'],
  ...[
    `Connection: upgrade\r\nUpgrade: websocket\r\n${KEY}`,
    `X: ${'y'.repeat(40_000)}\r\n`,
    'Expect: 100-continue\r\n',
  ],
];
const BODIES = ['', 'x'.repeat(100_000), '[', '[]', '{"jsonrpc":"2.0","id":1,"method":"eth_gasPrice"}'];
const BATCH = '[{"jsonrpc":"2.0","id":1,"method":"a"},{"jsonrpc":"2.0","id":2,"method":"b"},{"method":"c"}]';

function request(mood: Mood): Buffer {
  const body = mood.pick([...BODIES, BATCH]);
  const method = mood.pick(['GET', 'POST', 'POST', 'POST', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'NONE']);
  const path = `/${mood.pick(['raw', 'raw', 'chain', 'chain', 'nowhere'])}/${mood.pick(['a', 'a?b', '../c', 'a%2e'])}`;
  const framing = mood.pick([
    ...[`Content-Length: ${body.length}\r\n\r\n${body}`, `Content-Length: ${body.length}\r\n\r\n${body}`],
    ...[`Content-Length: ${body.length + 9}\r\n\r\n${body}`, '\r\n'],
    ...[`Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
  ]);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${mood.pick(FIELDS)}${framing}`);
}

const field = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);

function http2(mood: Mood): Buffer {
  const frames = [Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, new Uint8Array())];
  for (let stream = 1; stream < 2 + mood.upTo(20); stream += 2) {
    const fields = [field(':method', mood.pick(['GET', 'POST'])), field(':scheme', 'http'), field(':authority', 'x')];
    fields.push(field(':path', `/${mood.pick(['raw', 'chain'])}/x`));
    if (mood.likely(0.1)) fields.push(field('content-length', '5'));
    const ends = mood.likely(0.3);
    frames.push(frame(1, ends ? 5 : 4, stream, Buffer.concat(fields)));
    if (!ends) frames.push(frame(0, mood.upTo(2), stream, Buffer.from(mood.pick(BODIES).slice(0, 9_000))));
    if (mood.likely(0.2)) frames.push(frame(3, 0, stream, Buffer.from([0, 0, 0, 8])));
  }
  return Buffer.concat(frames);
}

async function oneCaller(port: number, mood: Mood): Promise<void> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined); // its own doing
  await once(socket, 'connect');
  if (mood.likely(0.85)) socket.resume();
  const bytes = mood.likely(0.3) ? http2(mood) : Buffer.concat([request(mood), request(mood)].slice(mood.upTo(3)));
  if (mood.likely(0.15) && bytes.length > 0) bytes[mood.upTo(bytes.length)] = mood.upTo(256);
  const cut = mood.likely(0.3) ? mood.upTo(bytes.length) : bytes.length;
  const half = mood.upTo(cut);
  socket.write(bytes.subarray(0, half));
  if (mood.likely(0.5)) await sleep(mood.upTo(10));
  if (!socket.destroyed) socket.write(bytes.subarray(half, cut));
  await sleep(mood.upTo(mood.likely(0.5) ? 10 : 150));
  if (mood.likely(0.4)) socket.resetAndDestroy();
  else if (mood.likely(0.5)) socket.destroy();
  else socket.end();
  setTimeout(() => socket.destroy(), 500).unref();
}

describe('havoc', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('leaves nothing behind, and nobody else hears of it', async (t) => {
    const seed = Number(process.env['KEEPWARM_SEED'] ?? Date.now() % 1_000_000);
    t.diagnostic(`KEEPWARM_SEED=${seed}`);
    const mood = new Mood(seed);
    const nasty = opened.add(await rawServer((socket) => socket.on('data', () => void answer(socket, mood))));
    const well = opened.add(await httpServer((_, response) => void response.end('well')));
    const raw = { origin: nasty.origin, deadlineMs: 1_000, breaker: { openMs: 20, openMsMax: 50 } };
    const endpoints = ['/a', '/b'].map((path) => ({ url: nasty.origin + path, name: path.slice(1) }));
    const chain = { jsonrpc: 'evm', endpoints, deadlineMs: 1_000, freshness: false, websocket: { pingMs: 200 } };
    const limits = { callerIdleMs: 500, callerStallMs: 500, requestMs: 1_000 };
    const { gateway, port, url } = opened.add(await startGateway({ raw, chain, well: well.origin }, limits));

    let left = TRIES;
    const callers = Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) await oneCaller(port, mood);
    });
    const told = new Set<string>();
    const behaved = (async () => {
      for (; left > 0; await sleep(5)) told.add(String((await ask(`${url}/well/`)).body));
    })();
    await Promise.all([...callers, behaved]);
    assert.deepEqual([...told], ['well']);

    const { server } = gateway.data;
    const open = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
    await until(async () => gateway.data.inFlight === 0 && (await open()) === 0);
    for (const upstream of gateway.upstreams) {
      const { pools } = 'rpc' in upstream ? upstream.rpc.stats().http : upstream.client.stats();
      await until(() => pools.every(({ inFlight, waiting }) => inFlight + waiting === 0));
      if ('rpc' in upstream) await until(() => upstream.callers.stats().open === 0);
    }
  });
});
