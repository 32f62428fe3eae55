/** The end of the test server: whatever state a connection is in, nothing of it stays, and its client sees the end. */
import assert from 'node:assert/strict';
import { createConnection, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type GeyserServer, type GeyserServerOptions, startGeyserServer } from '../../../src/testing/geyser/index.ts';
import { makeAuthority } from '../../../src/testing/index.ts';
import { until } from '../../adapters/yellowstone/a-geyser.ts';

const authority = makeAuthority();
const certificate = authority.issue();

const frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};
const field = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);
const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
/** Preface, a window without end, and a subscription to all accounts. */
const SUBSCRIBED = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(4, 0, 0, Buffer.concat([Buffer.of(0, 4), uint32(0x7fff_ffff)])),
  frame(8, 0, 0, uint32(0x7fff_0000)),
  frame(
    1,
    4,
    1,
    Buffer.concat([
      ...[field(':method', 'POST'), field(':scheme', 'http'), field(':path', '/geyser.Geyser/Subscribe')],
      ...[field(':authority', 'x'), field('content-type', 'application/grpc')],
    ]),
  ),
  frame(0, 0, 1, Buffer.of(0, 0, 0, 0, 7, 0x0a, 5, 0x0a, 1, 0x61, 0x12, 0)),
]);
const BROKEN = frame(0, 0, 0, Buffer.alloc(4));

/** A connection that takes nothing unless it is told to, and keeps its end open. */
interface Line {
  readonly socket: Socket;
  readonly ended: Promise<unknown>;
}

async function aLine(geyser: GeyserServer, tls: boolean): Promise<Line> {
  const to = { port: geyser.port, host: '127.0.0.1', allowHalfOpen: true };
  const socket = tls
    ? connectTls({ ...to, ca: authority.cert, servername: 'localhost', ALPNProtocols: ['h2'] })
    : createConnection(to);
  const ended = new Promise((resolve) => void socket.on('error', resolve).on('end', resolve).on('close', resolve));
  socket.pause();
  await Promise.race([ended, new Promise((resolve) => void socket.once(tls ? 'secureConnect' : 'connect', resolve))]);
  return { socket, ended };
}

const turn = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const STATES: Readonly<Record<string, (line: Line, geyser: GeyserServer) => unknown>> = {
  'has said nothing': () => undefined,
  'has ended its side': ({ socket }) => socket.end(),
  'speaks something else': ({ socket }) => socket.write('GET / HTTP/1.1\r\n\r\n'),
  'is subscribed': async ({ socket }, geyser) => {
    socket.write(SUBSCRIBED);
    await until(() => geyser.stats().subscriptions.open === 1);
  },
  'is behind by 30,000 updates and takes none': async ({ socket }, geyser) => {
    socket.write(SUBSCRIBED);
    await until(() => geyser.stats().subscriptions.open === 1);
    await turn();
    geyser.advance(300);
    await until(() => geyser.stats().updatesWaiting > 0);
  },
  'is behind, and was told to go': async ({ socket }, geyser) => {
    socket.write(SUBSCRIBED);
    await until(() => geyser.stats().subscriptions.open === 1);
    await turn();
    geyser.advance(300);
    await turn();
    geyser.goaway();
    await turn();
  },
  'is behind, and has broken the protocol': async ({ socket }, geyser) => {
    socket.write(SUBSCRIBED);
    await until(() => geyser.stats().subscriptions.open === 1);
    await turn();
    geyser.advance(300);
    await turn();
    socket.write(BROKEN);
    await turn();
  },
};

describe('the Geyser test server, closed', () => {
  for (const tls of [false, true]) {
    for (const [state, enter] of Object.entries(STATES)) {
      it(`leaves nothing of a connection that ${state}${tls ? ', over TLS' : ''}`, async () => {
        const options: GeyserServerOptions = { accountsPerSlot: 100, ...(tls && { tls: certificate }) };
        const geyser = await startGeyserServer(options);
        const line = await aLine(geyser, tls);
        await enter(line, geyser);
        await Promise.all([geyser.close(), geyser.close()]);
        assert.equal(geyser.stats().connections.open, 0);
        line.socket.resume();
        await line.ended;
        line.socket.destroy();
        // What the system still has of either side would keep the process from ending, too.
        await until(() => !process.getActiveResourcesInfo().includes('TCPSocketWrap'));
      });
    }
  }

  it('leaves nothing of a TLS connection that is about to end by itself, at whichever turn it is closed', async () => {
    for (let turns = 0; turns < 8; turns++) {
      const geyser = await startGeyserServer({ accountsPerSlot: 100, tls: certificate });
      const line = await aLine(geyser, true);
      line.socket.write(SUBSCRIBED);
      await until(() => geyser.stats().subscriptions.open === 1);
      geyser.advance(300);
      await turn();
      line.socket.write(BROKEN);
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      await geyser.close();
      assert.equal(geyser.stats().connections.open, 0);
      line.socket.destroy();
      await until(() => !process.getActiveResourcesInfo().includes('TCPSocketWrap'));
    }
  });

  it('leaves nothing of a black hole, of one that was refused, of many that just come', async () => {
    const geyser = await startGeyserServer();
    geyser.blackHole();
    const held = await aLine(geyser, false);
    geyser.refuse();
    const refused = await aLine(geyser, false);
    const coming = Array.from({ length: 50 }, () => aLine(geyser, false));
    await geyser.close();
    for (const { socket } of [held, refused]) socket.destroy();
    for (const line of coming) (await line).socket.destroy();
    assert.equal(geyser.stats().connections.open, 0);
  });

  it('leaves nothing of one that could not listen', async () => {
    const geyser = await startGeyserServer();
    await assert.rejects(startGeyserServer({ port: geyser.port, slotMs: 1 }), /EADDRINUSE/);
    await geyser.close();
    await until(() => !process.getActiveResourcesInfo().includes('TCPServerWrap'));
  });
});
