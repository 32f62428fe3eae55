/** The behaviours, one row each: what is asked of a server through one way, and what must come of it. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { LIMITED_BYTES_MAX, largeSha, sha, TEXT } from './origin.ts';
import { type Answered, type Asked, type Lane, type Protocol, SOCKETS_MAX, type Way } from './ways.ts';

export interface Scene {
  readonly lane: Lane;
  readonly way: Way;
  readonly protocol: Protocol;
  /** Sizes of a run by hand, rather than of one that other tests wait for. */
  readonly full: boolean;
}

export interface Row {
  readonly name: string;
  /** What must come of it, for people. */
  readonly promise: string;
  /** @throws what is not as promised */
  run(scene: Scene): Promise<void>;
}

async function bytesOf(answered: Answered): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of answered.body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function ask({ lane }: Scene, asked: Asked): Promise<{ answered: Answered; bytes: Buffer; text: string }> {
  const answered = await lane.ask(asked);
  const bytes = await bytesOf(answered);
  return { answered, bytes, text: bytes.toString() };
}

const gets =
  (path: string, text: string, status = 200) =>
  async (scene: Scene): Promise<void> => {
    const { answered, text: got } = await ask(scene, { path });
    assert.deepEqual([answered.status, got], [status, text]);
  };

/** The connection, or another one, is good for what comes next. */
const goesOn = gets('/name/next', 'next');

const echoes =
  (body: () => string | Uint8Array | AsyncIterable<Uint8Array>, whole: string | Uint8Array) =>
  async (scene: Scene): Promise<void> => {
    const { answered, text } = await ask(scene, { method: 'POST', path: '/echo', body: body() });
    assert.equal(answered.status, 200);
    assert.deepEqual(JSON.parse(text), { method: 'POST', bytes: Buffer.byteLength(whole), sha: sha(whole) });
  };

const LARGE = Buffer.alloc(1_000_000, 'large ');

async function* inParts(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < LARGE.length; at += 100_000) {
    yield LARGE.subarray(at, at + 100_000);
    await sleep(1);
  }
}

const decoded = (coding: string, decode: (bytes: Buffer) => Buffer) => async (scene: Scene) => {
  const { bytes } = await ask(scene, { path: `/coded/${coding}`, headers: { 'accept-encoding': coding } });
  assert.equal((scene.way.decodes ? bytes : decode(bytes)).toString(), TEXT);
};

/** Of what has been opened so far. */
function opened({ lane }: Scene): number {
  const { sockets } = lane.client.stats();
  return sockets.open + sockets.closed;
}

/** Statuses for a request's head that is too large: each server has its own; 502 where the one behind it cut it off. */
const HEAD_TOO_LARGE = new Set([400, 413, 431, 494, 502]);

export const ROWS: readonly Row[] = [
  {
    name: 'protocol',
    promise: 'the requested protocol is used',
    async run(scene) {
      await goesOn(scene);
      const live = scene.lane.client.stats().sockets.live.map(({ protocol }) => protocol ?? 'h1');
      assert.deepEqual(live, [scene.protocol]);
    },
  },
  { name: 'GET', promise: 'status, length and text', run: gets('/text', TEXT) },
  { name: 'POST, small', promise: 'echoed completely', run: echoes(() => 'small', 'small') },
  { name: 'POST, 1 MB', promise: 'echoed completely', run: echoes(() => LARGE, LARGE) },
  { name: 'POST, streamed', promise: 'echoed completely, without a length', run: echoes(inParts, LARGE) },
  {
    name: 'HEAD',
    promise: 'the length of the body, which is not sent; the next call succeeds',
    async run(scene) {
      const { answered, bytes } = await ask(scene, { method: 'HEAD', path: '/text' });
      assert.deepEqual([answered.status, bytes.length], [200, 0]);
      assert.equal(answered.header('content-length'), String(TEXT.length));
      await goesOn(scene);
    },
  },
  { name: '204', promise: 'no body', run: gets('/status/204', '', 204) },
  { name: '304', promise: 'no body', run: gets('/status/304', '', 304) },
  { name: '404', promise: 'an ordinary answer', run: gets('/status/404', 'status 404', 404) },
  { name: '503', promise: 'an ordinary answer', run: gets('/status/503', 'status 503', 503) },
  { name: 'chunked', promise: 'the chunks, joined', run: gets('/chunked', 'one,two,three') },
  {
    name: 'trailers',
    promise: 'the complete body, and the trailers if the way can show them',
    async run(scene) {
      const { answered, text } = await ask(scene, { path: '/trailers', headers: { te: 'trailers' } });
      assert.equal(text, 'body');
      const trailers = Object.entries((await answered.trailers()) ?? { 'x-sum': '7' });
      assert.deepEqual(
        trailers.map(([name, value]) => [name.toLowerCase(), value]),
        [['x-sum', '7']],
      );
      await goesOn(scene);
    },
  },
  { name: '103', promise: 'the answer after the early hints', run: gets('/hints', 'after hints') },
  { name: 'gzip', promise: 'the text, decoded by the library or by the caller', run: decoded('gzip', gunzipSync) },
  {
    name: 'br',
    promise: 'the text, decoded by the library or by the caller',
    run: decoded('br', brotliDecompressSync),
  },
  {
    name: 'reuse',
    promise: 'ten successive calls open no new connection',
    async run(scene) {
      await goesOn(scene);
      const before = opened(scene);
      for (let i = 0; i < 10; i++) await goesOn(scene);
      assert.equal(opened(scene), before);
    },
  },
  {
    name: 'at once',
    promise: `thirty concurrent calls get their own answers, over at most ${SOCKETS_MAX} connections, or over one`,
    async run(scene) {
      const names = Array.from({ length: 30 }, (_, i) => `n${i}`);
      const texts = await Promise.all(names.map(async (name) => (await ask(scene, { path: `/name/${name}` })).text));
      assert.deepEqual(texts, names);
      const { length } = scene.lane.client.stats().sockets.live;
      assert(length <= (scene.protocol === 'h2' ? 1 : SOCKETS_MAX), `${length} connections`);
    },
  },
  {
    name: 'close',
    promise: 'a peer that closes after its answer makes no call fail',
    async run(scene) {
      for (let i = 0; i < 3; i++) await gets('/close', 'closing')(scene);
      await goesOn(scene);
    },
  },
  {
    name: 'slow reader',
    promise: 'the complete large body, at the pace of its reader',
    async run(scene) {
      const parts = scene.full ? 256 : 32;
      const answered = await scene.lane.ask({ path: `/large/${parts}` });
      const chunks: Uint8Array[] = [];
      for await (const chunk of answered.body) {
        if (chunks.push(chunk) % 8 === 0) await sleep(1);
      }
      assert.equal(sha(Buffer.concat(chunks)), largeSha(parts));
    },
  },
  {
    name: 'abort',
    promise: 'a download ends at once; the next call succeeds',
    async run(scene) {
      const caller = new AbortController();
      const { body } = await scene.lane.ask({ path: '/large/4096', signal: caller.signal });
      await assert.rejects(async () => {
        for await (const _chunk of body) caller.abort();
      });
      await goesOn(scene);
    },
  },
  {
    name: '413',
    promise: 'the answer arrives although the body was refused; the next call succeeds',
    async run(scene) {
      const body = new Uint8Array(LIMITED_BYTES_MAX * 4);
      const { answered } = await ask(scene, { method: 'POST', path: '/limited', body });
      assert.equal(answered.status, 413);
      await goesOn(scene);
    },
  },
  {
    name: '431',
    promise: 'a head that is too large for the server gets an answer or an error; the next call succeeds',
    async run(scene) {
      const headers = { 'x-large': 'x'.repeat(100_000) };
      const status = await ask(scene, { path: '/name/x', headers }).then(
        ({ answered }) => answered.status,
        (error: unknown) => error,
      );
      if (!(status instanceof Error)) assert(HEAD_TOO_LARGE.has(status as number), `status ${status}`);
      await goesOn(scene);
    },
  },
  {
    name: 'redirect',
    promise: 'followed if the way follows redirects, otherwise returned',
    async run(scene) {
      const { answered, text } = await ask(scene, { path: '/moved' });
      if (scene.way.follows) return assert.deepEqual([answered.status, text], [200, 'there']);
      assert.deepEqual([answered.status, text], [302, 'moved']);
      assert.match(answered.header('location') ?? '', /\/name\/there$/);
    },
  },
];
