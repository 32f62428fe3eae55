import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { collect, collectFor, parseJson, streamOf, textOf, wasRead } from '../../src/core/body.ts';
import { bytesOf, ScriptedBody, truncated } from './a-body.ts';

const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function all(stream: ReadableStream<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of stream) parts.push(chunk);
  return Buffer.concat(parts).toString('latin1');
}

describe('collecting a body', () => {
  it('gives every byte in order, whatever length was announced', async () => {
    const sizes = fc.array(fc.nat(50_000), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: -1, max: 60_000 }), async (lengths, announced) => {
        const body = new ScriptedBody(announced);
        const [bytes, again] = [collect(body), new ScriptedBody(announced)];
        const text = collectFor(again, (whole) => whole.toString('latin1'));
        const parts = lengths.map((length, i) => String.fromCharCode(97 + i).repeat(length));
        for (const part of parts) {
          body.data(part);
          again.data(part);
        }
        body.end();
        again.end();
        assert.equal(Buffer.from(await bytes).toString('latin1'), parts.join(''));
        assert.equal(await text, parts.join(''));
      }),
      { numRuns: 60 },
    );
  });

  it('gives what was collected to its one owner: the next body does not write over it', async () => {
    const bodies = [new ScriptedBody(3), new ScriptedBody(3)];
    const collected = bodies.map((body) => collect(body));
    for (const [i, body] of bodies.entries()) body.data(`${i}${i}${i}`);
    for (const body of bodies) body.end();
    assert.deepEqual((await Promise.all(collected)).map(textOf), ['000', '111']);
  });

  it('keeps bodies apart that arrive at the same time', async () => {
    const bodies = Array.from({ length: 5 }, () => new ScriptedBody());
    const texts = bodies.map((body) => collectFor(body, textOf));
    for (let round = 0; round < 3; round++) for (const [i, body] of bodies.entries()) body.data(`${i}`.repeat(9_000));
    for (const body of bodies) body.end();
    assert.deepEqual(
      await Promise.all(texts),
      bodies.map((_, i) => `${i}`.repeat(27_000)),
    );
  });

  it('takes no memory a peer merely announces', async () => {
    const body = new ScriptedBody(2 ** 40);
    const bytes = collect(body);
    body.data('x');
    body.end();
    assert.ok((await bytes).buffer.byteLength <= 2 ** 20);
  });

  it('fails as the body fails, and with what its user throws', async () => {
    const body = new ScriptedBody();
    const bytes = collect(body);
    body.data('half');
    body.fail();
    await assert.rejects(bytes, truncated);
    const other = new ScriptedBody();
    const parsed = collectFor(other, parseJson);
    other.data('{');
    other.end();
    await assert.rejects(parsed, { code: 'DECODE', reach: 'answered' });
  });
});

describe('a body as a stream', () => {
  it('starts the body when somebody reads, once', async () => {
    const body = new ScriptedBody();
    body.onStart = () => {
      body.data('ab');
      body.data('cd');
      body.end();
    };
    assert.equal(await all(streamOf(body)), 'abcd');
    assert.equal(body.starts, 1);
  });

  it('says stop when its reader is behind, and go on when it has caught up', async () => {
    const body = new ScriptedBody();
    const reader = streamOf(body).getReader();
    await settle();
    const chunk = 'x'.repeat(16 * 1024);
    const answers = Array.from({ length: 5 }, () => body.data(chunk));
    assert.deepEqual(answers, [true, true, true, false, false]);
    const resumed = body.resumes;
    for (let i = 0; i < 5; i++) assert.equal((await reader.read()).value?.length, chunk.length);
    await settle();
    assert.ok(body.resumes > resumed, 'the connection reads on');
    assert.equal(body.data(chunk), true);
  });

  it('gives the connection up when it is cancelled, with the reason, and takes no more', async () => {
    const body = new ScriptedBody();
    const stream = streamOf(body);
    await settle();
    body.data('ab');
    await stream.cancel('enough');
    assert.deepEqual(body.cancelled, ['enough']);
    assert.equal(body.data('late'), false);
    body.end();
    body.fail();
    await settle();
  });

  it('gives the connection up when nobody ever read from it', async () => {
    const body = new ScriptedBody();
    await streamOf(body).cancel('not wanted');
    assert.deepEqual(body.cancelled, ['not wanted']);
  });

  it('shows what came before a body was cut off, then its failure', async () => {
    const body = new ScriptedBody();
    const reader = streamOf(body).getReader();
    await settle();
    body.data('half');
    assert.equal(textOf((await reader.read()).value!), 'half');
    const rest = reader.read();
    body.fail();
    await assert.rejects(rest, truncated);
    await assert.rejects(reader.closed, truncated);
  });

  it('lets a caller say what a reader sees of a failure', async () => {
    const body = new ScriptedBody();
    const reader = streamOf(body, (error) => new TypeError('terminated', { cause: error })).getReader();
    await settle();
    body.fail();
    await assert.rejects(reader.read(), { name: 'TypeError', cause: truncated });
    await assert.rejects(reader.closed, { name: 'TypeError' });
  });

  it('serves a reader that brings its own buffer, of arriving and of whole bodies', async () => {
    const body = new ScriptedBody();
    const whole = streamOf(bytesOf('abcdef'));
    for (const [stream, arriving] of [
      [streamOf(body), body],
      [whole, undefined],
    ] as const) {
      const reader = stream.getReader({ mode: 'byob' });
      const first = reader.read(new Uint8Array(4));
      await settle();
      arriving?.data('abcdef');
      assert.equal(textOf((await first).value!), 'abcd');
      assert.equal(textOf((await reader.read(new Uint8Array(4))).value!), 'ef');
      const last = reader.read(new Uint8Array(4));
      await settle();
      arriving?.end();
      const { done, value } = await last;
      assert.deepEqual([done, value?.length], [true, 0]);
    }
  });

  it('fails for a reader whose buffer holds wider elements than bytes are left, and harms no one else', async () => {
    const body = new ScriptedBody();
    const reader = streamOf(body).getReader({ mode: 'byob' });
    const read = reader.read(new Uint16Array(2));
    reader.closed.catch((error: unknown) => assert.ok(error instanceof TypeError));
    await settle();
    body.data('a');
    body.end(); // the connection must not hear of it
    await assert.rejects(read, TypeError);
  });

  it('hands out copies of a whole body, which stays what it was', async () => {
    const bytes = bytesOf('abc');
    const reader = streamOf(bytes).getReader();
    const { value } = await reader.read();
    value!.fill(0);
    structuredClone(value, { transfer: [value!.buffer as ArrayBuffer] });
    assert.equal(textOf(bytes), 'abc');
    assert.deepEqual(await reader.read(), { done: true, value: undefined });
  });

  it('ends at once for an empty body', async () => {
    assert.equal(await all(streamOf(new Uint8Array())), '');
    const body = new ScriptedBody(0);
    body.onStart = () => body.end();
    assert.equal(await all(streamOf(body)), '');
  });

  it('tells whether somebody has read from it', async () => {
    const stream = streamOf(bytesOf('abc'));
    assert.equal(wasRead(stream), false);
    await all(stream);
    assert.equal(wasRead(stream), true);
  });
});

describe('bytes as text', () => {
  it('leave one byte order mark out, at the very beginning only', () => {
    assert.equal(textOf(bytesOf('\ufeffa\ufeff')), 'a\ufeff');
    assert.equal(textOf(bytesOf('\ufeff\ufeffa')), '\ufeffa');
    assert.equal(textOf(bytesOf('\ufeff')), '');
    assert.equal(textOf(new Uint8Array([0xef, 0xbb])), '\ufffd');
  });

  it('are the same as a TextDecoder makes of them, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        assert.equal(textOf(bytes), new TextDecoder().decode(bytes));
      }),
      { numRuns: 2_000 },
    );
  });

  it('may be a part of a larger buffer', () => {
    assert.equal(textOf(bytesOf('xxabcxx').subarray(2, 5)), 'abc');
  });
});

describe('bytes as JSON', () => {
  it('may begin with a byte order mark', () => {
    assert.deepEqual(parseJson(bytesOf('\ufeff{"a":1}')), { a: 1 });
  });

  it('are refused with DECODE when they are none, or none are there', () => {
    assert.throws(() => parseJson(bytesOf('{')), { code: 'DECODE', reach: 'answered', phase: 'body' });
    assert.throws(() => parseJson(bytesOf('')), { code: 'DECODE', message: /empty/ });
  });
});
