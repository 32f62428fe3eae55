/** Clients of Connect, unchanged, over our transport; servers that are Connect's and grpc-js's. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { create, type Message } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, createClient, type Interceptor } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { GrpcError } from '../../src/grpc.ts';
import { createGrpcTransport, type GrpcTransportOptions } from '../../src/grpc-connect.ts';
import { leavesNothing } from '../engine/setup.ts';
import { aClient, all, aServer } from './a-server.ts';
import { type Fields, payload, schemaOf, TestService } from './interop-service.ts';

leavesNothing();

interface Options {
  readonly headers?: Record<string, string>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  onHeader?(headers: Headers): void;
  onTrailer?(trailers: Headers): void;
}
type Stream = AsyncIterable<Fields & Message>;
/** What the generator would have made of the service. */
interface TestClient {
  unaryCall(request: Fields, options?: Options): Promise<Fields & Message>;
  streamingInputCall(requests: AsyncIterable<Fields>, options?: Options): Promise<Fields & Message>;
  streamingOutputCall(request: Fields, options?: Options): Stream;
  fullDuplexCall(requests: AsyncIterable<Fields>, options?: Options): Stream;
  unimplementedCall(request: object): Promise<Message>;
}

const body = (size: number) => ({ payload: payload(size) });

/** The interoperability service once more, for Connect's router. */
function routes(router: ConnectRouter): void {
  const made = (name: string, fields: object) => create(schemaOf(name), fields as never);
  router.service(TestService, {
    async unaryCall(
      request: Fields,
      context: { requestHeader: Headers; responseTrailer: Headers; responseHeader: Headers; signal: AbortSignal },
    ) {
      if (request.responseSize === -1) {
        await new Promise((_, reject) => context.signal.addEventListener('abort', reject));
      }
      if (request.responseStatus !== undefined) {
        const { code, message: why } = request.responseStatus;
        const detail = { desc: schemaOf('EchoStatus'), value: { code: 7, message: 'in detail' } };
        throw new ConnectError(why, code, { 'x-why': 'because' }, [detail as never]);
      }
      const echo = context.requestHeader.get('x-echo-bin');
      if (echo !== null) context.responseTrailer.set('x-echo-bin', echo);
      context.responseHeader.set('x-seen', context.requestHeader.get('x-interceptor') ?? 'none');
      return made('SimpleResponse', body(request.responseSize ?? 0));
    },
    async streamingInputCall(requests: AsyncIterable<Fields>) {
      let size = 0;
      for await (const each of requests) size += each.payload?.body.length ?? 0;
      return made('StreamingInputCallResponse', { aggregatedPayloadSize: size });
    },
    async *streamingOutputCall(request: Fields) {
      for (const { size } of request.responseParameters ?? []) yield made('StreamingOutputCallResponse', body(size));
    },
    async *fullDuplexCall(requests: AsyncIterable<Fields>) {
      for await (const { responseParameters = [] } of requests) {
        for (const { size } of responseParameters) yield made('StreamingOutputCallResponse', body(size));
      }
    },
  } as never);
}

async function connectServer(t: TestContext): Promise<string> {
  const server = createServer(connectNodeAdapter({ routes }));
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => void sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const session of sessions) session.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function over(t: TestContext, target: string, options: GrpcTransportOptions = {}) {
  const client = aClient(t, target);
  return { client, service: createClient(TestService, createGrpcTransport(client, options)) as unknown as TestClient };
}

async function* of<T>(...each: T[]): AsyncGenerator<T> {
  yield* each;
}

async function failure(call: PromiseLike<unknown>): Promise<ConnectError> {
  const error = await Promise.resolve(call).then(
    () => assert.fail('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof ConnectError, String(error));
  return error;
}

const SERVERS = {
  'a server of Connect': connectServer,
  'a server of grpc-js': async (t: TestContext) => (await aServer(t)).target,
};

for (const [what, start] of Object.entries(SERVERS)) {
  describe(`a client of Connect, with ${what}`, () => {
    it('makes all four kinds of calls', async (t) => {
      const { service, client } = over(t, await start(t));
      assert.equal((await service.unaryCall({ responseSize: 70_000, ...body(70_000) })).payload?.body.length, 70_000);
      const sum = await service.streamingInputCall(of(body(1_000), body(50_000)));
      assert.equal(sum.aggregatedPayloadSize, 51_000);
      const sizes = [1, 0, 60_000].map((size) => ({ size }));
      const out = await all(service.streamingOutputCall({ responseParameters: sizes }));
      assert.deepEqual(
        out.map((each) => each.payload?.body.length),
        [1, 0, 60_000],
      );
      const both = await all(
        service.fullDuplexCall(of({ responseParameters: [{ size: 5 }] }, { responseParameters: [{ size: 6 }] })),
      );
      assert.deepEqual(
        both.map((each) => each.payload?.body.length),
        [5, 6],
      );
      assert.deepEqual(client.stats().calls.byStatus, { OK: 4 });
    });

    it('gets Connect`s own errors', async (t) => {
      const { service } = over(t, await start(t));
      const error = await failure(service.unaryCall({ responseStatus: { code: Code.NotFound, message: 'no ☺' } }));
      assert.deepEqual([error.code, error.rawMessage], [Code.NotFound, 'no ☺']);
      assert(error.cause instanceof GrpcError);
      assert.equal((await failure(service.unimplementedCall({}))).code, Code.Unimplemented);
    });
  });
}

describe('a transport for Connect', () => {
  it('carries the details of errors, and their metadata', async (t) => {
    const { service } = over(t, await connectServer(t));
    const error = await failure(service.unaryCall({ responseStatus: { code: Code.Aborted, message: 'no' } }));
    const [detail] = error.findDetails(schemaOf('EchoStatus')) as unknown as { code: number; message: string }[];
    assert.deepEqual([detail?.code, detail?.message], [7, 'in detail']);
    assert.equal(error.metadata.get('x-why'), 'because');
  });

  it('carries headers and trailers, bytes included, and runs interceptors', async (t) => {
    const seen: string[] = [];
    const interceptor: Interceptor = (next) => async (request) => {
      request.header.set('x-interceptor', 'was here');
      const response = await next(request);
      seen.push(request.url.slice(request.url.indexOf('/', 8)), response.header.get('x-seen') ?? '');
      return response;
    };
    const { service } = over(t, await connectServer(t), { interceptors: [interceptor] });
    let [header, trailer] = ['', ''];
    await service.unaryCall(
      {},
      {
        headers: { 'x-echo-bin': 'AQL/' },
        onHeader: (headers) => void (header = headers.get('x-seen') ?? ''),
        onTrailer: (trailers) => void (trailer = trailers.get('x-echo-bin') ?? ''),
      },
    );
    assert.deepEqual([header, trailer], ['was here', 'AQL/']);
    assert.deepEqual(seen, ['/grpc.testing.TestService/UnaryCall', 'was here']);
  });

  it('keeps timeouts and signals, and the server is told of both', async (t) => {
    const { service, client } = over(t, await connectServer(t));
    const late = await failure(service.unaryCall({ responseSize: -1 }, { timeoutMs: 40 }));
    assert.equal(late.code, Code.DeadlineExceeded);
    const caller = new AbortController();
    const call = failure(service.unaryCall({ responseSize: -1 }, { signal: caller.signal }));
    setTimeout(() => caller.abort(), 10);
    assert.equal((await call).code, Code.Canceled);
    const stream = service.fullDuplexCall(of({ responseParameters: [{ size: 1 }] }), { signal: AbortSignal.abort() });
    assert.equal((await failure(all(stream))).code, Code.Canceled);
    assert.equal(client.stats().calls.inFlight, 0);
  });

  it('takes answers that are compressed, of all kinds', async (t) => {
    const { service, client } = over(t, await connectServer(t));
    const responseParameters = [{ size: 1_000_000 }, { size: 3 }, { size: 5_000 }];
    assert.equal((await service.unaryCall({ responseSize: 1_000_000 })).payload?.body.length, 1_000_000);
    const sizes = (await all(service.streamingOutputCall({ responseParameters }))).map(
      (each) => each.payload?.body.length,
    );
    assert.deepEqual(sizes, [1_000_000, 3, 5_000]);
    const { bytesIn } = client.stats().http.sockets.live[0]!;
    assert(bytesIn < 100_000, `${bytesIn} bytes came in`);
  });

  it('fails with Unavailable when there is nobody', async (t) => {
    const { service } = over(t, 'http://127.0.0.1:9');
    assert.equal((await failure(service.unaryCall({}))).code, Code.Unavailable);
    assert.equal((await failure(all(service.streamingOutputCall({})))).code, Code.Unavailable);
  });

  it('refuses headers that would not arrive', async (t) => {
    const { service } = over(t, 'http://127.0.0.1:9');
    const error = await failure(service.unaryCall({}, { headers: { 'x-name': 'schön' } }));
    assert.match(error.message, /not printable ASCII/);
  });

  it('ends a stream by its signal: when a loop is left, clients of Connect do not tell', async (t) => {
    const { service, client } = over(t, await connectServer(t));
    const responseParameters = Array.from({ length: 1_000 }, () => ({ size: 10_000 }));
    const caller = new AbortController();
    const stream = service.streamingOutputCall({ responseParameters }, { signal: caller.signal });
    for await (const each of stream) {
      assert.equal(each.payload?.body.length, 10_000);
      break;
    }
    caller.abort();
    assert.deepEqual(client.stats().calls.byStatus, { CANCELLED: 1 });
  });
});
