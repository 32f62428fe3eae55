import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import type { Upstream } from '../src/data/upstream.ts';
import { Opened, raw, rawServer, startGateway, type TestGateway, until } from './fixtures.ts';

const ASK = 'GET /api/ws?a=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n';
const AGREED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

describe('upgraded connections', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  const upstreamOf = ({ gateway }: TestGateway): Upstream => {
    const [upstream] = gateway.upstreams;
    assert.ok(upstream !== undefined && 'client' in upstream);
    return upstream;
  };
  const told = (gateway: TestGateway) => upstreamOf(gateway).tunnels.stats();

  /** A gateway before a server of raw sockets, each handed over once it has read a whole head. */
  async function raws(serve: (socket: Socket, head: string) => void, more: object = {}) {
    const heads: string[] = [];
    const server = opened.add(
      await rawServer((socket) => {
        socket.allowHalfOpen = true;
        let head = '';
        const onData = (bytes: Buffer): void => {
          head += bytes.toString('latin1');
          if (!head.includes('\r\n\r\n')) return;
          socket.off('data', onData);
          heads.push(head);
          serve(socket, head);
        };
        socket.on('data', onData);
      }),
    );
    const upstream = { origin: server.origin, pool: { idleMin: 0 }, ...more };
    const gateway = opened.add(await startGateway({ api: upstream }));
    return { gateway, heads };
  }

  /** A caller that has been answered 101. */
  async function joined({ port }: TestGateway): Promise<Socket> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write(`${ASK}\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    assert.match(first.toString('latin1'), /^HTTP\/1\.1 101 /);
    return socket;
  }

  it('carries a WebSocket of people’s own client and server, with subprotocol and extension', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
    await new Promise<void>((resolve) => server.on('listening', resolve));
    opened.add({ close: async () => void server.close() });
    const asked: string[] = [];
    server.on('connection', (peer, request) => {
      asked.push(`${request.url} ${request.headers.host} ${request.headers['x-token']}`);
      peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary }));
    });
    const { port } = server.address();
    const gateway = opened.add(await startGateway({ api: `http://127.0.0.1:${port}/base` }));

    const headers = { 'x-token': 'theirs' };
    const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/ws?a=1`, ['v2', 'v1'], { headers });
    await once(client, 'open');
    assert.equal(client.protocol, 'v2');
    assert.match(client.extensions, /permessage-deflate/);
    const large = Buffer.alloc(3_000_000, 'keepwarm');
    for (const message of ['hello', large]) {
      client.send(message);
      const [answer] = (await once(client, 'message')) as [Buffer];
      assert.ok(answer.equals(Buffer.from(message)));
    }
    assert.deepEqual(asked, [`/base/ws?a=1 127.0.0.1:${port} theirs`]);
    assert.equal(told(gateway).open, 1);
    const [peer] = server.clients;
    const ended = new Promise((resolve) => peer!.on('close', (code, reason) => resolve(`${code} ${reason}`)));
    client.close(4001, 'enough');
    assert.equal(await ended, '4001 enough');
    await until(() => told(gateway).open === 0);
    assert.equal(told(gateway).opened, 1);
    assert.ok(told(gateway).bytesUp > 1_000);
  });

  it('tells the upstream what the caller wants, without what is between the two', async () => {
    const { gateway, heads } = await raws((socket) => socket.end(AGREED));
    await raw(gateway.port, `${ASK}Keep-Alive: 5\r\nX-Own: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n`);
    assert.match(heads[0]!, /^GET \/ws\?a=1 HTTP\/1\.1\r\n/);
    assert.match(heads[0]!, /\r\nConnection: Upgrade\r\nUpgrade: echo\r\n/i);
    assert.match(heads[0]!, /\r\nX-Own: 1\r\n/);
    assert.doesNotMatch(heads[0]!, /keep-alive|x-hop/i);
  });

  it('loses nothing that came with a head, on either side', async () => {
    const { gateway } = await raws((socket) => {
      socket.write(`${AGREED}from upstream, `);
      socket.on('data', (bytes) => socket.end(bytes));
    });
    assert.match(await raw(gateway.port, `${ASK}\r\nfrom caller`), /\r\n\r\nfrom upstream, from caller$/);
  });

  it('ends one way and keeps the other, from either side', async () => {
    const { gateway } = await raws((socket) => {
      socket.write(AGREED);
      let text = '';
      socket.on('data', (bytes) => (text += bytes));
      socket.on('end', () => setTimeout(() => socket.end(`heard ${text}`), 20));
    });
    const caller = await joined(gateway);
    caller.end('all of it');
    let text = '';
    caller.on('data', (bytes) => (text += bytes));
    await once(caller, 'end');
    assert.equal(text, 'heard all of it');

    let heard = '';
    const other = await raws((socket) => {
      socket.end(`${AGREED}`);
      socket.on('data', (bytes) => (heard += bytes));
    });
    const second = await joined(other.gateway);
    second.resume();
    await once(second, 'end');
    second.end('after your end');
    await until(() => heard === 'after your end');
    await until(() => told(other.gateway).open === 0);
  });

  it('stops reading from the one while the other does not read', async () => {
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024);
    const { gateway } = await raws((socket) => {
      socket.write(AGREED);
      const more = (): void => {
        while (written < 256 * 1024 * 1024) {
          written += chunk.length;
          if (!socket.write(chunk)) return;
        }
      };
      socket.on('drain', more);
      socket.on('error', () => {});
      more();
    });
    const caller = await joined(gateway);
    caller.pause();
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken`);
    caller.destroy();
    await until(() => told(gateway).open === 0);
  });

  it('resets one side when the other is lost', async () => {
    const upstreams: Socket[] = [];
    const { gateway } = await raws((socket) => {
      upstreams.push(socket);
      socket.resume().write(AGREED);
    });
    const caller = await joined(gateway);
    const callerFailed = once(caller, 'error');
    upstreams[0]!.resetAndDestroy();
    assert.match(String(await callerFailed), /ECONNRESET/);

    const second = await joined(gateway);
    const upstreamFailed = new Promise((resolve) => upstreams[1]!.on('error', resolve));
    second.resetAndDestroy();
    assert.match(String(await upstreamFailed), /ECONNRESET/);
    await until(() => told(gateway).open === 0);
  });

  it('ends the request upstream when the caller leaves before it is answered', async () => {
    let closed = false;
    const { gateway, heads } = await raws((socket) => socket.resume().on('end', () => (closed = true)));
    const caller = connect(gateway.port, '127.0.0.1');
    caller.write(`${ASK}\r\n`);
    await until(() => heads.length === 1);
    caller.destroy();
    await until(() => closed);
    const { open, opened: since } = told(gateway);
    assert.deepEqual([open, since], [0, 0]);
  });

  it('passes on an answer that declines, whole, and cuts off one that is cut off', async () => {
    const declined = await raws((socket) =>
      socket.write('HTTP/1.1 403 No\r\nContent-Length: 2\r\nX-Why: 1\r\nKeep-Alive: 5\r\n\r\nno'),
    );
    const answer = await raw(declined.gateway.port, `${ASK}\r\n`);
    assert.match(answer, /^HTTP\/1\.1 403 No\r\n/);
    assert.match(answer, /\r\nX-Why: 1\r\n/);
    assert.match(answer, /\r\nconnection: close\r\n/i);
    assert.doesNotMatch(answer, /keep-alive/i);
    assert.match(answer, /\r\n\r\nno$/);

    const cut = await raws((socket) => {
      socket.write('HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n');
      setTimeout(() => socket.destroy(), 20);
    });
    assert.doesNotMatch(await raw(cut.gateway.port, `${ASK}\r\n`), /0\r\n\r\n$/);
  });

  it('refuses a protocol nobody asked for, a dead upstream, and a slow one', async () => {
    const other = await raws((socket) => socket.write(AGREED.replace('echo', 'other')));
    assert.match(await raw(other.gateway.port, `${ASK}\r\n`), /^HTTP\/1\.1 502 .*"code":"PROTOCOL"/s);
    const dead = opened.add(await startGateway({ api: { origin: 'http://127.0.0.1:1', pool: { idleMin: 0 } } }));
    assert.match(await raw(dead.port, `${ASK}\r\n`), /^HTTP\/1\.1 502 .*"code":"CONNECT"/s);
    const slow = await raws((socket) => socket.resume(), { deadlineMs: 30 });
    assert.match(await raw(slow.gateway.port, `${ASK}\r\n`), /^HTTP\/1\.1 504 .*"limit":"deadlineMs"/s);
    const odd = await raws((socket) => socket.write('HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nok'));
    assert.match(await raw(odd.gateway.port, `${ASK}\r\n`), /^HTTP\/1\.1 502 .*"code":"PROTOCOL"/s);
    const closing = await raws((socket) => socket.destroy());
    assert.match(await raw(closing.gateway.port, `${ASK}\r\n`), /^HTTP\/1\.1 502 .*"code":"RESET"/s);
    assert.match(await raw(slow.gateway.port, ASK.replace('/api/', '/nobody/'), '\r\n'), /^HTTP\/1\.1 404 /);
  });

  it('holds its limit, and closes what is silent', async () => {
    const one = await raws((socket) => socket.resume().write(AGREED), { upgrades: { upgradesMax: 1, idleMs: 100 } });
    const caller = await joined(one.gateway);
    assert.match(await raw(one.gateway.port, `${ASK}\r\n`), /^HTTP\/1\.1 503 .*"limit":"upgradesMax","value":1/s);
    await once(caller.resume(), 'end');
    caller.destroy();
    await until(() => told(one.gateway).open === 0);
    assert.equal(told(one.gateway).refused, 1);
    (await joined(one.gateway)).destroy();
  });

  it('leaves out an Upgrade that only names another HTTP, one with a body, and all when there are none', async () => {
    const plain = (socket: Socket): void => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const { gateway, heads } = await raws(plain);
    const tail = 'Connection: close\r\n\r\n';
    const h2c = ASK.replace('Connection: Upgrade', 'Connection: Upgrade, HTTP2-Settings').replace('echo', 'h2c');
    assert.match(await raw(gateway.port, `${h2c}HTTP2-Settings: AAA\r\n${tail}`), /^HTTP\/1\.1 200 OK/);
    assert.match(await raw(gateway.port, `${ASK}Content-Length: 2\r\n${tail}hi`), /^HTTP\/1\.1 400 /);
    assert.match(await raw(gateway.port, `${ASK.replace('GET', 'POST')}${tail}`), /^HTTP\/1\.1 200 OK/);
    for (const head of heads) assert.doesNotMatch(head, /upgrade|http2-settings/i);
    const none = await raws(plain, { upgrades: false });
    assert.match(await raw(none.gateway.port, `${ASK}\r\n`), /^HTTP\/1\.1 503 /);
  });

  it('ends with the gateway, after its deadline, and leaves nothing open', async () => {
    const peer: Socket[] = [];
    const { gateway } = await raws((socket) => {
      peer.push(socket);
      socket.resume().write(AGREED);
    });
    const caller = await joined(gateway);
    const gone = Promise.all([once(caller.resume(), 'end'), once(peer[0]!, 'end')]);
    await gateway.gateway.stop(50);
    await gone;
  });
});
