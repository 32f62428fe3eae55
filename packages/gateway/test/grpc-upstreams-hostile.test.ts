/** Answers that no server library lets one send, and what callers get of them. */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { frame } from './a-frame.ts';
import { aCaller, aGrpcGateway, ask } from './grpc-callers.ts';

type Fields = readonly (readonly [name: string, value: string])[];

/** RFC 7541 § 6.2.2: each field as it is, without indexing. */
const block = (fields: Fields): Buffer =>
  Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0, ...text(name)]), Buffer.from(text(value))]));

function text(value: string): number[] {
  const bytes = Buffer.from(value);
  const length = [Math.min(bytes.length, 127)];
  for (let left = bytes.length - 127; left >= 0; left = left < 128 ? -1 : left >> 7) {
    length.push(left < 128 ? left : (left & 127) | 128);
  }
  return [...length, ...bytes];
}

const [HEADERS, SETTINGS, PING] = [1, 4, 6];
const [END_STREAM, END_HEADERS, ACK] = [1, 4, 1];
const PREFACE_BYTES = 24;

/** Answers each call with a head and trailers, whatever they are. */
async function anUpstream(t: TestContext, head: Fields, trailers: Fields): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
    let bytes = Buffer.alloc(0);
    let skip = PREFACE_BYTES;
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (bytes.length >= skip + 9) {
        const at = skip;
        const length = bytes.readUIntBE(at, 3);
        if (bytes.length < at + 9 + length) return;
        const [type, flags, stream] = [bytes[at + 3]!, bytes[at + 4]!, bytes.readUInt32BE(at + 5)];
        if (type === SETTINGS && (flags & ACK) === 0) socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
        if (type === PING && (flags & ACK) === 0) socket.write(frame(PING, ACK, 0, bytes.subarray(at + 9, at + 17)));
        if (type === HEADERS) {
          socket.write(frame(HEADERS, END_HEADERS, stream, block([[':status', '200'], ...head])));
          socket.write(frame(HEADERS, END_HEADERS | END_STREAM, stream, block(trailers)));
        }
        bytes = bytes.subarray(at + 9 + length);
        skip = 0;
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `http://127.0.0.1:${address.port}`;
}

const TYPE = ['content-type', 'application/grpc'] as const;

/** @returns what a caller gets */
async function asked(t: TestContext, head: Fields, trailers: Fields): Promise<grpc.StatusObject> {
  const { port } = await aGrpcGateway(t, await anUpstream(t, [TYPE, ...head], trailers));
  const { status } = await ask(aCaller(t, port), 'bidi', [Buffer.from('a')], new grpc.Metadata());
  return status;
}

describe('what an upstream answers', () => {
  it('may be a message that is cut within a character', async (t) => {
    const said = encodeURIComponent(`${'a'.repeat(999)}😀 and more`);
    const { code, details } = await asked(
      t,
      [],
      [
        ['grpc-status', '5'],
        ['grpc-message', said],
      ],
    );
    assert.equal(code, grpc.status.NOT_FOUND);
    assert.equal(details.slice(0, 999), 'a'.repeat(999));
  });

  it('may have fields twice that are said once, in its head and in its trailers', async (t) => {
    const twice: Fields = [
      ['etag', 'one'],
      ['etag', 'two'],
      ['server', 'a'],
      ['server', 'b'],
      ['x-mine', '1'],
      ['x-mine', '2'],
    ];
    const { code, metadata } = await asked(t, twice, [['grpc-status', '0'], ...twice]);
    assert.equal(code, grpc.status.OK);
    assert.deepEqual(metadata.get('x-mine'), ['1, 2']);
  });
});
