/** Bodies that undici's fetch shows as generators: those there at once go out as bytes, the others as they come. */
import assert from 'node:assert/strict';
import type { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import * as undici from 'undici';
import { gather } from '../../src/interop/undici/gather.ts';
import { answer, byConnection, inOrder, type Step, send } from '../../src/testing/faulty-steps.ts';
import { leavesNothing, until } from '../engine/setup.ts';
import { aDispatcher, thrownBy } from './undici-setup.ts';

leavesNothing();

const echo: Step = async (request, connection) => answer(await request.body)(request, connection);
const ANNOUNCED = 8;

type Part = { readonly chunk: string; readonly turns: number };

async function* slowly(parts: readonly Part[], log: string[]): AsyncGenerator<Uint8Array> {
  try {
    for (const { chunk, turns } of parts) {
      for (let i = 0; i < turns; i++) await turn();
      yield Buffer.from(chunk);
    }
    log.push('read');
  } finally {
    log.push('closed');
  }
}

/** undici takes generators, and its types do not say so. */
const given = (body: AsyncGenerator<Uint8Array>): Readable => body as unknown as Readable;

/** What a body is gathered to: bytes, or what is left to read of it. */
const gathered = (source: AsyncIterable<unknown>): Promise<Uint8Array | AsyncIterator<unknown>> =>
  new Promise((resolve) => gather(source, ANNOUNCED, (task) => setImmediate(task), resolve));

describe('a body that is gathered', () => {
  it('is whole exactly when one chunk of the length announced is there at once, and loses nothing', async () => {
    const part = fc.record({ chunk: fc.string({ minLength: 1, maxLength: 9 }), turns: fc.nat(2) });
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (parts) => {
        const all = Buffer.from(parts.map(({ chunk }) => chunk).join(''));
        const body = await gathered(slowly(parts, []));
        const [first] = parts;
        const atOnce = parts.length === 1 && first!.turns === 0 && all.length === ANNOUNCED;
        assert.equal(body instanceof Uint8Array, atOnce);
        const read: unknown[] = [];
        if (body instanceof Uint8Array) read.push(body);
        else for (let next = await body.next(); next.done !== true; next = await body.next()) read.push(next.value);
        assert(Buffer.concat(read as Uint8Array[]).equals(all));
      }),
      { numRuns: 200 },
    );
  });

  it('fails where it failed, however early it was read', async () => {
    async function* failing(parts: readonly string[]): AsyncGenerator<Uint8Array> {
      for (const part of parts) yield Buffer.from(part);
      throw new Error('out of ink');
    }
    for (const parts of [[], ['12345678'], ['1234']]) {
      const body = await gathered(failing(parts));
      assert(!(body instanceof Uint8Array));
      for (const part of parts) assert.equal(String((await body.next()).value), part);
      await assert.rejects(body.next(), /out of ink/);
    }
  });
});

describe('fetch over the dispatcher', () => {
  it('sends the body of a string with its head, and one that is a stream as it comes', async (t) => {
    const arrived: string[] = [];
    const { server, dispatcher } = await aDispatcher(t, echo);
    const text = 'x'.repeat(300_000);
    for (const body of ['{"a":1}', text, Buffer.from('bytes'), new Blob(['of a blob']), new URLSearchParams('a=b')]) {
      const before = server.requests.length;
      const response = await undici.fetch(server.origin, { method: 'POST', body, dispatcher });
      arrived.push(await response.text());
      const { head } = server.requests[before]!;
      assert.match(head, /^content-length: \d+\r$/m);
      assert.doesNotMatch(head, /^transfer-encoding/im);
    }
    assert.deepEqual(arrived, ['{"a":1}', text, 'bytes', 'of a blob', 'a=b']);
    async function* stream(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('one, ');
      await turn();
      yield Buffer.from('two');
    }
    const body = stream() as unknown as ReadableStream;
    const streamed = await undici.fetch(server.origin, { method: 'POST', body, duplex: 'half', dispatcher });
    assert.equal(await streamed.text(), 'one, two');
    assert.match(server.requests.at(-1)!.head, /^transfer-encoding: chunked\r$/im);
  });

  it('may send it again where the call may be, when its connection died under it', async (t) => {
    const dying: Step = inOrder(echo, async (request, connection) => {
      await request.body;
      connection.reset();
    });
    const { server, dispatcher } = await aDispatcher(t, byConnection(dying, echo));
    const put = (): Promise<undici.Response> =>
      undici.fetch(server.origin, { method: 'PUT', body: 'put twice, once', dispatcher });
    assert.equal(await (await put()).text(), 'put twice, once');
    assert.equal(await (await put()).text(), 'put twice, once');
    assert.equal(server.accepted, 2);
  });

  it('says so when a generator does not keep to its length, and closes what it gives up', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, send(''));
    const headers = { 'content-length': String(ANNOUNCED) };
    for (const chunk of ['1234', '123456789']) {
      const log: string[] = [];
      const body = given(slowly([{ chunk, turns: 0 }], log));
      const failure = await thrownBy(undici.request(server.origin, { method: 'POST', body, headers, dispatcher }));
      assert.equal(failure.code, 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH');
      await until(() => log.includes('closed'), 'the generator was told');
    }
    const log: string[] = [];
    const aborting = new AbortController();
    const parts = [{ chunk: '1234', turns: 0 }, ...Array.from({ length: 50 }, () => ({ chunk: '5', turns: 2 }))];
    const options = { method: 'POST', body: given(slowly(parts, log)), headers, dispatcher } as const;
    const aborted = thrownBy(undici.request(server.origin, { ...options, signal: aborting.signal }));
    aborting.abort();
    assert.equal((await aborted).name, 'AbortError');
    await until(() => log.includes('closed'), 'the generator was told');
    assert(!log.includes('read'));
  });
});
