import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { selfSigned } from 'keepwarm/testing';
import type { Flags } from '../src/command/parse.ts';
import { runProbe } from '../src/probe/command.ts';
import { probe } from '../src/probe/probe.ts';
import { report } from '../src/probe/report.ts';
import { httpServer, Opened } from './fixtures.ts';

const SECRET = 'hunter2';
/** The command, and what it prints. */
async function run(url: string, flags: Flags): Promise<{ readonly code: number; readonly out: string }> {
  let out = '';
  const code = await runProbe(url, flags, (line) => (out += `${line}\n`));
  return { code, out };
}

describe('probe', () => {
  it('knows what an address without its scheme is meant to be, and repeats nothing that may be secret', async () => {
    const refusals = new Map<string, string>();
    for (const text of [
      'api.example.com/v1',
      'localhost:8080',
      'ftp://host/',
      `me:${SECRET}@host`,
      `http://a:${SECRET}@b`,
    ]) {
      refusals.set(text, await run(text, {}).then(String, ({ message }) => message));
    }
    assert.match(refusals.get('api.example.com/v1') ?? '', /did you mean https:\/\/api\.example\.com\/v1\?$/);
    assert.match(refusals.get('localhost:8080') ?? '', /did you mean https:\/\/localhost:8080\?$/);
    for (const [text, refusal] of refusals) {
      assert.match(refusal, /^probe needs an http: or https: URL without credentials/, text);
      assert(!refusal.includes(SECRET));
    }
  });

  const opened = new Opened();
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-probe-'));
  const ca = join(folder, 'ca.pem');
  const { cert, key } = selfSigned({ names: ['localhost'] });
  let url: string;

  async function tlsServer(options: ServerOptions = {}): Promise<string> {
    const server: Server = createServer({ cert, key, ...options }, (_request, response) => {
      response.setHeader('content-type', 'text/plain');
      response.end('x'.repeat(200_000));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    opened.add({
      close: async () => {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    });
    return `https://localhost:${(server.address() as AddressInfo).port}`;
  }

  before(async () => {
    writeFileSync(ca, cert);
    url = await tlsServer();
  });
  after(async () => {
    await opened.closeAll();
    rmSync(folder, { recursive: true });
  });

  it('says which protocol was spoken: the server chooses', async () => {
    const server = createSecureServer({ cert, key }, (_request, response) => response.end('x'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    opened.add({ close: async () => void server.close() });
    const http2 = `https://localhost:${(server.address() as AddressInfo).port}/`;
    const told = await probe(new URL(http2), { method: 'GET', count: 1, tls: { ca: cert } });
    assert.equal(told.protocol, 'HTTP/2');
    assert.match(report(told), /HTTP\/2 over TLS/);
    assert.equal((await probe(new URL(url), { method: 'GET', count: 1, tls: { ca: cert } })).protocol, 'HTTP/1.1');
  });

  it('tells the phases of a cold call, of warm ones, and of a second connection with TLS resumed', async () => {
    const told = await probe(new URL(`${url}/path?token=${SECRET}`), {
      method: 'GET',
      count: 3,
      tls: { ca: cert },
    });
    assert.deepEqual(
      told.calls.map(({ kind }) => kind),
      ['cold', 'warm', 'warm', 'warm', 'resumed'],
    );
    assert.equal(told.address, '127.0.0.1');
    assert.ok(!JSON.stringify(told).includes(SECRET));
    const [cold, warm] = told.calls;
    assert.ok(cold!.tcpMs > 0 && cold!.tlsMs > 0 && cold!.firstByteMs > 0 && cold!.bodyMs >= 0);
    assert.equal(cold!.tlsResumed, false);
    assert.deepEqual([warm!.dnsMs, warm!.tcpMs, warm!.tlsMs], [0, 0, 0]);
    assert.equal(told.summary.tlsResumed, true);
    for (const call of told.calls) {
      const sum = call.dnsMs + call.tcpMs + call.tlsMs + call.firstByteMs + call.bodyMs;
      assert.ok(sum <= call.totalMs + 0.5, 'no millisecond is told twice');
      assert.equal(call.status, 200);
    }
  });

  it('says so when TLS is not resumed, and when no connection is kept', async () => {
    const { constants } = await import('node:crypto');
    const full = await tlsServer({ secureOptions: constants.SSL_OP_NO_TICKET, sessionIdContext: 'none' });
    const told = await probe(new URL(full), { method: 'GET', count: 1, tls: { ca: cert } });
    assert.equal(told.summary.tlsResumed, false);
    assert.match(report(told), /TLS was not resumed/);
    const closing = opened.add(
      await httpServer((_request, response) => response.setHeader('connection', 'close').end()),
    );
    const never = await probe(new URL(closing.origin), { method: 'HEAD', count: 2 });
    assert.equal(never.summary.warmMs, null);
    assert.match(report(never), /never warm: the server closes after each reply/);
  });

  it('prints aligned figures and bars to one scale', async () => {
    const { code, out } = await run(`${url}/?token=${SECRET}`, { ca, count: '2' });
    assert.equal(code, 0);
    assert.ok(!out.includes(SECRET));
    const lines = out.split('\n');
    const rows = lines.filter((line) => / 200$/.test(line));
    assert.equal(rows.length, 4);
    assert.equal(new Set(rows.map((row) => row.length)).size, 1, 'rows are aligned');
    assert.match(out, /cold .* warm .* (?:a warm connection saves \d+ %|nothing saved)/);
    assert.match(out, /TLS was resumed/);
  });

  it('prints JSON of the documented shape', async () => {
    const { code, out } = await run(url, { json: true, ca });
    assert.equal(code, 0);
    const told = JSON.parse(out);
    assert.deepEqual(Object.keys(told), ['url', 'method', 'protocol', 'address', 'proxy', 'calls', 'summary']);
    assert.deepEqual(Object.keys(told.summary), ['coldMs', 'warmMs', 'resumedMs', 'tlsResumed', 'saved']);
    assert.equal(told.calls.length, 7);
    assert.deepEqual(Object.keys(told.calls[0]), [
      'kind', 'dnsMs', 'tcpMs', 'tlsMs', 'tlsResumed', 'firstByteMs', 'bodyMs', 'totalMs', 'status',
    ]); // biome-ignore format: a list of names
  });

  it('ends with 1 when a call fails, saying where, and refuses what it cannot do', async () => {
    const untrusted = await run(url, { json: true });
    assert.equal(untrusted.code, 1);
    const { error } = JSON.parse(untrusted.out);
    assert.deepEqual([error.code, error.phase, error.reach], ['TLS', 'tls', 'unsent']);
    assert.match((await run(url, {})).out, /TLS \(tls\): /);
    await assert.rejects(run('nowhere', {}), { name: 'UsageError', message: /needs an http: or https: URL/ });
    await assert.rejects(run(url, { count: '0' }), { message: '--count is 0; allowed: 1 to 1000' });
    await assert.rejects(run(url, { method: 'post' }), { message: /--method is POST; allowed: GET/ });
    await assert.rejects(run(url, { ca: 'none.pem' }), { message: /--ca none\.pem cannot be read/ });
  });
});
