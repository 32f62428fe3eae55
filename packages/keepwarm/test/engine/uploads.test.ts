/** Which silence ends a call while its own body is still going out: that of a peer, and nobody else's. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Client, ClientOptions, NetError, Reply } from '../../src/index.ts';
import { FakeClock } from '../../src/testing/index.ts';
import { data, headers, windowUpdate } from '../wire/h2/raw.ts';
import { aTalk, STATUS_200 } from './h2/a-peer.ts';
import { aClient, errorOf, leavesNothing, until } from './setup.ts';

leavesNothing();

/** Time stands still until it is moved; the network runs by itself. */
const aClock = (): FakeClock => Object.assign(new FakeClock(), { nextTurn: (task: () => void) => setImmediate(task) });

/** A server that reads when it is told to, and answers when it is told to. */
interface Wire {
  readonly client: Client;
  readonly clock: FakeClock;
  /** Lets some more of the body come; all of it, when it is told so. */
  take(all?: boolean): void;
  head(): void;
  /** A part of the reply; the last one ends it. */
  part(text: string, last: boolean): void;
  /** Body bytes that are there. */
  readonly bytes: number;
  /** The call has reached the server. */
  readonly asked: boolean;
}

type Body = Parameters<Client['post']>[1];

const NEVER = Number.POSITIVE_INFINITY;
const LIMITS = { firstByteMs: 30_000, betweenBytesMs: 15_000 } as const;

async function http1(t: TestContext): Promise<Wire> {
  const clock = aClock();
  let socket: Socket | undefined;
  let bytes = 0;
  let taken = 0;
  const server = createServer((accepted) => {
    socket = accepted;
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const end = bytes === 0 ? chunk.indexOf('\r\n\r\n') + 4 : 0;
      bytes += chunk.length - end;
      if (bytes >= taken) accepted.pause();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    socket?.destroy();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = aClient(t, options(origin, clock));
  return {
    client,
    clock,
    get bytes() {
      return bytes;
    },
    get asked() {
      return bytes > 0;
    },
    take(all = false) {
      taken = all ? NEVER : bytes + 1_000_000;
      socket!.resume();
    },
    head: () => void socket!.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
    part: (text, last) => void socket!.write(`${text.length.toString(16)}\r\n${text}\r\n${last ? '0\r\n\r\n' : ''}`),
  };
}

async function http2(t: TestContext): Promise<Wire> {
  const clock = aClock();
  let id = 0;
  const begun = { head: (_line: unknown, asked: { id: number }) => void (id = asked.id) };
  const { origin: _, ...rest } = options('', clock);
  const { client, peer } = await aTalk(t, begun, { ...rest, session: { pingMs: NEVER, pongMs: NEVER } });
  const credit = (by: number): void => peer.line.send(windowUpdate(0, by), windowUpdate(id, by));
  return {
    client,
    clock,
    get bytes() {
      return peer.lines.at(-1)?.bytes ?? 0;
    },
    get asked() {
      return id > 0;
    },
    take: (all = false) => credit(all ? 100_000_000 : 100_000),
    head: () => peer.line.send(headers(id, STATUS_200)),
    part: (text, last) => peer.line.send(data(id, text, last)),
  };
}

/** One connection for good: a successor of one that grows old would come while hours pass. */
const options = (origin: string, clock: FakeClock) =>
  ({ origin, clock, deadlineMs: NEVER, limits: LIMITS, pool: { idleMs: NEVER, ageMs: NEVER } }) satisfies ClientOptions;

/** What a call has come to by now, without waiting for it. */
function watched(call: PromiseLike<Reply>) {
  const seen: { reply?: Reply; error?: NetError } = {};
  call.then(
    (reply) => void (seen.reply = reply),
    (error: NetError) => void (seen.error = error),
  );
  return seen;
}

/** Time passes, and whoever is due is told. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  clock.advance(ms);
  for (let i = 0; i < 4; i++) await turn();
}

/** A body whose pieces come when the test gives them. */
function aSource() {
  let given: PromiseWithResolvers<Uint8Array | undefined> = Promise.withResolvers();
  const body = async function* () {
    for (;;) {
      const piece = await given.promise;
      given = Promise.withResolvers();
      if (piece === undefined) return;
      yield piece;
    }
  };
  return { body: body(), give: (piece?: Uint8Array) => given.resolve(piece) };
}

const LARGE = 48 * 1024 * 1024;
const whole = { bytes: () => Buffer.alloc(LARGE, 'a'), text: () => 'a'.repeat(LARGE) };
const streamed = async function* (): AsyncGenerator<Uint8Array> {
  yield Buffer.alloc(LARGE, 'a');
};

for (const [protocol, aWire] of [
  ['HTTP/1.1', http1],
  ['HTTP/2', http2],
] as const) {
  const post = (wire: Wire, body: Body) => watched(wire.client.post('/', body));

  describe(`a request body that goes out slowly over ${protocol}`, () => {
    for (const [kind, body] of Object.entries({ ...whole, stream: streamed })) {
      it(`as ${kind} is not ended while the peer takes some of it now and then`, async (t) => {
        const wire = await aWire(t);
        const call = post(wire, body());
        await until(() => wire.asked, 'the call arrives');
        for (let i = 0; i < 8; i++) {
          await moved(wire);
          await pass(wire.clock, 25_000);
          assert.equal(call.error, undefined);
        }
        wire.take(true);
        await until(() => wire.bytes >= LARGE, 'all of it comes');
        await settled(wire);
        await pass(wire.clock, 29_000);
        wire.head();
        wire.part('ok', true);
        await until(() => call.reply !== undefined, 'the reply comes');
        assert.equal(await call.reply!.text(), 'ok');
      });

      it(`as ${kind} is given up when the peer takes nothing for firstByteMs`, async (t) => {
        const wire = await aWire(t);
        const call = post(wire, body());
        await until(() => wire.asked, 'the call arrives');
        await settled(wire);
        await pass(wire.clock, 29_000);
        assert.equal(call.error, undefined);
        await pass(wire.clock, 1_001);
        const { code, phase, reach, limit, value, message } = call.error!;
        assert.deepEqual([code, phase, reach, limit, value], ['TIMEOUT', 'write', 'unknown', 'firstByteMs', 30_000]);
        assert.match(message, /nothing more of the request was taken within 30000 ms/);
      });
    }

    it('may wait for its source as long as the call may last, whatever has come of the reply', async (t) => {
      const wire = await aWire(t);
      const { body, give } = aSource();
      const call = post(wire, body);
      give(Buffer.from('first'));
      await until(() => wire.bytes > 0, 'it begins');
      await pass(wire.clock, 600_000);
      wire.head();
      await until(() => call.reply !== undefined, 'the head comes');
      await pass(wire.clock, 600_000);
      wire.part('a', false);
      await settled(wire);
      await pass(wire.clock, 600_000);
      give();
      await settled(wire);
      await pass(wire.clock, 14_000);
      wire.part('b', true);
      assert.equal(await call.reply!.text(), 'ab');
    });

    it('is followed by betweenBytesMs for the rest of a reply that came early', async (t) => {
      const wire = await aWire(t);
      const { body, give } = aSource();
      const call = post(wire, body);
      give(Buffer.from('first'));
      await until(() => wire.bytes > 0, 'it begins');
      wire.head();
      await until(() => call.reply !== undefined, 'the head comes');
      await pass(wire.clock, 100_000);
      give();
      await settled(wire);
      await pass(wire.clock, 15_001);
      const { code, phase, limit } = await errorOf(call.reply!.text());
      assert.deepEqual([code, phase, limit], ['TIMEOUT', 'body', 'betweenBytesMs']);
    });

    it('ends with a reply that came early, when the peer takes no more for betweenBytesMs', async (t) => {
      const wire = await aWire(t);
      const call = post(wire, streamed());
      await until(() => wire.asked, 'the call arrives');
      await settled(wire);
      wire.head();
      await until(() => call.reply !== undefined, 'the head comes');
      const text = errorOf(call.reply!.text());
      await settled(wire);
      await pass(wire.clock, 15_001);
      const { code, phase, reach, limit } = await text;
      assert.deepEqual([code, phase, reach, limit], ['TIMEOUT', 'body', 'answered', 'betweenBytesMs']);
    });
  });
}

const outOf = ({ client }: Wire): number =>
  client.stats().sockets.live.reduce((sum, { bytesOut }) => sum + bytesOut, 0);

/** The peer has taken so much that more could be given: systems keep some megabytes on the way. */
async function moved(wire: Wire): Promise<void> {
  for (const before = outOf(wire); outOf(wire) === before; await settled(wire)) wire.take();
}

/** What can move by itself has moved: nothing was sent or taken for a while. */
async function settled(wire: Wire): Promise<void> {
  const sum = (): number => outOf(wire) + wire.bytes;
  for (let same = 0, last = -1; same < 20; ) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    const now = sum();
    same = now === last ? same + 1 : 0;
    last = now;
  }
}
