/** What was recorded is played back, to any client; secrets are in no recording. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { replyBytes, type Step } from '../../src/testing/faulty-steps.ts';
import { startTape, type Tape, type TapeOptions } from '../../src/testing/tape.ts';
import { aClient, aServer, leavesNothing } from '../engine/setup.ts';

leavesNothing();

function aFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-tape-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'a.tape.json');
}

async function aTape(t: TestContext, options: TapeOptions): Promise<Tape> {
  const tape = await startTape(options);
  t.after(() => tape.close().catch((error: unknown) => assert(error instanceof Error))); // seen by the test itself
  return tape;
}

let count = 0;
const script: Step = async (request, connection) => {
  const body = (await request.body).toString();
  const json = { 'content-type': 'application/json', 'set-cookie': 'sid=cookie-secret' };
  if (request.path === '/bytes') return connection.send(replyBytes(Uint8Array.of(0, 255, 254)));
  if (request.path === '/zip') {
    const headers = { 'content-encoding': 'gzip', 'content-type': 'text/plain' };
    return connection.send(replyBytes(gzipSync('unpacked'), { headers }));
  }
  if (request.path === '/none') return connection.send('HTTP/1.1 204 No Content\r\n\r\n');
  const told = JSON.stringify({ count: ++count, access_token: 'reply-secret', path: request.path, body });
  return connection.send(replyBytes(told, { headers: json, status: request.path === '/bad' ? 422 : 200 }));
};

/** Everything a user's test may do, through one client. */
async function session(t: TestContext, origin: string): Promise<unknown[]> {
  const client = aClient(t, { origin });
  const seen: unknown[] = [];
  const headers = { authorization: 'Bearer header-secret', 'x-api-key': 'header-secret' };
  for (let i = 0; i < 2; i++) seen.push((await client.get('/same', { headers }).json<{ count: number }>()).count);
  const order = { side: 'buy', password: 'body-secret', max_tokens: 5, within: [{ apiKey: 'body-secret' }] };
  seen.push((await client.post('/orders?api_key=query-secret&a=1', order)).status);
  seen.push((await client.post('/bad', new URLSearchParams({ client_secret: 'form-secret', b: '2' }))).status);
  seen.push((await client.get('/v2/path-secret/x')).status);
  seen.push(Buffer.from(await client.get('/bytes').bytes()).toString('hex'), await client.get('/zip').text());
  seen.push((await client.get('/none')).status);
  return seen;
}

const redact = { values: ['path-secret'] };

describe('a tape', () => {
  it('plays what it recorded, in order, once each, and holds no secret', async (t) => {
    const server = await aServer(t, { script });
    const file = aFile(t);
    const recording = await aTape(t, { file, mode: 'record', target: server.origin, redact });
    const first = await session(t, recording.origin);
    assert.equal(existsSync(file), false, 'nothing is written before the end');
    await recording.close();
    await recording.close();
    assert.doesNotMatch(readFileSync(file, 'utf8'), /-secret/);
    const requests = server.requests.length;

    const tape = await aTape(t, { file, redact });
    assert.deepEqual(await session(t, tape.origin), first);
    assert.deepEqual([tape.left, tape.unmatched, server.requests.length], [0, [], requests]);
    const client = aClient(t, { origin: tape.origin });
    const again = await client.get('/same');
    assert.deepEqual([again.status, tape.unmatched], [501, ['GET /same']]);
    assert.match(await again.text(), /not in the recording, or was played already/);
    await tape.close();
  });

  it('tells other bodies and methods apart', async (t) => {
    const file = aFile(t);
    const request = { method: 'POST', path: '/x', body: { text: '{"a":1}' } };
    const exchange = { request, reply: { status: 201, headers: [], body: {} } };
    writeFileSync(file, JSON.stringify({ version: 1, exchanges: [exchange] }));
    const tape = await aTape(t, { file });
    const client = aClient(t, { origin: tape.origin });
    assert.equal((await client.post('/x', { a: 2 })).status, 501);
    assert.equal((await client.put('/x', { a: 1 })).status, 501);
    assert.equal((await client.post('/x', { a: 1 })).status, 201);
  });

  it('keeps redirects of the service within itself', async (t) => {
    const server = await aServer(t, {
      script: async (request, connection) => {
        const headers = { location: `${server.origin}/there` };
        await connection.send(request.path === '/' ? replyBytes('', { status: 302, headers }) : replyBytes('there'));
      },
    });
    const file = aFile(t);
    const target = server.origin;
    const recording = await aTape(t, { file, mode: 'record', target });
    assert.equal(await aClient(t, { origin: recording.origin, redirectsMax: 2 }).get('/').text(), 'there');
    await recording.close();
    const tape = await aTape(t, { file, target });
    assert.equal(await aClient(t, { origin: tape.origin, redirectsMax: 2 }).get('/').text(), 'there');
  });

  it('writes no file when something could not be recorded, and says why', async (t) => {
    const server = await aServer(t, { script });
    const cases: [Partial<TapeOptions>, string, RegExp][] = [
      [{ exchangesMax: 0 }, '/x', /limit exchangesMax 0/],
      [{ bodyBytesMax: 2 }, '/bytes', /bodyBytesMax/],
      [{ target: 'http://127.0.0.1:1' }, '/x', /127\.0\.0\.1:1/],
    ];
    for (const [options, path, message] of cases) {
      const file = aFile(t);
      const tape = await aTape(t, { file, mode: 'record', target: server.origin, ...options });
      const reply = await aClient(t, { origin: tape.origin }).get(path);
      assert.equal(reply.status, 502);
      assert.match(await reply.text(), message);
      await assert.rejects(tape.close(), message);
      assert.equal(existsSync(file), false);
    }
  });

  it('refuses what is no recording, and a recording without a target', async (t) => {
    const file = aFile(t);
    await assert.rejects(startTape({ file }), /cannot be read; record it first/);
    writeFileSync(file, '{"version":9}');
    await assert.rejects(startTape({ file }), /is not a recording of version 1/);
    await assert.rejects(startTape({ file, mode: 'record' }), /needs a target/);
  });
});
