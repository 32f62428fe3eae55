/** A server that speaks gRPC as a test tells it to, lies included. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createGrpcClient, type GrpcClient, type GrpcClientOptions, GrpcError } from '../../../src/grpc.ts';
import type { Client } from '../../../src/index.ts';
import { data, headers } from '../../wire/h2/raw.ts';
import { aPeer, type Line, type Peer, type Script } from '../h2/a-peer.ts';
import { quiet } from '../setup.ts';

type Pairs = readonly (readonly [name: string, value: string])[];

const END_HEADERS = 0x4;
const END_STREAM = 0x1;

/** Fields as literals that enter no table. */
function block(pairs: Pairs): Buffer {
  return Buffer.concat(pairs.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  const length: number[] = [Math.min(bytes.length, 127)];
  if (bytes.length >= 127) {
    let left = bytes.length - 127;
    for (; left >= 128; left >>>= 7) length.push((left & 127) | 128);
    length.push(left);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** The head of an answer; `content-type` is gRPC's unless another is given. */
export function head(id: number, more: Pairs = [], { status = '200', type = 'application/grpc' } = {}): Buffer {
  const first: Pairs = [[':status', status], ...(type === '' ? [] : [['content-type', type] as const])];
  return headers(id, block([...first, ...more]));
}

export function headOnly(id: number, more: Pairs, options: { status?: string; type?: string } = {}): Buffer {
  const frame = head(id, more, options);
  frame[4] = END_HEADERS | END_STREAM;
  return frame;
}

export function trailers(id: number, status = '0', more: Pairs = []): Buffer {
  return headers(id, block([['grpc-status', status], ...more]), END_HEADERS | END_STREAM);
}

/** DATA with one message. */
export function says(id: number, message: string | Uint8Array, flag = 0): Buffer {
  const bytes = typeof message === 'string' ? Buffer.from(message) : message;
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(bytes.length, 1);
  const whole = Buffer.concat([prefix, bytes]);
  const frames: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 16_384) frames.push(data(id, whole.subarray(at, at + 16_384)));
  return Buffer.concat(frames);
}

export function answer(line: Line, id: number, message = 'ok'): void {
  line.send(Buffer.concat([head(id), says(id, message), trailers(id)]));
}

/** A peer and a client of it; nothing is repeated or refused unless the test asks for it. */
export async function aCall(t: TestContext, script: Script, options: Partial<GrpcClientOptions> = {}) {
  const peer = await aPeer(t, script);
  return { peer, client: aClient(t, peer, options) };
}

export function aClient(t: TestContext, peer: Peer, options: Partial<GrpcClientOptions> = {}): GrpcClient {
  const client = createGrpcClient({ target: peer.origin, retry: false, breaker: false, ...options });
  t.after(async () => {
    await quiet({ stats: () => client.stats().http } as Client);
    assert.equal(client.stats().calls.inFlight, 0);
    await client.close({ deadlineMs: 0 });
  });
  return client;
}

export async function failure(call: PromiseLike<unknown>): Promise<GrpcError> {
  const error = await Promise.resolve(call).then(
    () => assert.fail('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof GrpcError, String(error));
  return error;
}

export async function all(messages: AsyncIterable<Uint8Array>): Promise<string[]> {
  const list: string[] = [];
  for await (const each of messages) list.push(Buffer.from(each).toString());
  return list;
}
