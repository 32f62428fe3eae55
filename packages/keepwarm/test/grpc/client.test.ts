/** What the client itself promises: its options, codecs of generators, closing, rotation, statistics. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ServerDuplexStream, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import {
  createGrpcClient,
  GrpcError,
  grpcJsMethod,
  NetError,
  Outbox,
  rawMethod,
  tsProtoMethod,
} from '../../src/grpc.ts';
import { leavesNothing, until } from '../engine/setup.ts';
import { aClient, all, aServer, type grpc, type RawMethod } from './a-server.ts';

leavesNothing();

const METHODS: Readonly<Record<string, RawMethod>> = {
  Echo: {
    kind: 'unary',
    handle: ((call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
      done(null, call.request)) as grpc.UntypedHandleCall,
  },
  Talk: {
    kind: 'bidi',
    handle: ((call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (each: Buffer) => void call.write(each));
      call.on('end', () => call.end());
    }) as grpc.UntypedHandleCall,
  },
};

const echo = rawMethod('/raw.Raw/Echo');
const talk = rawMethod('/raw.Raw/Talk');

function refusal(options: unknown): string {
  try {
    createGrpcClient(options as never).destroy();
  } catch (error) {
    assert(error instanceof NetError && error.code === 'INVALID', String(error));
    return error.message;
  }
  return assert.fail('it was taken');
}

describe('options', () => {
  it('that cannot be are refused by name, with what is allowed', () => {
    const target = 'https://localhost:1';
    for (const wrong of [undefined, '', 'localhost:50051', 'dns:///x', 'ws://localhost']) {
      assert.match(refusal({ target: wrong }), /option target must be an https: or http: URL/);
    }
    assert.match(refusal({ target: `${target}/?a=1` }), /neither query nor fragment/);
    assert.match(refusal({ target, headers: {} }), /no option headers of createGrpcClient; use metadata/);
    assert.match(refusal({ target, http2: 'never' }), /no option http2/);
    assert.match(refusal({ target, messageBytesMax: -1 }), /option messageBytesMax is -1; allowed: a (whole )?number/);
    assert.match(refusal({ target, compression: 'br' }), /option compression is "br"; allowed: "identity", "gzip"/);
    assert.match(refusal({ target, tokne: 'x' }), /tokne/);
    assert.match(refusal({ target, pool: { idleMs: 0 } }), /pool.idleMs/);
    assert(!refusal({ target, token: 'very\nsecret' }).includes('very'));
  });

  it('of a call are checked before anything is sent', async (t) => {
    const { target } = await aServer(t, METHODS);
    const client = aClient(t, target);
    for (const [options, message] of [
      [{ deadline: 5 }, /no option deadline of a call/],
      [{ signal: {} }, /signal is not an AbortSignal/],
      [{ compression: 'zstd' }, /compression is "zstd"/],
      [{ metadata: { 'grpc-x': '1' } }, /belongs to the protocol/],
    ] as const) {
      await assert.rejects(client.unary(echo, Buffer.of(1), options as never), message);
      assert.throws(() => client.bidi(talk, [], options as never), message);
    }
    for (const path of ['raw.Raw/Echo', '/Echo', '/a/b/c', '/a b/c', '']) {
      assert.throws(() => rawMethod(path), NetError);
      await assert.rejects(client.unary({ ...echo, path }, Buffer.of(1)), NetError);
    }
    assert.equal(client.stats().calls.total, 0);
  });

  it('with a path put it before the path of methods', async (t) => {
    const { target } = await aServer(t, METHODS);
    const client = aClient(t, `${target}/prefix/`);
    assert.equal(client.target, `${target}/prefix`);
    await assert.rejects(client.unary(echo, Buffer.of(1)), /UNIMPLEMENTED/);
  });
});

describe('methods of generators', () => {
  it('of ts-proto and of grpc-js are taken as they are', async (t) => {
    const { target } = await aServer(t, METHODS);
    const client = aClient(t, target);
    const type = {
      encode: (text: string) => ({ finish: () => Buffer.from(text) }),
      decode: (bytes: Uint8Array) => Buffer.from(bytes).toString(),
    };
    const definition = { name: 'Echo', requestType: type, responseType: type, options: {} };
    const made = tsProtoMethod({ fullName: 'raw.Raw' }, definition);
    assert.equal((await client.unary(made, 'hello')).message, 'hello');
    assert.equal(made.idempotent, false);
    const safe = tsProtoMethod(
      { fullName: 'raw.Raw' },
      { ...definition, options: { idempotencyLevel: 'NO_SIDE_EFFECTS' } },
    );
    assert.equal(safe.idempotent, true);

    const theirs = grpcJsMethod(
      {
        path: '/raw.Raw/Echo',
        requestSerialize: (text: string) => Buffer.from(text),
        responseDeserialize: (bytes: Buffer) => bytes.toString('utf8', 0, 2),
      },
      { idempotent: true },
    );
    assert.equal((await client.unary(theirs, 'hello')).message, 'he');
  });
});

describe('a client that is closed', () => {
  it('lets calls finish within the time it was given, and ends the others', async (t) => {
    const { target } = await aServer(t, METHODS);
    const client = createGrpcClient({ target });
    const outbox = new Outbox<Uint8Array>();
    const stream = client.bidi(talk, outbox);
    await outbox.write(Buffer.of(1));
    await stream.next();
    const finishing = client.unary(echo, Buffer.of(2));
    await client.close({ deadlineMs: 50 });
    assert.equal((await finishing).message[0], 2);
    await assert.rejects(stream.next(), (error) => error instanceof GrpcError && error.status === 'UNAVAILABLE');
    await assert.rejects(outbox.write(Buffer.of(1)), { code: 'CLOSED' });
    await assert.rejects(
      client.unary(echo, Buffer.of(1)),
      (error) => error instanceof GrpcError && error.status === 'UNAVAILABLE' && error.reach === 'unsent',
    );
    assert.equal(client.stats().http.sockets.open, 0);
    client.destroy();
    await client.close();
  });
});

describe('rotation', () => {
  it('never ends a stream: new calls take the new session, the old one goes when its streams have', async (t) => {
    const { target } = await aServer(t, METHODS);
    const client = aClient(t, target, { pool: { ageMs: 40, ageJitter: 0 } });
    const outbox = new Outbox<Uint8Array>();
    const stream = client.bidi(talk, outbox);
    let [sent, rotations] = [0, 0];
    for (const end = performance.now() + 60_000; rotations < 3 && performance.now() < end; sent++) {
      await outbox.write(Buffer.of(sent & 255));
      assert.equal((await stream.next()).value![0], sent & 255);
      await client.unary(echo, Buffer.of(1));
      rotations = client.stats().http.sockets.closed;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    assert(rotations >= 3, `${rotations} rotations`);
    outbox.end();
    assert.equal((await stream.next()).done, true);
    await until(() => client.stats().http.sockets.live.every(({ streams }) => streams === 0), 'all streams are over');
    assert.deepEqual(client.stats().messages, { sent: sent * 2, received: sent * 2, unreadable: 0 });
  });
});

describe('a large number of messages', () => {
  it('comes back whole and in order', async (t) => {
    const { target } = await aServer(t, METHODS);
    const client = aClient(t, target);
    const count = 5_000;
    const source = (function* () {
      for (let i = 0; i < count; i++) {
        const message = Buffer.alloc(4 + (i % 300));
        message.writeUInt32BE(i);
        yield message;
      }
    })();
    const got = await all(client.bidi(talk, source));
    assert.deepEqual(
      got.map((each) => Buffer.from(each).readUInt32BE()),
      Array.from({ length: count }, (_, i) => i),
    );
  });
});
