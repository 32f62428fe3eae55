/** Bodies larger than memory should hold: who reads slowly slows the peer down, in both directions. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { answer, chunk, type Step } from '../../src/testing/faulty-steps.ts';
import { aPair, leavesNothing, quiet, stillWorks, until } from './setup.ts';

leavesNothing();

const MIB = 1024 * 1024;
const SIZE = 200 * MIB;
const PART = Buffer.alloc(MIB, 'keepwarm ');
const ROOM = { limits: { bodyBytesMax: 1024 * MIB, betweenBytesMs: 30_000 } };

/** Sends 200 MiB and counts what the system has taken of it. */
function flood(framing: 'length' | 'chunked') {
  const sent = { bytes: 0 };
  const script: Step = async (request, connection) => {
    if (request.path === '/good') return answer('ok')(request, connection);
    const field = framing === 'length' ? `Content-Length: ${SIZE}` : 'Transfer-Encoding: chunked';
    await connection.send(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n`);
    while (sent.bytes < SIZE && connection.open) {
      await connection.send(framing === 'length' ? PART : chunk(PART));
      sent.bytes += PART.length;
    }
    if (framing === 'chunked') await connection.send('0\r\n\r\n');
  };
  return { sent, script };
}

/** What the sockets' own buffers may hold, in and out, whatever we do. */
const SYSTEM_BUFFERS = 16 * MIB;

describe('a reply of 200 MiB', () => {
  for (const framing of ['length', 'chunked'] as const) {
    it(`(${framing}) stops the server while nobody reads, and arrives whole when somebody does`, async (t) => {
      const { sent, script } = flood(framing);
      const pair = await aPair(t, script, ROOM);
      const reply = await pair.client.get('/');
      await stalled(sent);
      assert(sent.bytes < SYSTEM_BUFFERS, `${sent.bytes} bytes were taken from the server`);
      await stillWorks(pair);

      const before = process.memoryUsage().rss;
      let most = 0;
      let bytes = 0;
      for await (const part of reply.stream()) {
        bytes += part.length;
        most = Math.max(most, process.memoryUsage.rss());
      }
      assert.equal(bytes, SIZE);
      assert(most - before < SIZE / 2, `${(most - before) / MIB} MiB more than before`);
      await quiet(pair.client);
      await stillWorks(pair);
    });
  }

  it('read for a while and then left alone stops the server again', async (t) => {
    const { sent, script } = flood('length');
    const { client } = await aPair(t, script, ROOM);
    const reader = (await client.get('/').stream()).getReader();
    let bytes = 0;
    while (bytes < 20 * MIB) bytes += (await reader.read()).value!.length;
    await stalled(sent);
    assert(sent.bytes < bytes + SYSTEM_BUFFERS, `${sent.bytes} sent, ${bytes} read`);
    await reader.cancel();
    await quiet(client);
    assert.equal(client.stats().sockets.open, 0);
  });

  it('may take longer than betweenBytesMs when it is the reader who takes the time', async (t) => {
    const { sent, script } = flood('length');
    const { client } = await aPair(t, script, { limits: { ...ROOM.limits, betweenBytesMs: 400 } });
    const reader = (await client.get('/').stream()).getReader();
    await reader.read();
    await stalled(sent);
    await sleep(800);
    assert.equal((await reader.read()).done, false);
    await reader.cancel();
  });
});

it('a reader that takes its time is waited for, though little has come meanwhile and the peer is silent', async (t) => {
  const gate = Promise.withResolvers<void>();
  const script: Step = async (_request, connection) => {
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 260000\r\n\r\n');
    await connection.send(Buffer.alloc(250_000, 'x'));
    await gate.promise;
    await connection.send(Buffer.alloc(10_000, 'x'));
  };
  const { client } = await aPair(t, script, { limits: { ...ROOM.limits, betweenBytesMs: 400 } });
  const reader = (await client.get('/').stream()).getReader();
  let bytes = (await reader.read()).value!.length;
  await sleep(900);
  gate.resolve();
  await sleep(20);
  for (let next = await reader.read(); next.done === false; next = await reader.read()) bytes += next.value.length;
  assert.equal(bytes, 260_000);
});

/** Waits until the server has been stopped for a while. */
async function stalled(sent: { bytes: number }): Promise<void> {
  for (let before = -1; before !== sent.bytes; await sleep(60)) before = sent.bytes;
}

describe('a request of any size', () => {
  it('is asked of its producer no faster than the server takes it', async (t) => {
    const stop: Step = (_request, connection) => connection.stopReading();
    const { client, server } = await aPair(t, stop);
    const caller = new AbortController();
    const produced = { bytes: 0 };
    const body = (async function* () {
      for (;;) {
        produced.bytes += PART.length;
        yield PART;
      }
    })();
    const call = client.post('/', body, { signal: caller.signal });
    await until(() => server.received === 1, 'the request has begun');
    await stalled(produced);
    assert(produced.bytes < SYSTEM_BUFFERS, `${produced.bytes} bytes were taken from the producer`);
    caller.abort();
    await assert.rejects(Promise.resolve(call), { code: 'ABORTED' });
  });
});
