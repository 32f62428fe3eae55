/** What is compressed and what is not, and what happens when a peer does not take it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import type { BodyProducer, Call, CallBody } from '../../src/core/call.ts';
import { NetError } from '../../src/core/error.ts';
import { Fields } from '../../src/core/fields.ts';
import { originOf } from '../../src/core/origin.ts';
import { COMPRESS_DEFAULTS, type CompressOptions, compress } from '../../src/policies/compress.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { aCall, type Line, scripted } from '../../src/testing/scripted-engine.ts';
import { HandSource } from './a-source.ts';

const ORIGIN = 'https://api.example.com';
const DECODERS = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync };

async function bytesOf(body: CallBody): Promise<Buffer> {
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body as string);
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.open()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What the peer makes of a call. */
async function received({ headers, body }: Call): Promise<{ coding: string | undefined; bytes: Buffer; sent: number }> {
  const coding = headers.get('content-encoding');
  const bytes = await bytesOf(body ?? '');
  const decode = DECODERS[coding as keyof typeof DECODERS] ?? ((raw: Buffer) => raw);
  return { coding, bytes: decode(bytes), sent: bytes.length };
}

function aPress(line: (call: Call, index: number) => Line = () => 200, options: Partial<CompressOptions> = {}) {
  const clock = new FakeClock();
  const facts: number[] = [];
  const engine = scripted(line, clock);
  const policy = compress(
    { ...COMPRESS_DEFAULTS, origins: [ORIGIN], ...options },
    { clock, observer: { compressionRefused: ({ status }) => facts.push(status) } },
  );
  const send = policy(engine);
  const post = (about: Partial<Call> = {}) =>
    send(aCall({ method: 'POST', body: TEXT, traits: { idempotent: false }, ...about }));
  const codings = () => engine.calls.map(({ headers }) => headers.get('content-encoding'));
  return { clock, engine, policy, send, post, facts, codings };
}

const TEXT = 'compress me '.repeat(100);

function producer(chunks: readonly string[], about: Partial<BodyProducer> = {}): BodyProducer {
  return {
    bytes: undefined,
    repeatable: true,
    async *open() {
      for (const chunk of chunks) yield Buffer.from(chunk);
    },
    ...about,
  };
}

describe('a body that is compressed', () => {
  it('is what the caller gave, in each coding, from text and from bytes, small and large', async () => {
    const body = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 3_000 }).map((text) => text.repeat(40)),
      fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.concat(Array<Uint8Array>(9).fill(bytes))),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('gzip', 'br', 'zstd'), body, async (coding, given) => {
        const { post, engine } = aPress(() => 200, { coding });
        await post({ body: given });
        const { coding: named, bytes, sent } = await received(engine.calls[0]!);
        assert(bytes.equals(Buffer.from(given as string)));
        assert.equal(named === undefined, sent === bytes.length, 'named if and only if it was encoded');
        assert(sent <= bytes.length, 'it never gets larger');
      }),
      { numRuns: 150 },
    );
  });

  it('has its coding named, once, and the length the caller set taken out', async () => {
    const { post, engine } = aPress();
    const headers = Fields.of({ 'Content-Length': '1200', 'content-type': 'text/plain' });
    await post({ headers });
    await post({ headers });
    assert.deepEqual(engine.calls[0]!.headers.list, [
      ['content-type', 'text/plain'],
      ['content-encoding', 'gzip'],
    ]);
    assert.equal(engine.calls[0]!.headers, engine.calls[1]!.headers, 'the same fields, for the engine to remember');
    assert.equal(headers.get('content-length'), '1200', 'a call is read-only');
  });

  it('is sent synchronously when it is small', () => {
    const { post, engine, policy } = aPress();
    void post();
    assert.equal(engine.calls.length, 1);
    const { bodies, bytesBefore, bytesAfter } = policy.snapshot();
    assert.deepEqual([bodies, bytesBefore], [1, 1_200]);
    assert(bytesAfter > 0 && bytesAfter < 100);
  });

  it('as a stream is encoded as it is produced, when that is asked for', async () => {
    const { post, engine } = aPress(() => 200, { streams: true });
    await post({ body: producer([TEXT, TEXT]) });
    const { coding, bytes } = await received(engine.calls[0]!);
    assert.deepEqual([coding, bytes.toString()], ['gzip', TEXT + TEXT]);
    const { body } = engine.calls[0]!;
    assert.equal((body as BodyProducer).bytes, undefined);
    assert.equal((await bytesOf(body!)).length, (await bytesOf(body!)).length, 'it can be opened again');
  });

  it('as a stream fails as its producer does, and ends its producer when nobody reads on', async () => {
    const { post, engine } = aPress(() => 200, { streams: true });
    const broken = async function* () {
      yield Buffer.from(TEXT);
      throw new Error('the file is gone');
    };
    await post({ body: producer([], { open: broken }) });
    await assert.rejects(received(engine.calls[0]!), /the file is gone/);
    let ended = false;
    const endless = async function* () {
      try {
        for (let i = 0; ; i++) yield Buffer.from(`${Math.sin(i)}`.repeat(1_000));
      } finally {
        ended = true;
      }
    };
    await post({ body: producer([], { open: endless }) });
    for await (const _ of (engine.calls[1]!.body as BodyProducer).open()) break;
    for (let turns = 0; turns < 100 && !ended; turns++) await new Promise(setImmediate);
    assert(ended);
  });
});

describe('a body is left alone', () => {
  const untouched = async (about: Partial<Call>, options: Partial<CompressOptions> = {}) => {
    const { post, engine } = aPress(() => 200, options);
    await post(about);
    const [call] = engine.calls;
    assert.equal(call!.body, 'body' in about ? about.body : TEXT);
    assert.equal(call!.headers, about.headers ?? Fields.none);
  };

  it('when it is smaller than bytesMin, to the byte', async () => {
    await untouched({ body: 'x'.repeat(1_023) });
    await untouched({ body: Buffer.alloc(1_023) });
    await untouched({ body: undefined });
    const { post, codings } = aPress();
    await post({ body: 'x'.repeat(1_024) });
    await post({ body: 'ä'.repeat(512) });
    assert.deepEqual(codings(), ['gzip', 'gzip']);
  });

  it('when its origin was not asked for', async () => {
    await untouched({}, { origins: [] });
    await untouched({ origin: originOf(new URL('https://other.example.com')) });
    const { post, codings } = aPress(() => 200, { origins: 'all' });
    await post({ origin: originOf(new URL('https://other.example.com')) });
    assert.deepEqual(codings(), ['gzip']);
  });

  it('when its caller encoded it, or its fields vouch for its bytes', async () => {
    for (const name of ['Content-Encoding', 'content-digest', 'Digest', 'content-md5', 'content-range', 'Signature']) {
      await untouched({ headers: Fields.of({ [name]: 'x' }) });
    }
  });

  it('when it would not get smaller', async () => {
    let state = 1;
    const noise = Buffer.from(
      Array.from({ length: 2_000 }, () => ((state = (state * 48_271) % 2_147_483_647) >> 8) & 255),
    );
    await untouched({ body: noise });
  });

  it('when it is a stream, unless that is asked for, or is known to be short', async () => {
    await untouched({ body: producer([TEXT]) });
    await untouched({ body: producer(['x'], { bytes: 1 }) }, { streams: true });
  });
});

describe('a peer that does not take it', () => {
  it('gets the body once more as it was after 415, and so do all others for an hour', async () => {
    const { post, codings, facts, policy, clock } = aPress(({ headers }) =>
      headers.has('content-encoding') ? 415 : 200,
    );
    assert.equal((await post()).status, 200);
    assert.deepEqual([codings(), facts, policy.snapshot().refusing], [['gzip', undefined], [415], [ORIGIN]]);
    await post();
    assert.equal(codings().length, 3);
    clock.advance(3_600_000);
    await post();
    assert.deepEqual(codings().slice(2), [undefined, 'gzip', undefined]);
  });

  it('has its refusal read to the end, so that its connection serves again', async () => {
    const body = new HandSource();
    const { post } = aPress(({ headers }) => (headers.has('content-encoding') ? { status: 415, body } : 200));
    assert.equal((await post()).status, 200);
    assert.deepEqual([body.started, body.cancelled], [true, undefined]);
  });

  it('is believed when it says which codings it takes', async () => {
    const says = (taken: string) => aPress(() => ({ status: 415, headers: { 'accept-encoding': taken } }));
    for (const taken of ['identity', '', 'br, gzip;q=0', 'zstd']) {
      const { post, facts, codings } = says(taken);
      assert.equal((await post()).status, 415);
      assert.deepEqual([facts, codings().length], [[415], 2], taken);
    }
    for (const taken of ['gzip', 'br, GZIP;q=0.5']) {
      const { post, facts, codings } = says(taken);
      assert.equal((await post()).status, 415);
      assert.deepEqual([facts, codings().length], [[], 1], `${taken}: something else was refused`);
    }
  });

  it('is not taken for one when it refuses the body as it was as well', async () => {
    const { post, facts, codings } = aPress(() => 415);
    assert.equal((await post()).status, 415);
    await post();
    assert.deepEqual([facts, codings()], [[], ['gzip', undefined, 'gzip', undefined]]);
  });

  it('may say so with 501, or with 400 when the call may be repeated and compression was never taken', async () => {
    const line =
      (status: number) =>
      ({ headers }: Call) =>
        headers.has('content-encoding') ? status : 200;
    const once = async (status: number, idempotent: boolean) => {
      const { post } = aPress(line(status));
      return (await post({ traits: { idempotent } })).status;
    };
    assert.deepEqual([await once(501, false), await once(400, true), await once(400, false)], [200, 200, 400]);
    const lines = [200, 400];
    const { post, codings } = aPress((_, index) => lines[index] ?? 200);
    await post({ traits: { idempotent: true } });
    assert.equal((await post({ traits: { idempotent: true } })).status, 400, 'it takes it; this is about the call');
    assert.equal(codings().length, 2);
  });

  it('does not get a stream again that cannot be, but the next as it is', async () => {
    const { post, codings, engine } = aPress(() => 415, { streams: true });
    await post({ body: producer([TEXT], { repeatable: false }) });
    assert.equal(engine.calls.length, 1);
    await post();
    assert.deepEqual(codings(), ['gzip', undefined]);
  });

  it('is remembered for a bounded number of origins', async () => {
    const { post, policy } = aPress(({ headers }) => (headers.has('content-encoding') ? 415 : 200), { origins: 'all' });
    for (let i = 0; i < 1_010; i++) await post({ origin: originOf(new URL(`https://${i}.example.com`)) });
    const { refusing } = policy.snapshot();
    assert.deepEqual([refusing.length, refusing[0]], [1_000, 'https://10.example.com']);
  });
});

describe('a large body, which is encoded beside the event loop,', () => {
  const large = 'compress me '.repeat(200_000);

  it('is waited for, and sent once', async () => {
    const { post, engine } = aPress();
    const reply = post({ body: large });
    assert.equal(engine.calls.length, 0);
    await reply;
    assert.equal((await received(engine.calls[0]!)).bytes.toString(), large);
  });

  it('is not waited for when its caller aborts, before or meanwhile, or its time is up', async () => {
    const { post, engine, clock } = aPress();
    const fails = async (reply: Promise<unknown>, code: string) =>
      assert.rejects(reply, (error) => {
        assert(error instanceof NetError);
        assert.deepEqual([error.code, error.reach], [code, 'unsent']);
        return true;
      });
    await fails(post({ body: large, signal: AbortSignal.abort() }), 'ABORTED');
    const caller = new AbortController();
    const aborted = post({ body: large, signal: caller.signal });
    caller.abort();
    await fails(aborted, 'ABORTED');
    const late = post({ body: large, deadlineAt: 5 });
    clock.advance(8);
    await fails(late, 'DEADLINE');
    await post({ body: large });
    assert.deepEqual([engine.calls.length, clock.sleeping], [1, 0]);
  });
});
