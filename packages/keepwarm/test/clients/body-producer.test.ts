import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { createClient, type NetError } from '../../src/index.ts';

it('a producer that knows its length is sent with it, and not chunked', async (t) => {
  const seen: { length: string | undefined; encoding: string | undefined; agent: string | undefined; body: string }[] =
    [];
  const server = createServer((request, response) => {
    const { 'content-length': length, 'transfer-encoding': encoding, 'user-agent': agent } = request.headers;
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      seen.push({ length, encoding, agent, body });
      response.end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = createClient({ origin: `http://127.0.0.1:${port}`, defaultHeaders: false });
  t.after(() => client.close().then(() => server.close()));
  const open = async function* () {
    yield Buffer.from('ab');
    yield Buffer.from('cd');
  };
  await client.post('/', { bytes: 4, repeatable: true, open }).text();
  await client.post('/', { bytes: undefined, repeatable: true, open }).text();
  assert.deepEqual(seen, [
    { length: '4', encoding: undefined, agent: undefined, body: 'abcd' },
    { length: undefined, encoding: 'chunked', agent: undefined, body: 'abcd' },
  ]);
});

it('a stream goes out with the length its caller says, and the call fails when it is not that long', async (t) => {
  const lengths: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    lengths.push(request.headers['content-length']);
    request.on('error', () => undefined).on('end', () => response.end('ok'));
    request.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = createClient({ origin: `http://127.0.0.1:${port}` });
  t.after(() => client.close().then(() => server.close()));
  const stream = async function* () {
    yield 'ab';
    yield 'cd';
  };
  const put = (bytes: number) => client.put('/', stream(), { headers: { 'content-length': String(bytes) } }).text();
  assert.equal(await put(4), 'ok');
  assert.deepEqual(lengths, ['4']);
  for (const wrong of [3, 5]) {
    await assert.rejects(put(wrong), ({ message }: NetError) => message.includes(`the ${wrong} bytes it announced`));
  }
});

/** Gives these, then nothing more and no end, unless it is told to give. It notes that it is told to stop, no more. */
function aSource(...chunks: readonly string[]) {
  const source = { asked: 0, stopped: 0, give: (_text: string): void => {} };
  const open = (): AsyncIterable<Uint8Array> => ({
    [Symbol.asyncIterator]: () => ({
      next: () => {
        const text = chunks[source.asked++];
        return new Promise((resolve) => {
          source.give = (given) => resolve({ done: false, value: Buffer.from(given) });
          if (text !== undefined) source.give(text);
        });
      },
      return: async () => {
        source.stopped++;
        return { done: true, value: undefined };
      },
    }),
  });
  return { source, open };
}

it('a source is told to stop when it gives more than it said, and when the peer leaves meanwhile', async (t) => {
  let leaves = false;
  const server = createServer((request) => void request.on('error', () => undefined).resume());
  server.on('connection', (socket) => socket.on('data', () => leaves && socket.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = createClient({ origin: `http://127.0.0.1:${port}`, retry: false });
  t.after(() => client.close({ deadlineMs: 0 }).then(() => server.close()));
  const long = aSource('ab', 'cd');
  const wrong = client.post('/', { bytes: 3, repeatable: false, open: long.open });
  await assert.rejects(async () => wrong, { code: 'INVALID', message: /more than the 3 bytes it announced/ });
  assert(long.source.stopped > 0, 'it gave too much');
  leaves = true;
  const waiting = aSource('ab');
  await assert.rejects(async () => client.post('/', { bytes: 9, repeatable: false, open: waiting.open }), {
    code: 'RESET',
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  while (waiting.source.stopped === 0) await turn();
  waiting.source.give('cd');
  for (let i = 0; i < 5; i++) await turn();
  assert.equal(waiting.source.asked, 2, 'nobody wants more of it');
});
