/** All kinds of calls with all that may come with one, against a server of grpc-js. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import {
  createGrpcClient,
  type GrpcCallOptions,
  type GrpcClient,
  GrpcError,
  type Metadata,
  type MetadataInput,
  rawMethod,
  STATUS,
} from '../../src/grpc.ts';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { leavesNothing, until } from '../engine/setup.ts';
import { aClient, all, aServer, grpc, type RawMethod } from './a-server.ts';

leavesNothing();

/** What was asked of the server, and what became of it. */
interface Seen {
  metadata: grpc.Metadata;
  deadline: grpc.Deadline;
  cancelled: boolean;
}

type Call =
  | ServerUnaryCall<Buffer, Buffer>
  | ServerReadableStream<Buffer, Buffer>
  | ServerWritableStream<Buffer, Buffer>
  | ServerDuplexStream<Buffer, Buffer>;

/** Answers with what it was sent, what headers and trailers ask for, or not at all. */
function echo(seen: Seen[]): Readonly<Record<string, RawMethod>> {
  const note = (call: Call): { trailers: grpc.Metadata; failure: object | undefined; silent: boolean } => {
    const { metadata } = call;
    const entry: Seen = { metadata, deadline: call.getDeadline(), cancelled: false };
    seen.push(entry);
    (call as ServerUnaryCall<Buffer, Buffer>).on('cancelled', () => {
      entry.cancelled = true;
    });
    const [status] = metadata.get('x-status');
    const trailers = new grpc.Metadata();
    for (const value of metadata.get('x-back-bin')) trailers.add('x-back-bin', value);
    if (metadata.get('x-back').length > 0) {
      const headers = new grpc.Metadata();
      for (const value of metadata.get('x-back')) headers.add('x-back', value);
      call.sendMetadata(headers);
    }
    const failure =
      status === undefined ? undefined : { code: Number(status), details: 'as asked', metadata: trailers };
    return { trailers, failure, silent: metadata.get('x-silent').length > 0 };
  };
  const answerOne = (done: sendUnaryData<Buffer>, bytes: () => Buffer, told: ReturnType<typeof note>) => {
    if (told.silent) return;
    if (told.failure !== undefined) done(told.failure as never);
    else done(null, bytes(), told.trailers);
  };
  return {
    unary: {
      kind: 'unary',
      handle: ((call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
        answerOne(done, () => call.request, note(call))) as grpc.UntypedHandleCall,
    },
    client: {
      kind: 'client',
      handle: ((call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        const told = note(call);
        const parts: Buffer[] = [];
        call.on('data', (each: Buffer) => void parts.push(each));
        call.on('end', () => answerOne(done, () => Buffer.concat(parts), told));
      }) as grpc.UntypedHandleCall,
    },
    server: {
      kind: 'server',
      handle: ((call: ServerWritableStream<Buffer, Buffer>) => {
        const told = note(call);
        if (told.silent) return;
        if (told.failure !== undefined) return void call.emit('error', told.failure);
        call.write(call.request);
        call.end(told.trailers);
      }) as grpc.UntypedHandleCall,
    },
    bidi: {
      kind: 'bidi',
      handle: ((call: ServerDuplexStream<Buffer, Buffer>) => {
        const told = note(call);
        if (told.silent) return void call.resume();
        if (told.failure !== undefined) return void call.emit('error', told.failure);
        call.on('data', (each: Buffer) => void call.write(each));
        call.on('end', () => call.end(told.trailers));
      }) as grpc.UntypedHandleCall,
    },
  };
}

interface Told {
  readonly bytes: Buffer;
  readonly headers: Metadata;
  readonly trailers: Metadata;
}

/** The same call in each kind. */
const KINDS: Readonly<Record<string, (client: GrpcClient, bytes: Buffer, options: GrpcCallOptions) => Promise<Told>>> =
  {
    async unary(client, bytes, options) {
      const { message, headers, trailers } = await client.unary(rawMethod('/raw.Raw/unary'), bytes, options);
      return { bytes: Buffer.from(message), headers, trailers };
    },
    async client(client, bytes, options) {
      const halves = [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)];
      const { message, headers, trailers } = await client.clientStream(rawMethod('/raw.Raw/client'), halves, options);
      return { bytes: Buffer.from(message), headers, trailers };
    },
    async server(client, bytes, options) {
      const stream = client.serverStream(rawMethod('/raw.Raw/server'), bytes, options);
      const back = Buffer.concat(await all(stream));
      return { bytes: back, headers: await stream.headers, trailers: await stream.trailers };
    },
    async bidi(client, bytes, options) {
      const halves = [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)];
      const stream = client.bidi(rawMethod('/raw.Raw/bidi'), halves, options);
      const back = Buffer.concat(await all(stream));
      return { bytes: back, headers: await stream.headers, trailers: await stream.trailers };
    },
  };

const MEGABYTE = 1024 * 1024;
const text = (bytes: number): Buffer => Buffer.alloc(bytes, 'keepwarm keeps it warm. ');

async function aPair(t: TestContext, server: object = {}, options: object = {}) {
  const seen: Seen[] = [];
  const { target } = await aServer(t, echo(seen), server);
  return { seen, client: aClient(t, target, options) };
}

async function failure(call: Promise<unknown>): Promise<GrpcError> {
  const error = await call.then(
    () => assert.fail('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof GrpcError, String(error));
  return error;
}

const SENT: MetadataInput = [
  ['x-back', 'one'],
  ['x-back', 'a, b; c'],
  ['x-back-bin', Uint8Array.of(0, 1, 254, 255)],
  ['x-back-bin', new Uint8Array(0)],
];

for (const [kind, make] of Object.entries(KINDS)) {
  describe(`a ${kind} call of grpc-js`, () => {
    it('carries metadata both ways, text and bytes, several of a name', async (t) => {
      const { client, seen } = await aPair(t, {}, { metadata: { 'x-always': 'yes' }, token: 'letter' });
      const { headers, trailers, bytes } = await make(client, text(10), { metadata: SENT });
      assert(bytes.equals(text(10)));
      assert.deepEqual(seen[0]!.metadata.get('x-always'), ['yes']);
      assert.deepEqual(seen[0]!.metadata.get('x-token'), ['letter']);
      assert.deepEqual(headers.getAll('x-back').join(', '), 'one, a, b; c');
      assert.deepEqual(
        trailers.getAll('x-back-bin').map((each) => [...(each as Uint8Array)]),
        [[0, 1, 254, 255], []],
      );
    });

    it('tells every status code, with its message and trailers', async (t) => {
      const { client } = await aPair(t);
      for (const [name, code] of Object.entries(STATUS)) {
        if (code === 0) continue;
        const metadata = { 'x-status': String(code), 'x-back-bin': Uint8Array.of(code) };
        const error = await failure(make(client, text(10), { metadata }));
        assert.deepEqual(
          [error.code, error.status, error.statusMessage, error.reach],
          [code, name, 'as asked', 'answered'],
        );
        assert.deepEqual([...(error.metadata.get('x-back-bin') as Uint8Array)], [code]);
      }
    });

    it('has a deadline that the server knows', async (t) => {
      const { client, seen } = await aPair(t);
      const before = Date.now();
      const error = await failure(make(client, text(10), { deadlineMs: 60, metadata: { 'x-silent': '1' } }));
      assert.equal(error.status, 'DEADLINE_EXCEEDED');
      const told = Number(seen[0]!.deadline) - before;
      assert(told >= 59 && told < 5_000, `the server was given ${told} ms`);
      await until(() => seen[0]!.cancelled, 'the server stops');
    });

    it('is cancelled at the server when its caller goes', async (t) => {
      const { client, seen } = await aPair(t);
      const caller = new AbortController();
      const call = failure(make(client, text(10), { signal: caller.signal, metadata: { 'x-silent': '1' } }));
      await until(() => seen.length === 1, 'the server has it');
      caller.abort();
      assert.equal((await call).status, 'CANCELLED');
      await until(() => seen[0]!.cancelled, 'the server is told');
    });

    it('is compressed with gzip (answers are not: servers of grpc-js never do)', async (t) => {
      const { client } = await aPair(t, {}, { compression: 'gzip' });
      const big = await make(client, text(MEGABYTE), {});
      assert(big.bytes.equals(text(MEGABYTE)));
      const small = await make(client, text(100), {});
      assert(small.bytes.equals(text(100)));
      const { bytesOut } = client.stats().http.sockets.live[0]!;
      assert(bytesOut < MEGABYTE / 4, `${bytesOut} bytes went out`);
    });

    it('takes 16 MB when it may, and is refused, by name, when not', async (t) => {
      const { client } = await aPair(t);
      const bytes = text(16 * MEGABYTE);
      const back = await make(client, bytes, { messageBytesMax: 17 * MEGABYTE });
      assert(back.bytes.equals(bytes));
      const error = await failure(make(client, bytes, {}));
      assert.deepEqual(
        [error.status, error.limit, error.value],
        ['RESOURCE_EXHAUSTED', 'messageBytesMax', 4 * MEGABYTE],
      );
    });
  });
}

describe('many calls at once', () => {
  it('share a session, and each gets its own answer', async (t) => {
    const { client } = await aPair(t);
    const calls = Array.from({ length: 300 }, async (_, i) => {
      const [make] = [Object.values(KINDS)[i % 4]!];
      const bytes = Buffer.from(`call ${i}`.padEnd(1 + ((i * 97) % 3_000), '.'));
      assert((await make(client, bytes, {})).bytes.equals(bytes));
    });
    await Promise.all(calls);
    const { calls: counted, http } = client.stats();
    assert.deepEqual(counted, { total: 300, inFlight: 0, byStatus: { OK: 300 } });
    assert(http.sockets.open + http.sockets.closed <= 4, `${http.sockets.open} sessions`);
  });

  it('go on while others are cancelled or run out of time', async (t) => {
    const { client, seen } = await aPair(t);
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const make = Object.values(KINDS)[i % 4]!;
        const signal = i % 3 === 0 ? AbortSignal.timeout(1 + (i % 7)) : undefined;
        const options = { signal, deadlineMs: i % 5 === 0 ? 1 + (i % 4) : 10_000, metadata: { 'x-n': String(i) } };
        return make(client, text(5_000), options).then(
          () => 'OK',
          (error: GrpcError) => error.status,
        );
      }),
    );
    assert(
      outcomes.every((each) => ['OK', 'CANCELLED', 'DEADLINE_EXCEEDED'].includes(each)),
      outcomes.join(),
    );
    assert(
      outcomes.every((each, i) => each === 'OK' || i % 3 === 0 || i % 5 === 0),
      'nobody else is harmed',
    );
    assert(seen.length <= 200);
  });
});

describe('TLS', () => {
  it('agrees on HTTP/2, and a server that does not speak it is refused by name', async (t) => {
    const authority = makeAuthority();
    const { cert, key } = authority.issue();
    const server = new grpc.Server();
    const handler = echo([])['unary']!;
    const same = (bytes: Buffer): Buffer => bytes;
    const definition = {
      path: '/raw.Raw/unary',
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    server.addService({ unary: definition }, { unary: handler.handle });
    const credentials = grpc.ServerCredentials.createSsl(null, [
      { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) },
    ]);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('localhost:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
    });
    t.after(() => server.forceShutdown());
    const client = createGrpcClient({ target: `https://localhost:${port}`, tls: { ca: authority.cert } });
    t.after(() => client.close());
    const reply = await client.unary(rawMethod('/raw.Raw/unary'), text(3));
    assert(Buffer.from(reply.message).equals(text(3)));
    assert.equal(client.stats().http.sockets.live[0]?.protocol, 'h2');
    const stranger = createGrpcClient({ target: `https://localhost:${port}`, retry: false });
    t.after(() => stranger.close());
    const error = await failure(stranger.unary(rawMethod('/raw.Raw/unary'), text(3)));
    assert.deepEqual([error.status, error.reach], ['UNAVAILABLE', 'unsent']);
  });
});
