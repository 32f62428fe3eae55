/** Servers that are not ours: grpc-js, with the interoperability service and one whose messages are bytes. */

import type { TestContext } from 'node:test';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { createGrpcClient, type GrpcClient, type GrpcClientOptions } from '../../src/grpc.ts';
import type { Client } from '../../src/index.ts';
import { type Fields, message, methodOf, TestService } from './interop-service.ts';

type Handlers = Readonly<Record<string, grpc.UntypedHandleCall>>;

/** Methods of a service `raw.Raw`, by name, whose messages are buffers: which kind each is its handler says. */
export interface RawMethod {
  readonly kind: 'unary' | 'client' | 'server' | 'bidi';
  readonly handle: grpc.UntypedHandleCall;
}

const same = (bytes: Buffer): Buffer => bytes;

/** @param t whoever ends it: a test, or what stands for several */
export async function aServer(
  t: { after(end: () => unknown): void },
  methods: Readonly<Record<string, RawMethod>> = {},
  options: grpc.ServerOptions = {},
): Promise<{ readonly server: grpc.Server; readonly target: string }> {
  const server = new grpc.Server({
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    ...options,
  });
  const raw: Record<string, grpc.MethodDefinition<Buffer, Buffer>> = {};
  const handlers: Record<string, grpc.UntypedHandleCall> = {};
  for (const [name, { kind, handle }] of Object.entries(methods)) {
    raw[name] = {
      path: `/raw.Raw/${name}`,
      requestStream: kind === 'client' || kind === 'bidi',
      responseStream: kind === 'server' || kind === 'bidi',
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    handlers[name] = handle;
  }
  if (Object.keys(raw).length > 0) server.addService(raw as unknown as grpc.ServiceDefinition, handlers);
  addInterop(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  t.after(() => server.forceShutdown());
  return { server, target: `http://127.0.0.1:${port}` };
}

/** A client for it, which must be quiet and leave nothing at the end of the test. */
export function aClient(t: TestContext, target: string, options: Partial<GrpcClientOptions> = {}): GrpcClient {
  const client = createGrpcClient({ target, retry: false, breaker: false, ...options });
  t.after(async () => {
    await quiet(client);
    await client.close({ deadlineMs: 0 });
  });
  return client;
}

async function quiet(client: GrpcClient): Promise<void> {
  const { quiet: calm } = await import('../engine/setup.ts');
  await calm({ stats: () => client.stats().http } as Client);
  const { inFlight } = client.stats().calls;
  if (inFlight !== 0) throw new Error(`${inFlight} calls are counted as in flight`);
}

/** The interoperability service, as its description asks for it. */
function addInterop(server: grpc.Server): void {
  const definition: Record<string, grpc.MethodDefinition<unknown, unknown>> = {};
  for (const method of TestService.methods) {
    if (method.localName === 'unimplementedCall') continue;
    definition[method.localName] = {
      path: `/${TestService.typeName}/${method.name}`,
      requestStream: method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming',
      responseStream: method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming',
      requestSerialize: (each) => Buffer.from(toBinary(method.input, each as never)),
      requestDeserialize: (bytes) => fromBinary(method.input, bytes),
      responseSerialize: (each) => Buffer.from(toBinary(method.output, each as never)),
      responseDeserialize: (bytes) => fromBinary(method.output, bytes),
    };
  }
  server.addService(definition as grpc.ServiceDefinition, HANDLERS);
}

const body = (size: number) => ({ payload: { body: new Uint8Array(size) } });

/** What the test custom_metadata wants back: one as headers, the other as trailers. */
function echoed(call: { metadata: grpc.Metadata; sendMetadata(headers: grpc.Metadata): void }): grpc.Metadata {
  const [initial] = call.metadata.get('x-grpc-test-echo-initial');
  const [trailing] = call.metadata.get('x-grpc-test-echo-trailing-bin');
  const trailers = new grpc.Metadata();
  if (initial !== undefined) {
    const headers = new grpc.Metadata();
    headers.set('x-grpc-test-echo-initial', initial);
    call.sendMetadata(headers);
  }
  if (trailing !== undefined) trailers.set('x-grpc-test-echo-trailing-bin', trailing);
  return trailers;
}

const asked = (request: unknown): Fields => request as Fields;

const HANDLERS: Handlers = {
  emptyCall: ((_call: unknown, done: grpc.sendUnaryData<unknown>) =>
    done(null, message('Empty'))) as grpc.UntypedHandleCall,
  unaryCall: ((call: grpc.ServerUnaryCall<unknown, unknown>, done: grpc.sendUnaryData<unknown>) => {
    const trailers = echoed(call);
    const { responseStatus, responseSize = 0 } = asked(call.request);
    if (responseStatus !== undefined && responseStatus.code !== 0) {
      return done({ code: responseStatus.code, details: responseStatus.message, metadata: trailers });
    }
    done(null, message('SimpleResponse', body(responseSize)), trailers);
  }) as grpc.UntypedHandleCall,
  streamingInputCall: ((call: grpc.ServerReadableStream<unknown, unknown>, done: grpc.sendUnaryData<unknown>) => {
    let size = 0;
    call.on('data', (each) => {
      size += asked(each).payload?.body.length ?? 0;
    });
    call.on('end', () => done(null, message('StreamingInputCallResponse', { aggregatedPayloadSize: size })));
  }) as grpc.UntypedHandleCall,
  streamingOutputCall: ((call: grpc.ServerWritableStream<unknown, unknown>) => {
    for (const { size } of asked(call.request).responseParameters ?? []) {
      call.write(message('StreamingOutputCallResponse', body(size)));
    }
    call.end();
  }) as grpc.UntypedHandleCall,
  fullDuplexCall: ((call: grpc.ServerDuplexStream<unknown, unknown>) => {
    const trailers = echoed(call);
    call.on('data', (each) => {
      const { responseStatus, responseParameters = [] } = asked(each);
      if (responseStatus !== undefined && responseStatus.code !== 0) {
        call.emit('error', { code: responseStatus.code, details: responseStatus.message, metadata: trailers });
        return;
      }
      for (const { size } of responseParameters) call.write(message('StreamingOutputCallResponse', body(size)));
    });
    call.on('end', () => call.end(trailers));
    call.on('error', () => {});
  }) as grpc.UntypedHandleCall,
};

export { grpc, methodOf };

/** All there is, in a list. */
export async function all<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const each of messages) list.push(each);
  return list;
}
