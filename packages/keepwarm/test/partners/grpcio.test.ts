/** Our calls against C-core, the implementation that most others are made of: a server of Python's grpcio. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type GrpcCallOptions, type GrpcClient, Outbox, rawMethod, STATUS } from '../../src/grpc.ts';
import { leavesNothing, until } from '../engine/setup.ts';
import { aClient, all } from '../grpc/a-server.ts';

leavesNothing();

/** Debian's own has what Debian installs; another one may come first on the PATH. */
const PYTHONS = ['/usr/bin/python3', 'python3'];
const python = PYTHONS.find((each) => spawnSync(each, ['-c', 'import grpc'], { stdio: 'ignore' }).status === 0);

async function aServer(t: TestContext, ...args: string[]): Promise<string> {
  assert(python !== undefined, 'neither /usr/bin/python3 nor python3 has grpcio; on Debian: python3-grpcio');
  const script = join(import.meta.dirname, 'grpcio-server.py');
  const child = spawn(python, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const [port] = await once(child.stdout, 'data');
  return `http://127.0.0.1:${Number(String(port))}`;
}

const method = (name: string) => rawMethod(`/raw.Raw/${name}`);
const halves = (bytes: Buffer): Buffer[] => [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)];

/** The same call in each kind: what comes back is what was sent. */
const KINDS: Readonly<
  Record<string, (client: GrpcClient, bytes: Buffer, options: GrpcCallOptions) => Promise<Buffer>>
> = {
  unary: async (client, bytes, options) => Buffer.from((await client.unary(method('unary'), bytes, options)).message),
  client: async (client, bytes, options) =>
    Buffer.from((await client.clientStream(method('client'), halves(bytes), options)).message),
  server: async (client, bytes, options) =>
    Buffer.concat(await all(client.serverStream(method('server'), bytes, options))),
  bidi: async (client, bytes, options) => Buffer.concat(await all(client.bidi(method('bidi'), halves(bytes), options))),
};

const MEGABYTE = 1024 * 1024;

for (const [how, options] of [
  ['plain', {}],
  ['compressed', { compression: 'gzip', compressBytesMin: 0 }],
] as const) {
  describe(`calls to C-core, ${how}`, () => {
    for (const [kind, make] of Object.entries(KINDS)) {
      it(`${kind}: sizes, metadata, every status, deadline, cancellation`, async (t) => {
        const client = aClient(t, await aServer(t), options);
        const bytes = Buffer.alloc(100_000, 'keepwarm');
        assert((await make(client, bytes, {})).equals(bytes));
        const metadata = { 'x-gzip': '1', 'x-back': 'v', 'x-back-bin': Uint8Array.of(1, 2) };
        assert((await make(client, bytes, { metadata })).equals(bytes));
        const large = Buffer.alloc(16 * MEGABYTE, 'keepwarm');
        assert((await make(client, large, { messageBytesMax: 17 * MEGABYTE })).equals(large));
        for (const [status, code] of Object.entries(STATUS)) {
          if (code === 0) continue;
          const asked = make(client, bytes, { metadata: { 'x-status': String(code) } });
          await assert.rejects(asked, { code, status, statusMessage: 'as asked ☺ %' });
        }
        const silent = { 'x-silent': '1' };
        const late = make(client, bytes, { deadlineMs: 60, metadata: silent });
        await assert.rejects(late, { status: 'DEADLINE_EXCEEDED' });
        const gone = make(client, bytes, { signal: AbortSignal.timeout(30), metadata: silent });
        await assert.rejects(gone, { status: 'CANCELLED' });
        await assert.rejects(client.unary(method('unknown'), bytes), { status: 'UNIMPLEMENTED' });
        assert.equal(client.stats().http.sockets.closed, 0, 'all of it on one session');
      });
    }
  });
}

describe('a server that asks its connections to go, again and again', () => {
  it('loses no call, and ends no stream', async (t) => {
    const client = aClient(t, await aServer(t, '150'));
    const outbox = new Outbox<Uint8Array>();
    const stream = client.bidi(method('bidi'), outbox);
    let rounds = 0;
    const rotations = () => client.stats().http.sockets.closed;
    for (const end = performance.now() + 60_000; rotations() < 4 && performance.now() < end; rounds++) {
      await outbox.write(Buffer.of(rounds & 255));
      assert.equal((await stream.next()).value![0], rounds & 255);
      await client.unary(method('unary'), Buffer.of(1));
    }
    assert(rotations() >= 4, `${rotations()} sessions were left`);
    outbox.end();
    assert.equal((await stream.next()).done, true);
    await until(() => client.stats().calls.inFlight === 0, 'all calls are over');
    assert.deepEqual(client.stats().calls.byStatus, { OK: rounds + 1 });
  });
});
