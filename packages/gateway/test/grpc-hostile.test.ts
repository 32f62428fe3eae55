/** Callers that mean no good, or do not know better: nobody else notices, and nothing of them is left behind. */
import assert from 'node:assert/strict';
import { connect, constants } from 'node:http2';
import { it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type GeyserServer, startGeyserServer } from 'keepwarm/testing/geyser';
import { SubscribeRequestSchema, SubscribeUpdateSchema } from 'keepwarm/yellowstone';
import { until } from './fixtures.ts';
import { aGrpcGateway } from './grpc-callers.ts';

type GrpcGateway = Awaited<ReturnType<typeof aGrpcGateway>>;

async function aGeyser(t: TestContext): Promise<GeyserServer> {
  const geyser = await startGeyserServer({ accountsPerSlot: 10, slotMs: 20 });
  t.after(() => geyser.close());
  return geyser;
}

const framed = (message: Uint8Array): Buffer => {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
};
const requestOf = (asked: Parameters<typeof create<typeof SubscribeRequestSchema>>[1]): Buffer =>
  framed(toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, asked)));
const ACCOUNTS = requestOf({ accounts: { mine: {} } });

/** A caller by hand over one connection. */
function aCaller(t: TestContext, port: number) {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  t.after(() => session.destroy());
  const subscribe = (first?: Buffer, more: object = {}) => {
    const stream = session.request({
      ...{ ':method': 'POST', ':path': '/geyser.Geyser/Subscribe' },
      ...{ 'content-type': 'application/grpc', te: 'trailers', ...more },
    });
    let status: string | undefined;
    let bytes = 0;
    const parts: Buffer[] = [];
    const noted = (fields: object): void => {
      const { 'grpc-status': said, 'grpc-message': message } = fields as Record<string, string | undefined>;
      if (said !== undefined) status = `${said} ${decodeURIComponent(message ?? '')}`;
    };
    stream
      .on('response', noted)
      .on('trailers', noted)
      .on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      parts.push(chunk);
    });
    if (first !== undefined) stream.write(first);
    return { stream, status: () => status, bytes: () => bytes, all: () => Buffer.concat(parts) };
  };
  return { session, subscribe };
}

/** A good caller that is there all along: the versions of the writes it gets have no hole, and no double. */
function aWitness(t: TestContext, port: number) {
  const { subscribe } = aCaller(t, port);
  const call = subscribe(ACCOUNTS);
  return {
    call,
    check(): number {
      const versions: number[] = [];
      const bytes = call.all();
      for (let at = 0; at + 5 <= bytes.length; ) {
        const end = at + 5 + bytes.readUInt32BE(at + 1);
        if (end > bytes.length) break;
        const { updateOneof } = fromBinary(SubscribeUpdateSchema, bytes.subarray(at + 5, end));
        if (updateOneof.case === 'account') versions.push(Number(updateOneof.value.account!.writeVersion));
        at = end;
      }
      assert.deepEqual(
        versions,
        versions.map((_, i) => versions[0]! + i),
      );
      assert.equal(call.status(), undefined);
      return versions.length;
    },
  };
}

const gatewayFor = (t: TestContext, geyser: GeyserServer): Promise<GrpcGateway> =>
  aGrpcGateway(t, geyser.target, { grpc: 'geyser' });

it('a thousand monitors that come and vanish in storms leave nothing behind, and nobody else notices', async (t) => {
  const geyser = await aGeyser(t);
  const { port, gateway } = await gatewayFor(t, geyser);
  const witness = aWitness(t, port);
  await until(() => witness.call.bytes() > 0, 'the witness is told');
  for (let storm = 0; storm < 5; storm++) {
    const callers = Array.from({ length: 10 }, () => aCaller(t, port));
    const streams = callers.flatMap(({ subscribe }, c) =>
      Array.from({ length: 20 }, (_, i) => {
        const owner = [geyser.owners[(c + i) % 5]!];
        const asked = [{ accounts: { a: { owner } } }, { slots: { s: {} } }, { blocksMeta: { b: {} }, commitment: 1 }];
        return subscribe(i % 4 === 3 ? undefined : requestOf(asked[i % 4]!)).stream;
      }),
    );
    await sleep(storm * 15);
    for (const [i, stream] of streams.entries()) if (i % 3 === 0) stream.close(constants.NGHTTP2_CANCEL);
    for (const [i, { session }] of callers.entries()) if (i % 2 === 0) session.destroy();
    await sleep(storm * 10);
    for (const { session } of callers) session.destroy();
  }
  const told = () => gateway.grpc.told()[0]!;
  await until(() => told().callers.open === 1 && told().multiplexer!.monitors.length === 1, 'they are gone');
  await until(() => told().multiplexer!.streams.every(({ filters }) => filters <= 2), 'and their filters');
  assert.equal(told().callers.inFlight, 1);
  assert.equal(told().multiplexer!.streams.length, 1);
  assert.equal(geyser.stats().connections.accepted, 1);
  assert.ok(witness.check() > 0);
});

it('bytes that are no messages end their own call by name, whatever they are and wherever they are cut', async (t) => {
  const geyser = await aGeyser(t);
  const { port } = await gatewayFor(t, geyser);
  const witness = aWitness(t, port);
  const { subscribe } = aCaller(t, port);
  const huge = Buffer.alloc(5);
  huge.writeUInt32BE(0xffffffff, 1);
  const compressed = Buffer.from([1, 0, 0, 0, 3, 1, 2, 3]);
  for (const [bytes, expected] of [
    [Buffer.from([7, 0, 0, 0, 0]), /^13 .*begins with 7/],
    [huge, /^8 .*larger than 67108864/],
    [compressed, /^12 .*coding/],
    [framed(Buffer.from('not protobuf at all')), /^3 /],
    [framed(Buffer.from([0x0a, 0x7f, 0x0a])), /^3 .*ends beyond/],
    [requestOf({ accounts: { ['n'.repeat(129)]: {} } }), /^3 .*129 bytes/],
    [requestOf({ accounts: { a: { account: ['not an address'] } } }), /^3 /],
    [requestOf({ accounts: { a: {} }, fromSlot: 2n ** 64n - 1n }), /^(?:3|11|13) |^$/],
  ] as const) {
    const call = subscribe();
    for (let at = 0; at < bytes.length; at += 40) call.stream.write(bytes.subarray(at, at + 40));
    if (String(expected).includes('|^$')) {
      await sleep(100);
      call.stream.close();
      continue;
    }
    await until(() => call.status() !== undefined, `${bytes.subarray(0, 20).toString('hex')} is refused`);
    assert.match(call.status()!, expected);
  }
  const half = subscribe(ACCOUNTS.subarray(0, 7));
  half.stream.end();
  await until(() => half.status() !== undefined, 'half a message is refused');
  assert.match(half.status()!, /^13 .*within a message/);
  await until(() => witness.check() > 50, 'the witness is told');
});

it('a filter of 20,000 addresses is taken, one beyond what upstream takes ends its own caller', async (t) => {
  const geyser = await startGeyserServer({ accountsPerSlot: 10, slotMs: 20, addressesMax: 25_000 });
  t.after(() => geyser.close());
  const { port } = await gatewayFor(t, geyser);
  const witness = aWitness(t, port);
  const { subscribe } = aCaller(t, port);
  const addresses = Array.from({ length: 20_000 }, (_, i) => geyser.accounts[i % 100]!);
  const large = subscribe(requestOf({ accounts: { large: { account: addresses } } }));
  await until(() => large.bytes() > 1_000, 'the large one is told');
  const larger = subscribe(requestOf({ accounts: { a: { account: [...addresses, ...addresses.slice(0, 10_000)] } } }));
  await until(() => larger.status() !== undefined, 'the larger one is refused');
  assert.match(larger.status()!, /^3 /);
  const before = large.bytes();
  await until(() => large.bytes() > before + 10_000 && large.status() === undefined, 'the others go on');
  assert.ok(witness.check() > 0);
});

it('a caller that reads nothing is fed no longer than its deadline, and reads why once it does', async (t) => {
  const geyser = await startGeyserServer({ accountsPerSlot: 100, slotMs: 10 });
  t.after(() => geyser.close());
  const multiplexer = { queuePolicy: 'dropOldest' };
  const { port, gateway } = await aGrpcGateway(t, geyser.target, { grpc: 'geyser', multiplexer });
  const slow = aCaller(t, port).subscribe(ACCOUNTS, { 'grpc-timeout': '1S' });
  slow.stream.pause();
  const monitors = () => gateway.grpc.told()[0]!.multiplexer!.monitors;
  await until(() => monitors().some(({ waiting }) => waiting > 0), 'more waits than it takes');
  await until(() => monitors().length === 0, 'it is fed no more');
  slow.stream.resume();
  await until(() => slow.status() !== undefined, 'it reads why');
  assert.match(slow.status()!, /^4 /);
});

for (const queuePolicy of ['disconnect', 'dropOldest', 'dropNewest'] as const) {
  it(`a caller that reads nothing harms nobody else, with ${queuePolicy}`, async (t) => {
    const geyser = await startGeyserServer({ accountsPerSlot: 100, slotMs: 10 });
    t.after(() => geyser.close());
    // As much as a good caller may be behind by, on a machine that is busy: it must not be told to go.
    const queueUpdatesMax = queuePolicy === 'disconnect' ? 5_000 : 200;
    const multiplexer = { queuePolicy, queueUpdatesMax };
    const { port, gateway } = await aGrpcGateway(t, geyser.target, { grpc: 'geyser', multiplexer });
    const slow = aCaller(t, port).subscribe(ACCOUNTS);
    slow.stream.pause();
    const witness = aWitness(t, port);
    const monitors = () => gateway.grpc.told()[0]!.multiplexer!.monitors;
    // The witness may be the later of the two to come.
    await until(() => witness.check() > 0, 'the witness is told');
    if (queuePolicy === 'disconnect') await until(() => monitors().length === 1, 'it is told to go');
    else await until(() => monitors().some(({ dropped }) => dropped > 500), 'updates are dropped');
    assert.ok(monitors().every(({ waiting }) => waiting <= queueUpdatesMax));
    if (queuePolicy === 'disconnect') {
      slow.stream.resume();
      await until(() => slow.status() !== undefined, 'it reads why');
      assert.match(slow.status()!, /^13 lagged/);
    }
    assert.ok(witness.check() > 0);
  });
}
