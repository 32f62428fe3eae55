/** Large replies over real sockets, to readers who keep what they get: each reads its own bytes, whatever others do. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Dispatcher } from 'undici';
import { LANDING_BYTES } from '../../src/engines/reading.ts';
import { keepwarmDispatcher } from '../../src/interop/undici/index.ts';
import { aClient, leavesNothing, quiet } from './setup.ts';

leavesNothing();

const KB = 1_024;
/** More words than any body here has. */
const WORDS = 1_024 * KB;

/** Each 4 bytes tell whose they are and where they belong. */
function bodyOf(id: number, bytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = id * WORDS + i;
  return Buffer.from(words.buffer, 0, bytes);
}

/** The same memory for all, so that what the server has not sent yet weighs nothing. */
const FLOOD = Buffer.alloc(1_024 * KB);
const READERS = 100;

/** Answers `/id/bytes`, framed by length; with `?chunk` in chunks so long, and with `?rest` more behind it. */
async function aServer(t: TestContext): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    socket.on('data', (head) => {
      if (head.includes('GET /flood')) {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${4 * FLOOD.length}\r\n\r\n`);
        for (let i = 0; i < 4; i++) socket.write(FLOOD);
      }
      for (const [, id, bytes, query = ''] of head.toString('latin1').matchAll(/^GET \/(\d+)\/(\d+)(\S*)/gm)) {
        socket.write(answerOf(bodyOf(Number(id), Number(bytes)), query));
      }
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answerOf(plain: Buffer, query: string): Buffer {
  const coded = query.includes('gzip');
  const body = coded ? gzipSync(plain, { level: 0 }) : plain;
  const coding = coded ? 'Content-Encoding: gzip\r\n' : '';
  const chunk = Number(/chunk=(\d+)/.exec(query)?.[1]);
  const rest = Buffer.from(query.includes('rest') ? 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nothers' : '');
  if (!(chunk > 0)) {
    return Buffer.concat([
      Buffer.from(`HTTP/1.1 200 OK\r\n${coding}Content-Length: ${body.length}\r\n\r\n`),
      body,
      rest,
    ]);
  }
  const parts: Uint8Array[] = [Buffer.from(`HTTP/1.1 200 OK\r\n${coding}Transfer-Encoding: chunked\r\n\r\n`)];
  for (let at = 0; at < body.length; at += chunk) {
    const part = body.subarray(at, at + chunk);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n'), rest]);
}

/** Lets a dispatch go as far as it goes, and does its worst with each piece once it has looked at it. */
function dispatched(dispatcher: Dispatcher, origin: string, path: string): Promise<Buffer> {
  const got: Buffer[] = [];
  return new Promise((resolve, reject) => {
    dispatcher.dispatch(
      { origin, path, method: 'GET' },
      {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData(controller, chunk) {
          got.push(Buffer.from(chunk));
          chunk.fill(0xee);
          if (chunk.buffer.byteLength === LANDING_BYTES) {
            structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
          }
          if (got.length % 3 > 0) return;
          controller.pause();
          setImmediate(() => controller.resume());
        },
        onResponseEnd: () => resolve(Buffer.concat(got)),
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
}

const QUERIES = ['', '?chunk=65536', `?chunk=${LANDING_BYTES}`, `?chunk=${LANDING_BYTES - 5}`, '?chunk=300000'];

describe('large replies to those who keep them', () => {
  it('are each their own: through a stream, a dispatch and a decoder, at the same time', async (t) => {
    const origin = await aServer(t);
    const client = aClient(t, { origin, pool: { socketsMax: 4 }, limits: { queueMs: 60_000 }, deadlineMs: 60_000 });
    const dispatcher = keepwarmDispatcher(client);
    const streamed = async (path: string): Promise<Buffer> => {
      const got: Uint8Array[] = [];
      for await (const chunk of await client.get(path).stream()) {
        got.push(Uint8Array.from(chunk));
        chunk.fill(0xdd);
        if (got.length % 2 === 0) await turn();
      }
      return Buffer.concat(got);
    };
    const calls = Array.from({ length: 60 }, async (_, id) => {
      const bytes = 100 * KB + ((id * 37_777) % (900 * KB));
      const path = `/${id}/${bytes}${QUERIES[id % QUERIES.length]}`;
      const got = id % 2 === 0 ? await streamed(path) : await dispatched(dispatcher, origin, path);
      assert(got.equals(bodyOf(id, bytes)), `${path} is as it was sent`);
    });
    const coded = Array.from({ length: 6 }, async (_, i) => {
      const got = await streamed(`/${1_000 + i}/700000?gzip`);
      assert(got.equals(bodyOf(1_000 + i, 700_000)));
    });
    await Promise.all([...calls, ...coded]);
    await quiet(client);
  });

  it('end where they end: what lies behind, at whatever place of a buffer, is nobody’s reply', async (t) => {
    const origin = await aServer(t);
    for (const by of [-130, -65, -64, -2, -1, 0, 1, 2, 63, 64]) {
      const client = aClient(t, { origin, pool: { socketsMax: 1 } });
      const bytes = 4 * LANDING_BYTES + by;
      const outcome = await client
        .get(`/7/${bytes}?rest`)
        .stream()
        .then((stream) => new Response(stream).bytes())
        .catch((error: { code?: string }) => error.code);
      if (outcome instanceof Uint8Array) assert(bodyOf(7, bytes).equals(outcome));
      else assert.equal(outcome, 'PROTOCOL');
      const next = await client.get('/8/12').bytes();
      assert(bodyOf(8, 12).equals(next), 'the next call has its own');
      assert.equal(client.stats().reuse.fresh, 2, 'on another connection');
    }
  });

  it('may be given up after any piece: others go on, and no memory stays lent', async (t) => {
    const origin = await aServer(t);
    const client = aClient(t, { origin, pool: { socketsMax: 30 } });
    const givenUp = Array.from({ length: 20 }, async (_, pieces) => {
      const reader = (await client.get(`/${pieces}/2000000`).stream()).getReader();
      for (let i = 0; i < pieces; i++) await reader.read();
      await reader.cancel();
    });
    const whole = Array.from({ length: 5 }, async (_, i) => {
      const got = await new Response(await client.get(`/${50 + i}/900000`).stream()).bytes();
      assert(bodyOf(50 + i, 900_000).equals(got));
    });
    await Promise.all([...givenUp, ...whole]);
    await quiet(client);
  });

  it('wait in the system when their readers rest: what is held for each is bounded', async (t) => {
    const origin = await aServer(t);
    const client = aClient(t, { origin, pool: { socketsMax: READERS } });
    const before = process.memoryUsage().arrayBuffers;
    const readers = await Promise.all(
      Array.from({ length: READERS }, async () => (await client.get('/flood').stream()).getReader()),
    );
    await Promise.all(readers.map((reader) => reader.read()));
    let most = 0;
    for (let i = 0; i < 300; i++) {
      await turn();
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    assert(most < READERS * 768 * KB, `${most / KB / KB} MB`);
    await Promise.all(readers.map((reader) => reader.cancel()));
    await quiet(client);
  });
});
