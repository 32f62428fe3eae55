/** Subscribers that are not ours, on one stream upstream: grpc-js, Python's grpcio, and what they may get wrong. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { type GeyserServer, startGeyserServer } from 'keepwarm/testing/geyser';
import { until } from './fixtures.ts';
import { aGrpcGateway } from './grpc-callers.ts';

const PYTHONS = ['/usr/bin/python3', 'python3'];
const python = PYTHONS.find((each) => spawnSync(each, ['-c', 'import grpc'], { stdio: 'ignore' }).status === 0);

/** `SubscribeRequest`: every account, by the name `mon`; and every status of a slot, by the name `slots`. */
const ACCOUNTS = Buffer.from('0a050a036d6f6e', 'hex');
const SLOTS = Buffer.from('12070a05736c6f7473', 'hex');
const MONITOR_NAME = Buffer.from('0a036d6f6e', 'hex');

async function aGeyser(t: TestContext): Promise<GeyserServer> {
  const geyser = await startGeyserServer({ token: 'upstream', accountsPerSlot: 10, slotMs: 20 });
  t.after(() => geyser.close());
  return geyser;
}

interface Subscriber {
  readonly got: Buffer[];
  readonly call: grpc.ClientDuplexStream<Buffer, Buffer>;
  readonly status: Promise<grpc.StatusObject>;
}

function subscribe(t: TestContext, port: number, request: Buffer, token = 'local'): Subscriber {
  const same = (bytes: Buffer): Buffer => bytes;
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  t.after(() => client.close());
  const metadata = new grpc.Metadata();
  metadata.set('x-token', token);
  const call = client.makeBidiStreamRequest('/geyser.Geyser/Subscribe', same, same, metadata);
  const got: Buffer[] = [];
  call.on('data', (bytes: Buffer) => got.push(bytes)).on('error', () => undefined);
  call.write(request);
  return { got, call, status: new Promise((resolve) => call.on('status', resolve)) };
}

it('grpc-js and Python share one stream upstream, each with its own names', async (t) => {
  assert.ok(python !== undefined, 'neither /usr/bin/python3 nor python3 has grpcio; on Debian: python3-grpcio');
  const geyser = await aGeyser(t);
  const { port } = await aGrpcGateway(t, geyser.target, { grpc: 'geyser', token: 'upstream', tokens: ['local'] });
  const [accounts, slots] = [subscribe(t, port, ACCOUNTS), subscribe(t, port, SLOTS)];
  const caller = join(import.meta.dirname, 'grpcio-caller.py');
  const child = spawn(python, [caller, `127.0.0.1:${port}`, 'local', ACCOUNTS.toString('hex'), '50']);
  t.after(() => child.kill('SIGKILL'));
  let printed = '';
  for await (const text of child.stdout) printed += text;
  const [slot, ...updates] = printed.trim().split('\n');
  assert.match(slot ?? '', /^08/, 'GetSlot was answered');
  assert.equal(updates.length, 50);
  await until(() => accounts.got.length > 50 && slots.got.length > 5, 'both have updates');
  assert.ok(
    accounts.got.every((bytes) => bytes.indexOf(MONITOR_NAME) === 0),
    'no name but its own',
  );
  const asHex = new Set(accounts.got.map((bytes) => bytes.toString('hex')));
  const shared = updates.filter((each) => asHex.has(each));
  assert.ok(shared.length >= 49, 'and what it got is byte for byte what the other got');
  const { connections, subscriptions } = geyser.stats();
  assert.deepEqual([connections.accepted, subscriptions.total], [1, 1]);
  for (const { call } of [accounts, slots]) call.cancel();
  await until(() => geyser.stats().subscriptions.open === 0, 'nobody is left upstream');
});

it('half of a stream may end: its caller goes on being told', async (t) => {
  const geyser = await aGeyser(t);
  const { port } = await aGrpcGateway(t, geyser.target, { grpc: 'geyser', token: 'upstream', tokens: ['local'] });
  const { call, got } = subscribe(t, port, ACCOUNTS);
  await until(() => got.length > 0, 'it is told');
  call.end();
  const before = got.length;
  await until(() => got.length > before + 20, 'it goes on');
  call.cancel();
});

it('what is no request ends its own caller, with a status that says so', async (t) => {
  const geyser = await aGeyser(t);
  const { port } = await aGrpcGateway(t, geyser.target, { grpc: 'geyser', token: 'upstream', tokens: ['local'] });
  const good = subscribe(t, port, ACCOUNTS);
  await until(() => good.got.length > 0, 'it is told');
  const broken = await subscribe(t, port, Buffer.from('ffff', 'hex')).status;
  assert.equal(broken.code, grpc.status.INVALID_ARGUMENT);
  const longName = Buffer.concat([Buffer.from('0a84010a8101', 'hex'), Buffer.alloc(129, 'n')]);
  const long = await subscribe(t, port, longName).status;
  assert.equal(long.code, grpc.status.INVALID_ARGUMENT);
  assert.match(long.details, /129 bytes \(limit 128\)/);
  const stranger = await subscribe(t, port, ACCOUNTS, 'not-known').status;
  assert.equal(stranger.code, grpc.status.UNAUTHENTICATED);
  const before = good.got.length;
  await until(() => good.got.length > before + 10, 'the good one goes on');
});

it('a token that upstream refuses is told to whoever subscribes', async (t) => {
  const geyser = await aGeyser(t);
  const { port } = await aGrpcGateway(t, geyser.target, { grpc: 'geyser', token: 'revoked' });
  const { code } = await subscribe(t, port, ACCOUNTS).status;
  assert.equal(code, grpc.status.UNAUTHENTICATED);
});

it('a stream that is often full leaves nothing behind each time', async (t) => {
  const warnings: string[] = [];
  const heard = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', heard);
  t.after(() => process.off('warning', heard));
  const geyser = await startGeyserServer({ accountsPerSlot: 200, accountBytes: 4_000, transactionsPerSlot: 0 });
  t.after(() => geyser.close());
  const { port } = await aGrpcGateway(t, geyser.target, { grpc: 'geyser' });
  const { got, call } = subscribe(t, port, ACCOUNTS);
  await until(() => geyser.stats().subscriptions.open === 1, 'it is taken');
  for (let slot = 0; slot < 8; slot++) geyser.advance();
  await until(() => got.length >= 1_500, 'all came');
  call.cancel();
  assert.deepEqual(warnings, []);
});
