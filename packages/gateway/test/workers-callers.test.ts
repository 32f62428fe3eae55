/** Several workers and callers that stay: HTTP/2 over TLS, WebSockets that are passed on, subscriptions to nodes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { selfSigned } from 'keepwarm/testing';
import { WebSocket, WebSocketServer } from 'ws';
import { readKey } from '../src/admin/key-file.ts';
import { parseAddress } from '../src/config/address.ts';
import { ANode } from './a-node.ts';
import { ASocket } from './a-socket.ts';
import { type GatewayProcess, gatewayProcess } from './command-process.ts';
import { answerOf, ask, eventually, httpServer, Opened } from './fixtures.ts';
import { snapshotOf, workersOf } from './workers-load.ts';

const WORKERS = 2;
const UPGRADES = 9;
/** WebSockets have all of it; what else is under way ends sooner, on a machine that stands still for a second too. */
const DRAIN_MS = 3_000;
const head = (number: number) => ({
  number: `0x${number.toString(16)}`,
  hash: `0xh${number}`,
  parentHash: `0xh${number - 1}`,
});

/** One after the other: connections come to workers in turn. */
async function inTurn<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  while (all.length < count) all.push(await make());
  return all;
}

describe('callers that stay, at a gateway of two workers that speaks TLS', () => {
  const opened = new Opened();
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-workers-'));
  const own = selfSigned({ names: ['localhost'] });
  const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const ca = own.cert;
  let gateway: GatewayProcess;
  let node: ANode;
  let url: string;
  let height = 0;
  /** What `/slow` is answered after. */
  const held = Promise.withResolvers<void>();

  const write = ({ cert, key }: { cert: string; key: string }): void => {
    writeFileSync(certFile, cert);
    writeFileSync(keyFile, key);
  };
  before(async () => {
    write(own);
    const echo = await httpServer((request, response) => {
      if (request.url === '/slow') return void held.promise.then(() => response.end('late'));
      let text = '';
      request
        .on('data', (chunk) => (text += chunk))
        .on('end', () => response.end(`${request.httpVersion} ${text.length}`));
    });
    const sockets = new WebSocketServer({ server: echo.server });
    sockets.on('connection', (peer) => peer.on('message', (data, binary) => peer.send(data, { binary })));
    opened.add({
      close: async () => {
        for (const peer of sockets.clients) peer.terminate();
        await echo.close();
      },
    });
    node = opened.add(await ANode.start());
    const chain = { jsonrpc: 'evm', endpoints: [{ url: node.url, name: 'node' }], freshness: false };
    const api = { origin: echo.origin, upgrades: { upgradesMax: UPGRADES } };
    gateway = opened.add(
      await gatewayProcess({ api, chain }, { workers: WORKERS, tls: { certFile, keyFile }, drainMs: DRAIN_MS }),
    );
    url = `https://localhost:${/https:\/\/127\.0\.0\.1:(\d+)\//.exec(gateway.printed())![1]}`;
  });
  after(async () => {
    await opened.closeAll();
    rmSync(folder, { recursive: true });
  });

  interface Session {
    readonly session: ClientHttp2Session;
    ended: boolean;
    get(path: string, body?: Buffer): Promise<string>;
  }
  function aSession(): Session {
    const session = connectHttp2(url, { ca });
    const mine: Session = {
      session,
      ended: false,
      get: async (path, body) => {
        const stream = session.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST' });
        stream.end(body);
        let text = '';
        for await (const chunk of stream) text += chunk;
        return text;
      },
    };
    session.on('error', () => undefined).on('close', () => (mine.ended = true));
    opened.add({ close: async () => session.destroy() });
    return mine;
  }
  interface Echo {
    readonly peer: WebSocket;
    closed: number | undefined;
    says(text: string): Promise<string>;
  }
  async function anEcho(): Promise<Echo> {
    const peer = new WebSocket(`${url.replace('https', 'wss')}/api/ws`, [], { ca });
    const mine: Echo = {
      peer,
      closed: undefined,
      says: async (text) => {
        const answered = once(peer, 'message');
        peer.send(text);
        return String((await answered)[0]);
      },
    };
    peer.on('error', () => undefined).on('close', (code) => (mine.closed = code));
    opened.add({ close: async () => peer.terminate() });
    await once(peer, 'open');
    return mine;
  }
  const aSubscriber = async () => {
    const socket = opened.add(await ASocket.open(`${url}/chain`, { ca }));
    const { result: id } = await socket.ask('eth_subscribe', ['newHeads']);
    return { socket, heads: () => socket.of(id), from: height };
  };
  async function leave(...all: Awaited<ReturnType<typeof some>>[]): Promise<void> {
    for (const { sessions, echoes, subscribers } of all) {
      for (const { session } of sessions) session.destroy();
      for (const { peer } of echoes) peer.terminate();
      for (const { socket } of subscribers) await socket.close();
    }
    await eventually(async () => node.subscriptions === 0);
  }
  const mine = (): void => node.tell('eth_subscription', head(++height));
  const act = (name: string) =>
    ask(`http://${gateway.admin}/api/actions/${name}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${readKey(gateway.folder, parseAddress(gateway.admin, 'admin'))}`,
      },
      body: '{}',
    });
  const replaced = (count: number, worker: number) =>
    eventually(async () => {
      const each = (await workersOf(gateway.admin))[worker - 1]!;
      return each.state === 'serving' && each.replaced === count;
    });

  it('agree on HTTP/2 or HTTP/1.1 with each of them, and bodies come through whole', async () => {
    const sessions = Array.from({ length: 4 }, aSession);
    const bodies = [0, 1, 100_000, 1_000_000].map((size) => Buffer.alloc(size, 'x'));
    const all = await Promise.all(sessions.flatMap(({ get }) => bodies.map((body) => get('/api/', body))));
    assert.deepEqual(
      all,
      sessions.flatMap(() => bodies.map(({ length }) => `1.1 ${length}`)),
    );
    for (const { session } of sessions) assert.equal(session.alpnProtocol, 'h2');
    const request = httpsRequest(`${url}/api/`, { ca, agent: false }).end();
    const [response] = await once(request, 'response');
    assert.equal(String((await answerOf(response)).body), '1.1 0');
    const { calls } = JSON.parse(String((await ask(`http://${gateway.admin}/api/calls?upstream=api`)).body));
    const by = new Set((calls as { worker: number }[]).map(({ worker }) => worker));
    assert.deepEqual([...by].sort(), [1, 2], 'sessions come to both');
    for (const { session } of sessions) session.close();
  });

  it('carry WebSockets, in all of them no more than may be', async () => {
    const echoes = await inTurn(4, anEcho);
    const long = 'y'.repeat(1_000_000);
    assert.deepEqual(await Promise.all(echoes.map((echo) => echo.says(long))), Array(4).fill(long));
    const { upgrades } = (await snapshotOf(gateway.admin)).upstreams[0]!;
    assert.deepEqual([upgrades?.open, upgrades?.opened], [4, 4], 'those of all workers, added up');
    const peers = Array.from({ length: 12 }, () => new WebSocket(`${url.replace('https', 'wss')}/api/ws`, [], { ca }));
    const statuses = await Promise.all(
      peers.map((peer) => {
        peer.on('error', () => undefined); // of one that is declined
        const declined = once(peer, 'unexpected-response').then(([, { statusCode }]) => Number(statusCode));
        return Promise.race([declined, once(peer, 'open').then(() => 101)]);
      }),
    );
    const joined = statuses.filter((status) => status === 101).length;
    assert.ok(joined >= 1 && joined <= UPGRADES - 4, statuses.join());
    assert.equal(statuses.filter((status) => status === 503).length, 12 - joined, statuses.join());
    for (const peer of [...peers, ...echoes.map((echo) => echo.peer)]) peer.terminate();
    await eventually(async () => (await snapshotOf(gateway.admin)).upstreams[0]!.upgrades?.open === 0);
  });

  /** Some of each kind, at both workers. */
  async function some() {
    const sessions = await inTurn(4, async () => {
      const session = aSession();
      await session.get('/api/');
      return session;
    });
    return { sessions, echoes: await inTurn(4, anEcho), subscribers: await inTurn(4, aSubscriber) };
  }

  /** Who is left goes on as if nothing had been; nobody misses a message. */
  async function goOn({ sessions, echoes, subscribers }: Awaited<ReturnType<typeof some>>): Promise<void> {
    for (const { get } of sessions) assert.equal(await get('/api/'), '1.1 0');
    for (const echo of echoes) assert.equal(await echo.says('still here'), 'still here');
    mine();
    const told = (from: number) => Array.from({ length: height - from }, (_, i) => head(from + i + 1));
    await eventually(async () => subscribers.every(({ heads, from }) => heads().length === height - from));
    for (const { heads, from } of subscribers) assert.deepEqual(heads(), told(from));
  }
  const left = (all: Awaited<ReturnType<typeof some>>): Awaited<ReturnType<typeof some>> => ({
    sessions: all.sessions.filter(({ ended }) => !ended),
    echoes: all.echoes.filter(({ closed }) => closed === undefined),
    subscribers: all.subscribers.filter(({ socket }) => socket.closed === undefined),
  });
  const counts = ({ sessions, echoes, subscribers }: Awaited<ReturnType<typeof some>>) => [
    sessions.length,
    echoes.length,
    subscribers.length,
  ];

  it('lose those of a worker that is killed, and no others; newcomers are served by its successor', async () => {
    const all = await some();
    await eventually(async () => node.subscriptions === WORKERS); // each worker shares one among its callers
    await goOn(all);
    const [first] = await workersOf(gateway.admin);
    process.kill(first!.pid!, 'SIGKILL');
    await eventually(async () => counts(left(all)).every((count) => count === 2));
    for (const { closed } of all.echoes) assert.ok(closed === undefined || closed === 1006);
    for (const { socket } of all.subscribers)
      assert.ok(socket.closed === undefined || socket.closed.startsWith('1006'));
    assert.equal(node.subscriptions, 1);
    await goOn(left(all));
    await replaced(1, 1);
    const more = await some();
    await eventually(async () => node.subscriptions === WORKERS);
    await goOn(more);
    await goOn(left(all));
    await leave(all, more);
  });

  it('are told to go elsewhere by a worker that drains; what is under way ends first', async () => {
    const all = await some();
    const late = all.sessions.map(({ get }) => get('/api/slow'));
    const [, second] = await workersOf(gateway.admin);
    await eventually(async () => (await snapshotOf(gateway.admin)).requests.inFlight >= 4);
    process.kill(second!.pid!, 'SIGTERM');
    await eventually(async () => left(all).subscribers.length === 2);
    held.resolve();
    assert.deepEqual(await Promise.all(late), Array(4).fill('late'));
    await eventually(async () => counts(left(all)).every((count) => count === 2));
    const told = all.subscribers.flatMap(({ socket }) => socket.closed ?? []);
    assert.deepEqual(told, Array(2).fill('1012 the gateway is stopping, or its upstream was changed'));
    await replaced(1, 2);
    await goOn(left(all));
    await leave(all);
  });

  it('see another certificate after a reload, at every worker; one that is wrong changes nothing', async () => {
    const before = await inTurn(2, async () => aSession());
    for (const { get } of before) assert.equal(await get('/api/'), '1.1 0');
    const renewed = selfSigned({ names: ['localhost'] });
    write(renewed);
    assert.equal((await act('reload')).status, 200);
    const port = Number(new URL(url).port);
    const sees = async (cert: string): Promise<void> => {
      for (let i = 0; i < 2 * WORKERS; i++) {
        const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca: cert });
        await once(socket, 'secureConnect');
        socket.destroy();
      }
    };
    await sees(renewed.cert);
    write({ cert: own.cert, key: renewed.key });
    const refused = await act('reload');
    assert.deepEqual(
      [refused.status, /tls has files that cannot be used together/.test(String(refused.body))],
      [422, true],
    );
    await sees(renewed.cert);
    for (const { get } of before) assert.equal(await get('/api/'), '1.1 0', 'who is there stays');
  });
});
