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
