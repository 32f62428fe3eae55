/** The cases by which gRPC's implementations are held against each other (its doc/interop-test-descriptions.md). */
import assert from 'node:assert/strict';
import * as protobuf from '@bufbuild/protobuf';
import { type GrpcClient, GrpcError, Outbox, STATUS } from '../../src/grpc.ts';
import { protobufMethods } from '../../src/grpc-protobuf.ts';
import { all } from './a-server.ts';
import { type Fields, message, methodOf, payload, UnimplementedService } from './interop-service.ts';

const method = protobufMethods(protobuf);
const emptyCall = method(methodOf('emptyCall'));
const unaryCall = method(methodOf('unaryCall'));
const input = method(methodOf('streamingInputCall'));
const output = method(methodOf('streamingOutputCall'));
const duplex = method(methodOf('fullDuplexCall'));

const fields = (each: unknown): Fields => each as Fields;
const sizeOf = (each: unknown): number => fields(each).payload?.body.length ?? 0;

async function failure(call: PromiseLike<unknown>): Promise<GrpcError> {
  const error = await Promise.resolve(call).then(
    () => assert.fail('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof GrpcError, String(error));
  return error;
}

const asking = (size: number, bytes: number) =>
  message('StreamingOutputCallRequest', { responseParameters: [{ size }], payload: payload(bytes) });

const REQUESTS = [27_182, 8, 1_828, 45_904];
const RESPONSES = [31_415, 9, 2_653, 58_979];

/** What a connection has carried so far. */
function bytesOf(client: GrpcClient): { in: number; out: number } {
  const { live, history } = client.stats().http.sockets;
  const sum = (of: (socket: (typeof live)[number]) => number): number =>
    [...live, ...history].reduce((bytes, socket) => bytes + of(socket), 0);
  return { in: sum(({ bytesIn }) => bytesIn), out: sum(({ bytesOut }) => bytesOut) };
}

const LARGE = 300_000;
const FEW = 20_000;
const MEBIBYTE = 1_048_576;

/** How calls are made: as they are, or each message compressed with gzip, with a server that answers so. */
export type How = 'plain' | 'gzip';

export interface Case {
  readonly name: string;
  readonly promise: string;
  /** By which it is only run that way; otherwise both ways. */
  readonly only?: How;
  run(client: GrpcClient): Promise<void>;
}

type Run = (client: GrpcClient) => Promise<void>;

const RUNS: Readonly<Record<string, Run>> = {
  async empty_unary(client) {
    const reply = await client.unary(emptyCall, message('Empty'));
    assert.equal(reply.message.$typeName, 'grpc.testing.Empty');
  },

  async large_unary(client) {
    const request = message('SimpleRequest', { responseSize: 314_159, payload: payload(271_828) });
    assert.equal(sizeOf((await client.unary(unaryCall, request)).message), 314_159);
  },

  async client_streaming(client) {
    const requests = REQUESTS.map((size) => message('StreamingInputCallRequest', { payload: payload(size) }));
    const { message: answer } = await client.clientStream(input, requests);
    assert.equal(fields(answer).aggregatedPayloadSize, 74_922);
  },

  async server_streaming(client) {
    const responseParameters = RESPONSES.map((size) => ({ size }));
    const stream = client.serverStream(output, message('StreamingOutputCallRequest', { responseParameters }));
    assert.deepEqual((await all(stream)).map(sizeOf), RESPONSES);
  },

  async ping_pong(client) {
    const outbox = new Outbox<protobuf.Message>();
    const stream = client.bidi(duplex, outbox);
    for (const [i, bytes] of REQUESTS.entries()) {
      await outbox.write(asking(RESPONSES[i]!, bytes));
      const { value } = await stream.next();
      assert.equal(sizeOf(value), RESPONSES[i]);
    }
    outbox.end();
    assert.equal((await stream.next()).done, true);
    await stream.trailers;
  },

  async empty_stream(client) {
    assert.deepEqual(await all(client.bidi(duplex, [])), []);
  },

  async cancel_after_begin(client) {
    const caller = new AbortController();
    const outbox = new Outbox<protobuf.Message>();
    const reply = client.clientStream(input, outbox, { signal: caller.signal });
    caller.abort();
    assert.equal((await failure(reply)).code, STATUS.CANCELLED);
  },

  async cancel_after_first_response(client) {
    const outbox = new Outbox<protobuf.Message>();
    const stream = client.bidi(duplex, outbox);
    await outbox.write(asking(31_415, 27_182));
    assert.equal(sizeOf((await stream.next()).value), 31_415);
    stream.cancel();
    assert.equal((await failure(stream.next())).code, STATUS.CANCELLED);
    assert.equal((await failure(stream.trailers)).code, STATUS.CANCELLED);
  },

  async timeout_on_sleeping_server(client) {
    const outbox = new Outbox<protobuf.Message>();
    const stream = client.bidi(duplex, outbox, { deadlineMs: 1 });
    const request = message('StreamingOutputCallRequest', { payload: payload(27_182) });
    outbox.write(request).catch((thrown) => assert.equal(thrown.code, 'CLOSED', 'unless the deadline came first'));
    assert.equal((await failure(stream.next())).code, STATUS.DEADLINE_EXCEEDED);
  },

  async custom_metadata(client) {
    const bytes = Uint8Array.of(0xab, 0xab, 0xab);
    const metadata = {
      'x-grpc-test-echo-initial': 'test_initial_metadata_value',
      'x-grpc-test-echo-trailing-bin': bytes,
    };
    const request = message('SimpleRequest', { responseSize: 314_159, payload: payload(271_828) });
    const reply = await client.unary(unaryCall, request, { metadata });
    assert.equal(reply.headers.get('x-grpc-test-echo-initial'), 'test_initial_metadata_value');
    assert.deepEqual(new Uint8Array(reply.trailers.get('x-grpc-test-echo-trailing-bin') as Uint8Array), bytes);

    const stream = client.bidi(duplex, [asking(314_159, 271_828)], { metadata });
    assert.equal((await stream.headers).get('x-grpc-test-echo-initial'), 'test_initial_metadata_value');
    assert.deepEqual((await all(stream)).map(sizeOf), [314_159]);
    assert.deepEqual(new Uint8Array((await stream.trailers).get('x-grpc-test-echo-trailing-bin') as Uint8Array), bytes);
  },

  async status_code_and_message(client) {
    const responseStatus = { code: 2, message: 'test status message' };
    const unary = await failure(client.unary(unaryCall, message('SimpleRequest', { responseStatus })));
    assert.deepEqual([unary.code, unary.statusMessage], [2, 'test status message']);
    const stream = client.bidi(duplex, [message('StreamingOutputCallRequest', { responseStatus })]);
    const streamed = await failure(all(stream));
    assert.deepEqual([streamed.code, streamed.statusMessage], [2, 'test status message']);
  },

  async special_status_message(client) {
    const said = '\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n';
    const responseStatus = { code: 2, message: said };
    const error = await failure(client.unary(unaryCall, message('SimpleRequest', { responseStatus })));
    assert.deepEqual([error.code, error.statusMessage], [2, said]);
  },

  async unimplemented_method(client) {
    const unknown = method(methodOf('unimplementedCall'));
    assert.equal((await failure(client.unary(unknown, message('Empty')))).code, STATUS.UNIMPLEMENTED);
  },

  async unimplemented_service(client) {
    const unknown = method(methodOf('unimplementedCall', UnimplementedService));
    assert.equal((await failure(client.unary(unknown, message('Empty')))).code, STATUS.UNIMPLEMENTED);
  },

  async client_compressed_unary(client) {
    const request = message('SimpleRequest', { responseSize: 1, payload: payload(LARGE) });
    assert.equal(sizeOf((await client.unary(unaryCall, request)).message), 1);
    assert(bytesOf(client).out < FEW, `${bytesOf(client).out} bytes were sent`);
  },

  async server_compressed_unary(client) {
    const reply = await client.unary(unaryCall, message('SimpleRequest', { responseSize: LARGE }));
    assert.equal(sizeOf(reply.message), LARGE);
    assert(bytesOf(client).in < FEW, `${bytesOf(client).in} bytes came`);
  },

  async client_compressed_streaming(client) {
    const requests = [LARGE, 8, LARGE].map((size) => message('StreamingInputCallRequest', { payload: payload(size) }));
    const { message: answer } = await client.clientStream(input, requests);
    assert.equal(fields(answer).aggregatedPayloadSize, 2 * LARGE + 8);
    assert(bytesOf(client).out < FEW, `${bytesOf(client).out} bytes were sent`);
  },

  async server_compressed_streaming(client) {
    const responseParameters = [LARGE, 9, LARGE].map((size) => ({ size }));
    const stream = client.serverStream(output, message('StreamingOutputCallRequest', { responseParameters }));
    assert.deepEqual((await all(stream)).map(sizeOf), [LARGE, 9, LARGE]);
    assert(bytesOf(client).in < FEW, `${bytesOf(client).in} bytes came`);
  },

  async very_large_unary(client) {
    const size = 16 * MEBIBYTE;
    const request = message('SimpleRequest', { responseSize: size, payload: payload(size) });
    const reply = await client.unary(unaryCall, request, { messageBytesMax: 17 * MEBIBYTE });
    assert.equal(sizeOf(reply.message), size);
  },
};

const PROMISES: Readonly<Record<string, string>> = {
  empty_unary: 'an empty message each way',
  large_unary: '271,828 bytes there, 314,159 back',
  client_streaming: 'four messages there, one back with their size',
  server_streaming: 'one message there, four back',
  ping_pong: 'four messages each way, one after the other',
  empty_stream: 'a stream without a message either way',
  cancel_after_begin: 'CANCELLED before anything was sent',
  cancel_after_first_response: 'CANCELLED in the middle of a stream',
  timeout_on_sleeping_server: 'DEADLINE_EXCEEDED after 1 ms',
  custom_metadata: 'text in the headers and bytes in the trailers, echoed; calls and streams',
  status_code_and_message: 'a status of the server with its text; calls and streams',
  special_status_message: 'a text with white space and characters of all planes',
  unimplemented_method: 'UNIMPLEMENTED',
  unimplemented_service: 'UNIMPLEMENTED',
  client_compressed_unary: 'a message sent in fewer bytes, understood',
  server_compressed_unary: 'a message received in fewer bytes',
  client_compressed_streaming: 'the same for streams',
  server_compressed_streaming: 'the same for streams',
  very_large_unary: '16 MiB each way',
};

/** Each case by its name; the last is ours. */
export const CASES: readonly Case[] = Object.entries(RUNS).map(([name, run]) => ({
  ...{ name, promise: PROMISES[name] ?? '', run },
  ...(name.includes('_compressed_') && { only: 'gzip' as const }),
}));
