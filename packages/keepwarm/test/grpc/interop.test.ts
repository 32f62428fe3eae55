/** The cases by which gRPC's implementations are held against each other (its doc/interop-test-descriptions.md). */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import * as protobuf from '@bufbuild/protobuf';
import { type GrpcClient, GrpcError, Outbox, STATUS } from '../../src/grpc.ts';
import { protobufMethods } from '../../src/grpc-protobuf.ts';
import { leavesNothing } from '../engine/setup.ts';
import { aClient, all, aServer } from './a-server.ts';
import { type Fields, message, methodOf, payload, UnimplementedService } from './interop-service.ts';

leavesNothing();

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

/** Each case by its name. */
const CASES: Readonly<Record<string, (client: GrpcClient, t: TestContext) => Promise<void>>> = {
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
};

for (const [how, options] of [
  ['plain', {}],
  ['compressed with gzip', { compression: 'gzip', compressBytesMin: 0 }],
] as const) {
  describe(`interoperability with grpc-js, ${how}`, () => {
    for (const [name, run] of Object.entries(CASES)) {
      it(name, async (t) => {
        const { target } = await aServer(t);
        await run(aClient(t, target, options), t);
      });
    }
  });
}
