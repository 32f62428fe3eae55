/** WebSocket connections against a server that is not ours, and against servers that break the rules. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { type Peer, WebSocketServer } from 'ws';
import { settle } from '../../src/clients/options.ts';
import { systemClock } from '../../src/core/clock.ts';
import { Fields } from '../../src/core/fields.ts';
import type { Observer } from '../../src/core/observer.ts';
import { WebSocketEngine } from '../../src/engines/websocket/engine.ts';
import { WEBSOCKET_DEFAULTS, type WebSocketLimits } from '../../src/engines/websocket/options.ts';
import type { WebSocketSession } from '../../src/engines/websocket/session.ts';
import { type NetError, originOf } from '../../src/index.ts';
import { Dialler } from '../../src/net/dial.ts';
import { DnsCache } from '../../src/net/dns.ts';
import { systemResolver } from '../../src/net/resolver.ts';
import { type TlsOptions, TlsSetup } from '../../src/net/tls.ts';
import { selfSigned } from '../../src/testing/certificates.ts';
import { fails, leavesNothing, until } from './setup.ts';

leavesNothing();

const NEVER = new AbortController().signal;

function anEngine(
  t: TestContext,
  limits: Partial<WebSocketLimits> = {},
  observer: Observer = {},
  tls: TlsOptions = {},
) {
  const dns = new DnsCache({ ...settle('dns', {}), resolver: systemResolver() }, systemClock, {});
  const dialler = new Dialler(settle('connect', {}), dns, new TlsSetup(tls), systemClock);
  const engine = new WebSocketEngine({ ...WEBSOCKET_DEFAULTS, ...limits }, { clock: systemClock, observer, dialler });
  t.after(() => {
    engine.close();
    dns.close();
    assert.equal(engine.sockets.size, 0, 'a closed engine has no sockets');
  });
  const open = async (url: string, signal = NEVER, headers = {}) => {
    const messages: string[] = [];
    const ended = Promise.withResolvers<NetError>();
    const { origin, pathname, search } = new URL(url.replace(/^ws/, 'http'));
    const session = await engine.open(
      { origin: originOf(new URL(origin)), path: pathname + search, fields: Fields.of(headers) },
      { message: (text) => messages.push(text), ended: ended.resolve },
      signal,
    );
    return { session, messages, ended: ended.promise };
  };
  return { engine, open };
}

async function aServer(
  t: TestContext,
  serve: (peer: Peer, headers: object) => void,
  options: { autoPong?: boolean } = {},
) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  await new Promise<void>((resolve) => server.on('listening', resolve));
  server.on('connection', (peer, request) =>
    serve(
      peer.on('error', () => {}),
      request.headers,
    ),
  );
  t.after(() => {
    for (const peer of server.clients) peer.terminate();
    server.close();
  });
  return `ws://127.0.0.1:${server.address().port}`;
}

/** A TCP server that answers whatever first comes with these bytes. */
async function aLiar(t: TestContext, answer: (head: string, socket: Socket) => string | undefined) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    socket.once('data', (data) => {
      const bytes = answer(data.toString('latin1'), socket);
      if (bytes !== undefined) socket.write(bytes, 'latin1');
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  return `ws://127.0.0.1:${address.port}`;
}

/** A TLS server that agrees, sends these frames and hangs up; all of that comes as one piece. */
async function inOnePiece(t: TestContext, frames: string): Promise<string> {
  let held: Buffer[] | undefined;
  const secure = createTlsServer(selfSigned(), (socket) => {
    socket.on('error', () => {});
    socket.once('data', (data) => {
      held = [];
      const key = /sec-websocket-key: (.*)\r\n/i.exec(data.toString('latin1'))![1]!;
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      const agreed = ['HTTP/1.1 101 ', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
      socket.end(`${agreed.join('\r\n')}\r\n\r\n${frames}`, 'latin1');
    });
  });
  const relay = createServer((socket) => {
    const { port } = secure.address() as AddressInfo;
    const onward = connect(port, '127.0.0.1', () => socket.pipe(onward)).on('error', () => {});
    onward.on('data', (data) => (held === undefined ? socket.write(data) : held.push(data)));
    onward.on('end', () => socket.end(Buffer.concat(held ?? [])));
    socket.on('error', () => {}).on('close', () => onward.destroy());
  });
  for (const server of [secure, relay]) {
    server.on('connection', (socket: Socket) => t.after(() => socket.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
  }
  return `wss://127.0.0.1:${(relay.address() as AddressInfo).port}`;
}

const echo = (peer: Peer) => peer.on('message', (data, binary) => peer.send(binary ? data : data.toString()));

describe('a WebSocket connection', () => {
  it('carries text both ways, of every length, in order', async (t) => {
    const { open } = anEngine(t);
    const { session, messages } = await open(await aServer(t, echo));
    const sent = [0, 1, 125, 126, 65_535, 65_536, 300_000].map((length) => 'ü'.repeat(length));
    for (const text of sent) session.send(text);
    await until(() => messages.length === sent.length, 'every echo');
    assert.deepEqual(messages, sent);
  });

  it('asks with the headers it was given', async (t) => {
    const { open } = anEngine(t);
    const seen: object[] = [];
    await open(await aServer(t, (_, headers) => seen.push(headers)), NEVER, { 'x-token': 'abc' });
    assert.equal((seen[0] as Record<string, string>)['x-token'], 'abc');
    assert.equal((seen[0] as Record<string, string>)['sec-websocket-extensions'], undefined);
  });

  it('gives what the server sends right behind its agreement', async (t) => {
    const { open } = anEngine(t);
    const { messages } = await open(await aServer(t, (peer) => peer.send('at once')));
    await until(() => messages.length === 1, 'the early message');
    assert.deepEqual(messages, ['at once']);
  });

  it('gives what came in one piece with the agreement, the goodbye and the end', async (t) => {
    const { open } = anEngine(t, {}, {}, { verify: false });
    const url = await inOnePiece(t, '\x81\x02hi\x88\x0a\x03\xf0no token');
    const { messages, ended } = await open(url);
    assert.match((await ended).message, /the peer closed the connection \(1008: no token\)/);
    assert.deepEqual(messages, ['hi']);
  });

  it('takes messages in fragments, and answers pings between them', async (t) => {
    const { open } = anEngine(t);
    let pongs = 0;
    const url = await aServer(t, (peer) => {
      peer.on('pong', () => pongs++);
      peer.send('one, ', { fin: false });
      peer.ping('still there?');
      peer.send('two', { fin: true });
    });
    const { messages } = await open(url);
    await until(() => messages.length === 1 && pongs === 1, 'message and pong');
    assert.deepEqual(messages, ['one, two']);
  });

  it('says goodbye when closed, and closing twice is harmless', async (t) => {
    const { open } = anEngine(t);
    const goodbye = Promise.withResolvers<number>();
    const { session, ended } = await open(await aServer(t, (peer) => peer.on('close', goodbye.resolve)));
    session.close();
    session.close();
    assert.equal((await ended).code, 'CLOSED');
    assert.equal(await goodbye.promise, 1000);
    assert.throws(() => session.send('late'), { code: 'CLOSED', reach: 'unsent' });
  });

  it('(1) tells once how it ended: with a goodbye, without one, by a reset', async (t) => {
    const { open, engine } = anEngine(t);
    const leaves: ((peer: Peer) => void)[] = [
      (peer) => peer.close(1012, 'restart\u0007'),
      (peer) => peer.terminate(),
      (peer) => peer._socket.end(),
    ];
    const url = await aServer(t, (peer) => leaves.shift()!(peer));
    const first = await (await open(url)).ended;
    assert.equal(first.code, 'RESET');
    assert.match(first.message, /1012: restart\?/);
    for (let i = 0; i < 2; i++) assert.equal((await (await open(url)).ended).code, 'RESET');
    assert.equal(engine.sockets.closedCount, 3);
  });

  it('tells of its opening and closing as every other socket', async (t) => {
    const facts: string[] = [];
    const { open } = anEngine(
      t,
      {},
      {
        socketOpened: ({ address }) => facts.push(`opened ${address}`),
        socketClosed: ({ reason }) => facts.push(`closed ${reason}`),
      },
    );
    const { session } = await open(await aServer(t, echo));
    session.close('aborted');
    assert.deepEqual(facts, ['opened 127.0.0.1', 'closed aborted']);
  });
});

describe('a connection that is silent', () => {
  it('is pinged, and lives as long as it answers', async (t) => {
    const { open } = anEngine(t, { pingMs: 5, pongMs: 5_000 });
    let pings = 0;
    const { session } = await open(await aServer(t, (peer) => peer.on('ping', () => pings++)));
    await until(() => pings >= 3, 'three pings');
    assert(session.open);
  });

  it('(3) is dead when nothing answers the ping', async (t) => {
    const { open } = anEngine(t, { pingMs: 5, pongMs: 20 });
    const { ended } = await open(await aServer(t, () => {}, { autoPong: false }));
    const error = await ended;
    assert.deepEqual([error.code, error.limit, error.value], ['TIMEOUT', 'pongMs', 20]);
  });
});

describe('a server that will not do', () => {
  it('refuses with a status and a pause, and both are told, the key in the path is not', async (t) => {
    const { open } = anEngine(t);
    const url = await aLiar(t, () => 'HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n');
    const error = await fails(open(`${url}/v2/secret-key?api=secret-key`), {
      ...{ code: 'STATUS', reach: 'answered', phase: 'head' },
    });
    assert.deepEqual([error.status, error.retryAfterMs], [429, 7_000]);
    assert(!JSON.stringify([error, error.message, error.stack, error.origin]).includes('secret-key'));
  });

  const AGREED = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
  const lies: Record<string, string> = {
    'no accept': '\r\n',
    'a wrong accept': 'Sec-WebSocket-Accept: AAAA\r\n\r\n',
  };
  for (const [what, rest] of Object.entries(lies)) {
    it(`agrees with ${what}: PROTOCOL`, async (t) => {
      const { open } = anEngine(t);
      const url = await aLiar(t, () => AGREED + rest);
      await fails(open(url), { code: 'PROTOCOL', reach: 'answered', phase: 'head' });
    });
  }

  it('answers something else than HTTP: PROTOCOL', async (t) => {
    const { open } = anEngine(t);
    await fails(open(await aLiar(t, () => 'hello?\r\n')), { code: 'PROTOCOL', reach: 'answered', phase: 'head' });
  });

  it('hangs up during the handshake: RESET', async (t) => {
    const { open } = anEngine(t);
    const url = await aLiar(t, (_, socket) => void socket.end());
    await fails(open(url), { code: 'RESET', reach: 'unknown', phase: 'head' });
  });

  it('never answers: TIMEOUT with limit handshakeMs', async (t) => {
    const { open } = anEngine(t, { handshakeMs: 20 });
    await fails(open(await aLiar(t, () => undefined)), {
      ...{ code: 'TIMEOUT', reach: 'unknown', phase: 'head', limit: 'handshakeMs', value: 20 },
    });
  });

  it('sends more than messageBytesMax: LIMIT, and the peer is told why', async (t) => {
    const { open } = anEngine(t, { messageBytesMax: 1_000 });
    const goodbye = Promise.withResolvers<number>();
    const { ended } = await open(
      await aServer(t, (peer) => {
        peer.on('close', goodbye.resolve);
        peer.send('x'.repeat(1_001));
      }),
    );
    const error = await ended;
    assert.deepEqual([error.code, error.limit, error.value], ['LIMIT', 'messageBytesMax', 1_000]);
    assert.equal(await goodbye.promise, 1009);
  });

  it('pings on and on and takes nothing: its answers are not piled up', async (t) => {
    const PINGS = 200_000;
    const ping = Buffer.concat([Buffer.from([0x89, 125]), Buffer.alloc(125)]);
    const { open } = anEngine(t);
    const { session } = await open(
      await aServer(t, (peer) => {
        peer._socket.pause();
        for (let i = 0; i < PINGS; i += 1_000) peer._socket.write(Buffer.concat(new Array(1_000).fill(ping)));
      }),
    );
    await until(() => session.life().bytesIn >= PINGS * ping.length, 'all are read');
    const { bytesOut } = session.life();
    assert(bytesOut < (PINGS * ping.length) / 2, `${bytesOut} bytes of answers`);
  });

  it('takes nothing: what is sent is refused above sendBytesMax', async (t) => {
    const { open } = anEngine(t, { sendBytesMax: 100_000, closeMs: 10 });
    const { session } = await open(await aServer(t, (peer) => peer._socket.pause()));
    const flood = () => {
      for (let i = 0; i < 10_000; i++) session.send('x'.repeat(10_000));
    };
    assert.throws(flood, { code: 'SATURATED', reach: 'unsent', limit: 'sendBytesMax', value: 100_000 });
  });
});

describe('opening is given up', () => {
  it('at once when the signal fires, before and during the handshake', async (t) => {
    const { open } = anEngine(t);
    const url = await aLiar(t, () => undefined);
    await fails(open(url, AbortSignal.abort()), { code: 'ABORTED', reach: 'unsent', phase: 'connect' });
    const caller = new AbortController();
    const opening = open(url, caller.signal);
    setImmediate(() => caller.abort());
    assert.equal(((await opening.catch((error: NetError) => error)) as NetError).code, 'ABORTED');
  });

  it('when the engine closes', async (t) => {
    const { open, engine } = anEngine(t);
    const opening: Promise<{ session: WebSocketSession }> = open(await aLiar(t, () => undefined));
    engine.close();
    const error = (await opening.catch((thrown: NetError) => thrown)) as NetError;
    assert.equal(error.code, 'CLOSED');
  });
});
