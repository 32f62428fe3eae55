import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { textOf } from '../../src/core/body.ts';
import type { Client } from '../../src/index.ts';
import { replyBytes } from '../../src/testing/faulty-steps.ts';
import { aPair } from './setup.ts';

const BODIES: Readonly<Record<string, string | Uint8Array>> = {
  'a plain object': '{"a":1}',
  'text beyond ASCII': '{"a":"grün, 漢字, 🎈"}',
  'a byte order mark': '\ufeff{"a":1}',
  'a replacement character of its own': '{"a":"\ufffd"}',
  'what is not UTF-8': Buffer.from([0x22, 0xff, 0xc3, 0x22]),
  'a surrogate by itself': Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]),
  'a cut character at its end': Buffer.from([0x22, 0x61, 0xf0, 0x9f, 0x8e]),
  'a character that begins as a mark does': '\uf000{}',
  'no JSON at all': '<html>',
  nothing: '',
};

const LONG = 16 * 1024;

/** A client, and what it is answered with. */
async function anEcho(t: TestContext): Promise<{ client: Client; answer: { bytes: Buffer; type: string } }> {
  const answer = { bytes: Buffer.alloc(0), type: 'application/json' };
  const { client } = await aPair(t, (_request, connection) =>
    connection.send(replyBytes(answer.bytes, { headers: { 'content-type': answer.type } })),
  );
  return { client, answer };
}

async function check(client: Client, bytes: Buffer): Promise<void> {
  assert.deepEqual(Buffer.from(await client.get('/').bytes()), bytes);
  const text = textOf(bytes);
  assert.equal(await client.get('/').text(), text);
  const reply = await client.get('/');
  const taken = reply.take();
  if (taken instanceof Uint8Array) assert.deepEqual(Buffer.from(taken), bytes);
  else taken.cancel(new Error('seen enough'));
  const parsed = await client
    .get('/')
    .json()
    .then(
      (value) => ({ value }),
      (error: Error) => ({ message: error.message }),
    );
  if ('value' in parsed) assert.deepEqual(parsed.value, JSON.parse(text));
  else if (bytes.length > 0) assert.match(parsed.message, new RegExp(`of ${bytes.length} bytes`));
  else assert.match(parsed.message, /it is empty/);
}

describe('a small JSON body', () => {
  for (const [name, body] of Object.entries(BODIES)) {
    it(`comes back byte by byte, and as its text, with ${name}`, async (t) => {
      const { client, answer } = await anEcho(t);
      answer.bytes = Buffer.from(body);
      for (const type of ['application/json', 'Application/Problem+JSON; charset=utf-8', 'text/plain']) {
        answer.type = type;
        await check(client, answer.bytes);
      }
    });
  }

  it('comes back whatever its length, around the longest that is kept as text', async (t) => {
    const { client, answer } = await anEcho(t);
    for (const length of [LONG - 1, LONG, LONG + 1, 5 * LONG]) {
      answer.bytes = Buffer.from(JSON.stringify('x'.repeat(length - 2)));
      assert.equal(answer.bytes.length, length);
      await check(client, answer.bytes);
    }
  });

  it('comes back as it was sent, whatever the bytes', async (t) => {
    const { client, answer } = await anEcho(t);
    const text = fc.string({ unit: 'binary', maxLength: 40 }).map((each) => Buffer.from(each));
    const bytes = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each));
    await fc.assert(
      fc.asyncProperty(fc.oneof(text, bytes), async (body) => {
        answer.bytes = body;
        await check(client, body);
      }),
      { numRuns: 40 },
    );
  });
});
