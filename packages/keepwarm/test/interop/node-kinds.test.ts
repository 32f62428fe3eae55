/** Requests of one process that ask their agent for different things: each kind has its own place, and keeps to it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../src/index.ts';
import { Asked } from '../../src/interop/node-http/asked.ts';
import { makeAuthority, selfSigned } from '../../src/testing/certificates.ts';
import { answer } from '../../src/testing/faulty-steps.ts';
import { aServer, leavesNothing } from '../engine/setup.ts';
import { ask, failureOf, start, theAgents } from './node-setup.ts';

leavesNothing();

/** Answers with its own name, on a Unix domain socket or a port. */
async function aNamed(t: TestContext, name: string, path?: string) {
  let connections = 0;
  const server = createServer((request, response) => response.end(`${name} ${request.headers.host}`));
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) =>
    path === undefined ? server.listen(0, '127.0.0.1', resolve) : server.listen(path, resolve),
  );
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

function aFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe('a request to a Unix domain socket', () => {
  it('has pools of its own, shared with all requests to that socket, and never those of a port', async (t) => {
    const folder = aFolder(t);
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    const onA = await aNamed(t, 'a', a);
    const onB = await aNamed(t, 'b', b);
    const onPort = await aNamed(t, 'port');
    const { httpAgent: agent, stats } = theAgents(t, { proxy: 'http://127.0.0.1:1' });
    for (let i = 0; i < 3; i++) {
      assert.equal((await ask('http://localhost', { agent, socketPath: a })).body, 'a localhost');
      assert.equal((await ask('http://localhost', { agent, socketPath: b })).body, 'b localhost');
    }
    assert.deepEqual([onA.connections(), onB.connections(), stats().length], [1, 1, 3]);
    const direct = theAgents(t, {});
    for (let i = 0; i < 2; i++) {
      const url = `http://127.0.0.1:${onPort.port}`;
      assert.match((await ask(url, { agent: direct.httpAgent })).body, /^port /);
      assert.match((await ask(url, { agent: direct.httpAgent, socketPath: a })).body, /^a /);
    }
    assert.deepEqual([onA.connections(), onPort.connections()], [2, 1]);
  });

  it('is refused by name where the pools are those of a client, or all connections have another way', async (t) => {
    const client = createClient();
    t.after(() => client.close());
    const path = { socketPath: '/nowhere' };
    const bound = theAgents(t, client).httpAgent;
    assert.match(
      (await failureOf(start('http://127.0.0.1', { ...path, agent: bound }))).message,
      /\(socketPath\) need/,
    );
    const connector = async () => Promise.reject(new Error('not called'));
    const own = theAgents(t, { connector }).httpAgent;
    const refused = await failureOf(start('http://127.0.0.1', { ...path, agent: own }));
    assert.match(refused.message, /options socketPath and connector exclude each other/);
    const none = await failureOf(start('http://127.0.0.1', { ...path, agent: theAgents(t, {}).httpAgent }));
    assert.equal(none.code, 'ENOENT');
  });
});

describe('a kind of request', () => {
  it('is known again by what it asks of the connection, and by nothing else', () => {
    const asked = new Asked<string>();
    const options = { host: 'a', port: 1, path: '/x', ca: 'pem' };
    asked.note(options, 'a:1', 'first');
    assert.equal(asked.find({ ...options, path: '/y', headers: {} }, 'a:1'), 'first');
    assert.equal(asked.find(options, 'b:1'), undefined, 'TLS may take its name from the Host field');
    for (const other of [
      { host: 'b' },
      { port: '1' },
      { ca: 'pem2' },
      { socketPath: '/s' },
      { ciphers: 'x' },
      { pfx: 1 },
    ]) {
      assert.equal(asked.find({ ...options, ...other }, 'a:1'), undefined, JSON.stringify(other));
    }
    asked.note({ ...options, ca: ['pem'] }, 'a:1', 'a list');
    assert.equal(asked.find({ ...options, ca: ['pem'] }, 'a:1'), undefined, 'lists may change');
    for (let i = 0; i < 100; i++) asked.note({ ...options, port: i + 2 }, 'a:1', String(i));
    assert.equal(asked.find(options, 'a:1'), undefined, 'the oldest made room');
    assert.equal(asked.find({ ...options, port: 101 }, 'a:1'), '99');
    asked.clear();
    assert.equal(asked.find({ ...options, port: 101 }, 'a:1'), undefined);
  });

  it('goes on after its pools were given up for those of others, on new ones', async (t) => {
    const authority = makeAuthority();
    const server = await aServer(t, { script: answer('ok'), tls: authority.issue() });
    const { httpsAgent: agent, stats } = theAgents(t, { tls: { ca: authority.cert } });
    const kinds = Array.from({ length: 34 }, (_, n) => ({ agent, passphrase: `p${n}` }));
    for (const kind of kinds) assert.equal((await ask(server.origin, kind)).body, 'ok');
    assert.equal(stats().length, 33, '32 sets at most, and none');
    const first = await ask(server.origin, kinds[0]!);
    assert.deepEqual([first.body, first.request.reusedSocket], ['ok', false]);
    const again = await ask(server.origin, kinds[33]!);
    assert.deepEqual([again.body, again.request.reusedSocket], ['ok', true]);
  });

  it('that is verified never gets the pools of one that is not, in whatever order they come', async (t) => {
    const server = await aServer(t, { script: answer('ok'), tls: selfSigned({ names: ['localhost'] }) });
    const { httpsAgent: agent } = theAgents(t, {});
    for (let i = 0; i < 3; i++) {
      assert.equal((await ask(server.origin, { agent, rejectUnauthorized: false })).body, 'ok');
      assert.equal((await failureOf(start(server.origin, { agent }))).code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
      const strict = { agent, rejectUnauthorized: true };
      assert.equal((await failureOf(start(server.origin, strict))).code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
    }
  });

  it('is refused for what would make another connection of it, each by its name', async (t) => {
    const { httpsAgent: agent } = theAgents(t, {});
    for (const name of ['pfx', 'ecdhCurve', 'sigalgs', 'secureOptions', 'maxVersion', 'lookup', 'localPort']) {
      const error = await failureOf(start('https://127.0.0.1:1', { agent, [name]: name === 'lookup' ? () => {} : 1 }));
      assert.match(error.message, new RegExp(`option ${name} `));
    }
  });
});
