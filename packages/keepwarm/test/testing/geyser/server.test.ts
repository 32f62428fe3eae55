/** The test server against clients that are not ours, its limits, and its speed in numbers of updates. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { type GeyserServer, type GeyserServerOptions, startGeyserServer } from '../../../src/testing/geyser/index.ts';
import { makeAuthority } from '../../../src/testing/index.ts';
import {
  createYellowstone,
  Geyser,
  type SubscribeRequest,
  SubscribeRequestSchema,
  type SubscribeUpdate,
} from '../../../src/yellowstone.ts';
import { until } from '../../adapters/yellowstone/a-geyser.ts';

/** As much of the official client as is used here; its types are those of its CommonJS half. */
interface OfficialClient {
  connect(): Promise<void>;
  subscribe(): Promise<Duplex>;
  getSlot(): Promise<{ readonly slot: string }>;
  subscribeReplayInfo(): Promise<{ readonly firstAvailable?: string }>;
}
const { default: Client } = (await import('@triton-one/yellowstone-grpc' as string)) as {
  readonly default: new (endpoint: string, token: string, options: undefined) => OfficialClient;
};

async function aServer(t: TestContext, options: GeyserServerOptions = {}): Promise<GeyserServer> {
  const geyser = await startGeyserServer(options);
  t.after(() => geyser.close());
  return geyser;
}

const bytes = (message: Uint8Array): Buffer => Buffer.from(message);

/** Geyser as grpc-js has it, with messages of protobuf-es. */
function overGrpcJs(t: TestContext, geyser: GeyserServer): grpc.Client {
  const client = new grpc.Client(`127.0.0.1:${geyser.port}`, grpc.credentials.createInsecure());
  t.after(() => client.close());
  return client;
}

function subscribe(client: grpc.Client, metadata = new grpc.Metadata()) {
  const { input, output } = Geyser.method.subscribe;
  const stream = client.makeBidiStreamRequest<SubscribeRequest, SubscribeUpdate>(
    '/geyser.Geyser/Subscribe',
    (request) => bytes(toBinary(input, request)),
    (message) => fromBinary(output, message),
    metadata,
  );
  stream.on('error', () => undefined);
  return stream;
}

const ended = (stream: ReturnType<typeof subscribe>): Promise<grpc.StatusObject> =>
  new Promise((resolve) => void stream.on('status', resolve).resume());

describe('the Geyser test server', () => {
  it('serves the official client: updates, ping and pong, calls, replay', async (t) => {
    const geyser = await aServer(t, { token: 'secret', accountsPerSlot: 4, transactionsPerSlot: 2 });
    const client = new Client(geyser.target, 'secret', undefined);
    await client.connect();
    assert.equal((await client.getSlot()).slot, '99');
    const stream = await client.subscribe();
    const seen: string[] = [];
    stream.on('error', () => undefined);
    stream.on('data', (update: Record<string, unknown>) => {
      const kind = ['account', 'slot', 'transaction', 'blockMeta', 'pong'].find((name) => update[name] !== undefined);
      seen.push(`${kind} ${String(update.filters)}`);
    });
    const none = { transactionsStatus: {}, blocks: {}, entry: {}, accountsDataSlice: [] };
    const all = { vote: undefined, failed: undefined, accountInclude: [], accountExclude: [], accountRequired: [] };
    stream.write({
      ...none,
      accounts: { a: { account: [], owner: [], filters: [] } },
      slots: { s: { filterByCommitment: true } },
      transactions: { t: all },
      blocksMeta: { m: {} },
    });
    // It writes one by itself, without filters, when the stream is made.
    await until(() => geyser.stats().writes.filters === 2);
    geyser.advance(2);
    stream.write({ ...none, accounts: {}, slots: {}, transactions: {}, blocksMeta: {}, ping: { id: 7 } });
    await until(() => seen.length === 17);
    const count = (name: string) => seen.filter((each) => each === name).length;
    const counts = ['account a', 'slot s', 'transaction t', 'blockMeta m', 'pong '].map(count);
    assert.deepEqual(counts, [8, 2, 4, 2, 1]);
    assert.equal((await client.subscribeReplayInfo()).firstAvailable, '100');
    stream.destroy();
  });

  it('serves grpc-js, and answers wrong tokens, wrong filters and unknown methods with their status', async (t) => {
    const geyser = await aServer(t, { token: ['one', 'two'], accountsPerSlot: 3, transactionsPerSlot: 0 });
    const client = overGrpcJs(t, geyser);
    assert.equal((await ended(subscribe(client))).code, grpc.status.UNAUTHENTICATED);
    const metadata = new grpc.Metadata();
    metadata.set('x-token', 'two');
    const wrong = subscribe(client, metadata);
    wrong.write(create(SubscribeRequestSchema, { accounts: { a: { owner: ['?'] } } }));
    assert.equal((await ended(wrong)).code, grpc.status.INVALID_ARGUMENT);
    const stream = subscribe(client, metadata);
    const updates: SubscribeUpdate[] = [];
    stream.on('data', (update) => updates.push(update));
    stream.write(create(SubscribeRequestSchema, { accounts: { a: {} } }));
    await until(() => geyser.stats().writes.filters === 2);
    geyser.advance();
    await until(() => updates.length === 3);
    stream.write(create(SubscribeRequestSchema, { fromSlot: 1n }));
    const status = await ended(stream);
    assert.equal(status.code, grpc.status.OUT_OF_RANGE);
    assert.equal(status.details, 'broadcast from 1 is not available, last available: 100');
  });

  it('pushes 200,000 updates through, each once and in order', async (t) => {
    const geyser = await aServer(t, {
      accountsPerSlot: 2_000,
      transactionsPerSlot: 0,
      replaySlots: 1,
      finalizeAfter: 3,
    });
    await using yellowstone = createYellowstone({ target: geyser.target });
    const stream = yellowstone.subscribe({ accounts: { a: {} } });
    await until(() => geyser.stats().writes.filters === 1);
    let expected = 1n;
    for (let slots = 0; slots < 100; slots++) {
      geyser.advance();
      for (const last = expected + 2_000n; expected < last; expected++) {
        const { value } = await stream.next();
        assert(value?.kind === 'data' && value.value.updateOneof.case === 'account');
        if (value.value.updateOneof.value.account?.writeVersion !== expected) assert.fail(`not write ${expected}`);
      }
    }
  });

  it('gives the same chain for the same seed', async (t) => {
    const one = await aServer(t, { seed: 5 });
    const two = await aServer(t, { seed: 5 });
    const other = await aServer(t, { seed: 6 });
    assert.deepEqual(one.accounts, two.accounts);
    assert.notDeepEqual(one.accounts, other.accounts);
  });

  it('speaks TLS when it has a certificate, and says of its health what it is told', async (t) => {
    const authority = makeAuthority();
    const { cert, key } = authority.issue();
    const geyser = await aServer(t, { tls: { cert, key } });
    await using yellowstone = createYellowstone({ target: geyser.target, tls: { ca: authority.cert } });
    assert.equal(await yellowstone.getSlot(), 99n);
  });
});

describe('limits of the Geyser test server', () => {
  const dial = (geyser: GeyserServer): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(geyser.port, '127.0.0.1');
      // A connection that is let in is greeted with SETTINGS.
      socket.once('data', () => resolve(true)).on('error', () => resolve(false));
      t.signal.addEventListener('abort', () => socket.destroy());
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');
    });
  const t = new AbortController();

  it('count connections per window, and ban who opens more', async (context) => {
    context.after(() => t.abort());
    const geyser = await aServer(context, { connectionLimit: 3 });
    const outcomes: boolean[] = [];
    for (let i = 0; i < 5; i++) outcomes.push(await dial(geyser));
    assert.deepEqual(outcomes, [true, true, true, false, false]);
    const { accepted, banned, violations, windowMax } = geyser.stats().connections;
    assert.deepEqual([accepted, banned, violations, windowMax], [5, 2, 1, 5]);
  });

  it('answer with 429 where they are told to', async (context) => {
    const geyser = await aServer(context, { connectionLimit: 1, ban: '429' });
    const [first, second] = [overGrpcJs(context, geyser), overGrpcJs(context, geyser)];
    subscribe(first).write(create(SubscribeRequestSchema));
    await until(() => geyser.stats().connections.accepted === 1);
    await using ours = createYellowstone({ target: geyser.target, retry: false });
    await assert.rejects(ours.getSlot(), /UNAVAILABLE|429/);
    assert.equal(geyser.stats().connections.violations, 1);
    second.close();
  });

  it('end subscriptions that write too often, that are too many, and that lag', async (context) => {
    const geyser = await aServer(context, { writesPerSecondMax: 2, subscriptionsMax: 1, waitingMax: 50 });
    const client = overGrpcJs(context, geyser);
    const eager = subscribe(client);
    for (let i = 0; i < 3; i++) eager.write(create(SubscribeRequestSchema));
    assert.equal((await ended(eager)).code, grpc.status.RESOURCE_EXHAUSTED);
    const slow = subscribe(client);
    slow.write(create(SubscribeRequestSchema, { accounts: { a: {} } }));
    await until(() => geyser.stats().writes.filters === 4);
    assert.equal((await ended(subscribe(client))).details, 'max subscription limit exceeded');
    for (let i = 0; i < 60; i++) geyser.account();
    assert.equal((await ended(slow)).details, 'lagged to send an update');
  });

  it('refuse options that mean nothing, by name', async () => {
    await assert.rejects(startGeyserServer({ accounts: 0 }), /option accounts of startGeyserServer is 0/);
    await assert.rejects(startGeyserServer({ voteShare: 2 }), /option voteShare/);
    await assert.rejects(startGeyserServer({ blocks: 1 } as GeyserServerOptions), /no option blocks/);
  });
});
