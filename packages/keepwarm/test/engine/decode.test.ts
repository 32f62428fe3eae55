/** Content codings: decoded when sound, refused when broken or a bomb, handed through when unknown. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { answer, chunk, replyBytes, type Step, send } from '../../src/testing/faulty-steps.ts';
import { aPair, type Expected, fails, leavesNothing, quiet, until } from './setup.ts';

leavesNothing();

const MIB = 1024 * 1024;
const TEXT = JSON.stringify(Array.from({ length: 200 }, (_, i) => ({ id: i, name: `number ${i}` })));
const quickly = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

type Encode = (bytes: Uint8Array | string) => Buffer;
const CODINGS: Record<string, readonly [field: string, encode: Encode]> = {
  gzip: ['gzip', (bytes) => gzipSync(bytes)],
  'x-gzip': ['x-gzip', (bytes) => gzipSync(bytes)],
  'deflate with zlib wrapper': ['deflate', (bytes) => deflateSync(bytes)],
  'deflate without it': ['deflate', (bytes) => deflateRawSync(bytes)],
  br: ['br', (bytes) => brotliCompressSync(bytes, quickly)],
  zstd: ['zstd', (bytes) => zstdCompressSync(bytes)],
  'GZIP in capitals': ['GZIP', (bytes) => gzipSync(bytes)],
};
/** Large enough, and random enough, to be streamed. */
const LARGE = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i * 31 + (i >> 3)) & 0xff));

const encodedAs = (coding: string) => ({ headers: { 'Content-Encoding': coding } });
/** The same body in two halves, so that the client cannot have it whole. */
const halves =
  (body: Buffer, coding: string): Step =>
  async (_request, connection) => {
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: ${coding}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    await connection.send(head);
    await connection.send(chunk(body.subarray(0, body.length >> 1)));
    await connection.wait(10);
    await connection.send(chunk(body.subarray(body.length >> 1)));
    await connection.send('0\r\n\r\n');
  };
const ways: Record<string, (body: Buffer, coding: string) => Step> = {
  whole: (body, coding) => answer(body, encodedAs(coding)),
  streamed: halves,
};

describe('a reply in', () => {
  for (const [name, [field, encode]] of Object.entries(CODINGS)) {
    for (const [way, script] of Object.entries(ways)) {
      it(`${name}, ${way}, is decoded, and its connection used again`, async (t) => {
        const { client, server } = await aPair(t, script(encode(TEXT), field));
        const reply = await client.get('/');
        assert.equal(reply.headers.get('content-encoding'), undefined, 'what is decoded does not say it is encoded');
        assert.equal(await reply.text(), TEXT);
        assert.equal(await client.get('/').text(), TEXT);
        assert.equal(server.accepted, 1);
        const { encodedBytes, decodedBytes } = client.stats().compression;
        assert.deepEqual([encodedBytes, decodedBytes], [2 * encode(TEXT).length, 2 * TEXT.length]);
      });
    }
    it(`${name} and large is decoded byte for byte`, async (t) => {
      const { client } = await aPair(t, answer(encode(LARGE), encodedAs(field)));
      assert(LARGE.equals(await client.get('/').bytes()));
    });
  }

  it('several codings is undone from the last to the first', async (t) => {
    const { client } = await aPair(t, answer(brotliCompressSync(gzipSync(TEXT)), encodedAs('gzip, br')));
    assert.equal(await client.get('/').text(), TEXT);
  });

  it('several codings in several fields likewise', async (t) => {
    const body = zstdCompressSync(deflateSync(gzipSync(LARGE)));
    const head = 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\ncontent-encoding: deflate, zstd\r\n';
    const { client } = await aPair(
      t,
      send(Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body])),
    );
    assert(LARGE.equals(await client.get('/').bytes()));
  });

  it('a coding nobody knows is handed through as it came', async (t) => {
    const { client } = await aPair(t, answer('???', encodedAs('secret')));
    const reply = await client.get('/');
    assert.equal(reply.headers.get('content-encoding'), 'secret');
    assert.equal(await reply.text(), '???');
  });

  it('a known coding below an unknown one is handed through as it came', async (t) => {
    const body = gzipSync('a');
    const { client } = await aPair(t, answer(body, encodedAs('secret, gzip')));
    assert(body.equals(await client.get('/').bytes()));
  });

  it('identity is left alone', async (t) => {
    const { client } = await aPair(t, answer('plain', encodedAs('identity')));
    assert.equal(await client.get('/').text(), 'plain');
  });

  it('any coding stays encoded when decoding is switched off', async (t) => {
    const body = gzipSync(TEXT);
    const { client, server } = await aPair(t, answer(body, encodedAs('gzip')), { decompress: false });
    assert(body.equals(await client.get('/').bytes()));
    assert.equal(server.requests[0]?.headers['accept-encoding'], undefined);
  });

  it('gzip with an error status is decoded too, and told', async (t) => {
    const page = JSON.stringify({ error: 'down for maintenance' });
    const { client } = await aPair(t, answer(gzipSync(page), { ...encodedAs('gzip'), status: 503 }));
    assert.deepEqual(JSON.parse(await (await client.get('/')).text()), { error: 'down for maintenance' });
    const error = await fails(client.get('/').json(), { code: 'STATUS', reach: 'answered' });
    assert.equal(error.status, 503);
    assert.equal(error.answer?.text, page);
  });

  it('gzip without any byte of it is empty', async (t) => {
    const { client } = await aPair(t, answer('', encodedAs('gzip')));
    assert.equal(await client.get('/').text(), '');
  });

  it('gzip to a HEAD has nothing to decode', async (t) => {
    const { client } = await aPair(t, send('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 99\r\n\r\n'));
    assert.equal((await client.head('/')).headers.get('content-encoding'), 'gzip');
  });
});

const DECODE = { code: 'DECODE', reach: 'answered', phase: 'body' } as const;

describe('a reply that is not what its coding says', () => {
  const broken: Record<string, readonly [field: string, body: Buffer]> = {
    'truncated gzip': ['gzip', gzipSync(LARGE).subarray(0, -300)],
    'gzip cut in its trailer': ['gzip', gzipSync(TEXT).subarray(0, -4)],
    'gzip with a wrong checksum': ['gzip', corrupted(gzipSync(TEXT), -6)],
    'corrupt br': ['br', corrupted(brotliCompressSync(TEXT), 9)],
    'truncated br': ['br', brotliCompressSync(TEXT).subarray(0, -9)],
    'corrupt zstd': ['zstd', corrupted(zstdCompressSync(TEXT), 30)],
    'truncated zstd': ['zstd', zstdCompressSync(TEXT).subarray(0, -9)],
    'truncated deflate': ['deflate', deflateSync(TEXT).subarray(0, -9)],
    'text that says gzip': ['gzip', Buffer.from('not compressed at all')],
    'gzip that says br': ['br', gzipSync(TEXT)],
  };
  for (const [what, [field, body]] of Object.entries(broken)) {
    for (const [way, script] of Object.entries(ways)) {
      it(`(${what}, ${way}) fails with DECODE, and the next call is fine`, async (t) => {
        const bad = script(body, field);
        const { client } = await aPair(t, (request, connection) =>
          (request.path === '/bad' ? bad : answer('ok'))(request, connection),
        );
        await fails(client.get('/bad').bytes(), DECODE);
        await quiet(client);
        assert.equal(await client.get('/').text(), 'ok');
      });
    }
  }
});

function corrupted(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const place = at < 0 ? copy.length + at : at;
  copy.fill(copy[place]! ^ 0xff, place, place + 4);
  return copy;
}

const tooMuch = (name: string, value: number): Expected => ({
  code: 'LIMIT',
  reach: 'answered',
  phase: 'body',
  limit: name,
  value,
});

describe('a bomb', () => {
  const zeros = Buffer.alloc(32 * MIB);
  const bombs: Record<string, readonly [field: string, body: Buffer]> = {
    gzip: ['gzip', gzipSync(zeros)],
    deflate: ['deflate', deflateRawSync(zeros)],
    br: ['br', brotliCompressSync(zeros, quickly)],
    zstd: ['zstd', zstdCompressSync(zeros)],
    'gzip in gzip': ['gzip, gzip', gzipSync(gzipSync(zeros))],
    'gzip in br': ['gzip, br', brotliCompressSync(gzipSync(zeros))],
  };
  for (const [what, [field, body]] of Object.entries(bombs)) {
    for (const [way, script] of Object.entries(ways)) {
      it(`of ${what}, ${way}, stops at 200 times its size`, async (t) => {
        const { client } = await aPair(t, script(body, field));
        await fails(client.get('/').bytes(), tooMuch('inflationMax', 200));
        await quiet(client);
      });

      it(`of ${what}, ${way}, stops at bodyBytesMax whatever the ratio`, async (t) => {
        const limits = { bodyBytesMax: 4 * MIB, inflationMax: 1e9 };
        const { client } = await aPair(t, script(body, field), { limits });
        await fails(client.get('/').bytes(), tooMuch('bodyBytesMax', 4 * MIB));
        await quiet(client);
      });
    }
  }

  it('read as a stream brings a bounded part and then the error', async (t) => {
    const { client } = await aPair(t, answer(gzipSync(zeros), encodedAs('gzip')));
    let bytes = 0;
    const reading = (async () => {
      for await (const part of await client.get('/').stream()) bytes += part.length;
    })();
    await fails(reading, tooMuch('inflationMax', 200));
    assert(bytes <= 200 * gzipSync(zeros).length + MIB, `${bytes} bytes`);
  });

  it('that inflates within a megabyte is let be: small bodies of one letter are honest', async (t) => {
    const { client } = await aPair(t, answer(gzipSync(Buffer.alloc(MIB)), encodedAs('gzip')));
    assert.equal((await client.get('/').bytes()).length, MIB);
  });

  it('of codings is refused: nobody honest uses six', async (t) => {
    let body: Buffer = Buffer.from('a');
    for (let i = 0; i < 6; i++) body = gzipSync(body);
    for (const script of Object.values(ways)) {
      const { client } = await aPair(t, script(body, Array(6).fill('gzip').join(', ')));
      await fails(client.get('/').bytes(), { code: 'LIMIT', reach: 'answered', phase: 'body', value: 5 });
      await quiet(client);
    }
  });

  it('of five codings, the most allowed, is decoded', async (t) => {
    let body: Buffer = Buffer.from('a');
    for (let i = 0; i < 5; i++) body = gzipSync(body);
    const { client } = await aPair(t, send(replyBytes(body, encodedAs(Array(5).fill('gzip').join(', ')))));
    assert.equal(await client.get('/').text(), 'a');
  });

  for (const [way, script] of Object.entries(ways)) {
    it(`that asks zstd for a window of 128 MiB, ${way}, is refused (RFC 9659 § 3 allows 8)`, async (t) => {
      // Magic number, a header without sizes, window 2^(10 + 17), one last raw block of five bytes (RFC 8878 § 3.1.1).
      const frame = Buffer.concat([Buffer.from('28b52ffd0088290000', 'hex'), Buffer.from('hello')]);
      const { client } = await aPair(t, script(frame, 'zstd'));
      await fails(client.get('/').bytes(), DECODE);
    });
  }
});

it('a coded body that is given up half way gives its connection up', async (t) => {
  const half = gzipSync(LARGE).subarray(0, 60_000);
  const { client } = await aPair(t, send('HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n', half));
  const unread = await client.get('/');
  unread.discard();
  await until(() => client.stats().sockets.open === 0, 'nobody has read any of it');
  const reader = (await client.get('/')).stream().getReader();
  assert((await reader.read()).value!.length > 0);
  await reader.cancel();
  await until(() => client.stats().sockets.open === 0, 'a part of it was read');
  await quiet(client);
  assert(client.stats().sockets.history.every(({ closeReason }) => closeReason === 'aborted'));
});

it('a coded body that ends without any byte of it is empty, also when its end comes later', async (t) => {
  const coded = 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n';
  const ends: (() => void)[] = [];
  const script: Step = async (_request, connection) => {
    await connection.send(coded);
    await new Promise<void>((resolve) => ends.push(resolve));
    await connection.send('0\r\n\r\n');
  };
  const { client } = await aPair(t, script);
  const text = (await client.get('/')).text();
  ends[0]!();
  assert.equal(await text, '');
  await quiet(client);
});
