/**
 * A Transport of Connect: clients generated for it make their calls over a client of ours. Needs `@connectrpc/connect`
 * 2 and `@bufbuild/protobuf` 2, which are yours to bring; they are loaded with the first call.
 */
import type { DescMessage, DescMethodStreaming, DescMethodUnary, MessageInitShape } from '@bufbuild/protobuf';
import type { ContextValues, Interceptor, StreamResponse, Transport, UnaryResponse } from '@connectrpc/connect';
import type { GrpcCaller } from '../../clients/grpc/kinds.ts';
import type { GrpcCallOptions } from '../../clients/grpc/options.ts';
import type { GrpcStream } from '../../clients/grpc/stream.ts';
import { NetError } from '../../core/error.ts';
import { bytesOf, type Metadata, type MetadataValue } from '../../wire/grpc/metadata.ts';
import { type ConnectErrors, connectErrors } from './connect-errors.ts';
import { protobufMethods } from './protobuf-es.ts';

export interface GrpcTransportOptions {
  /** Connect's own, around every call; the last of them is called first. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** Of calls that set none, in ms. Default: the client's `deadlineMs` and `streamDeadlineMs`. */
  readonly defaultTimeoutMs?: number | undefined;
}

/** @param client which stays the caller's, to be closed when no transport uses it any more */
export function createGrpcTransport(client: GrpcCaller, options: GrpcTransportOptions = {}): Transport {
  return new ConnectTransport(client, options);
}

type HeaderInput = ConstructorParameters<typeof Headers>[0];

class ConnectTransport implements Transport {
  readonly #client: GrpcCaller;
  readonly #options: GrpcTransportOptions;
  #loading: Promise<Runtime> | undefined;

  constructor(client: GrpcCaller, options: GrpcTransportOptions) {
    this.#client = client;
    this.#options = options;
  }

  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput,
    input: MessageInitShape<I>,
    contextValues?: ContextValues,
  ): Promise<UnaryResponse<I, O>> {
    const runtime = await this.#runtime();
    const limits = this.#limits(signal, timeoutMs);
    return runtime.runUnaryCall<I, O>({
      ...limits,
      req: { ...this.#request(runtime, method, header, contextValues), stream: false, method, message: input },
      next: async (req) => {
        try {
          const how = callOptions(req.signal, limits.timeoutMs, req.header);
          const reply = await this.#client.unary(runtime.method(method), req.message, how);
          const said = { header: headersOf(reply.headers), trailer: headersOf(reply.trailers) };
          return { stream: false, service: req.service, method, ...said, message: reply.message };
        } catch (error) {
          throw runtime.errors.of(error, req.signal);
        }
      },
    });
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeaderInput,
    input: AsyncIterable<MessageInitShape<I>>,
    contextValues?: ContextValues,
  ): Promise<StreamResponse<I, O>> {
    const runtime = await this.#runtime();
    const limits = this.#limits(signal, timeoutMs);
    return runtime.runStreamingCall<I, O>({
      ...limits,
      req: { ...this.#request(runtime, method, header, contextValues), stream: true, method, message: input },
      next: async (req) => {
        const failed = (error: unknown) => runtime.errors.of(error, req.signal);
        try {
          const how = callOptions(req.signal, limits.timeoutMs, req.header);
          const stream = this.#client.bidi(runtime.method(method), req.message, how);
          const trailer = new Headers();
          const head = headersOf(await stream.headers);
          const message = readFrom(stream, trailer, failed);
          return { stream: true, service: req.service, method, header: head, trailer, message };
        } catch (error) {
          throw failed(error);
        }
      },
    });
  }

  #runtime(): Promise<Runtime> {
    this.#loading ??= load();
    return this.#loading;
  }

  #limits(signal: AbortSignal | undefined, timeoutMs = this.#options.defaultTimeoutMs) {
    return {
      interceptors: [...(this.#options.interceptors ?? [])],
      ...(signal === undefined ? {} : { signal }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
  }

  #request(
    { createContextValues, createMethodUrl }: Runtime,
    method: DescMethodUnary | DescMethodStreaming,
    header: HeaderInput,
    contextValues: ContextValues | undefined,
  ) {
    return {
      service: method.parent,
      requestMethod: 'POST',
      url: createMethodUrl(this.#client.target, method),
      header: new Headers(header),
      contextValues: contextValues ?? createContextValues(),
    };
  }
}

interface Runtime {
  readonly runUnaryCall: typeof import('@connectrpc/connect/protocol').runUnaryCall;
  readonly runStreamingCall: typeof import('@connectrpc/connect/protocol').runStreamingCall;
  readonly createMethodUrl: typeof import('@connectrpc/connect/protocol').createMethodUrl;
  readonly createContextValues: typeof import('@connectrpc/connect').createContextValues;
  readonly method: ReturnType<typeof protobufMethods>;
  readonly errors: ConnectErrors;
}

async function load(): Promise<Runtime> {
  try {
    const [protobuf, wire, connect, protocol] = await Promise.all([
      import('@bufbuild/protobuf'),
      import('@bufbuild/protobuf/wire'),
      import('@connectrpc/connect'),
      import('@connectrpc/connect/protocol'),
    ]);
    const { runUnaryCall, runStreamingCall, createMethodUrl } = protocol;
    const { createContextValues, ConnectError } = connect;
    const errors = connectErrors(ConnectError, wire.BinaryReader);
    const method = protobufMethods(protobuf);
    return { runUnaryCall, runStreamingCall, createMethodUrl, createContextValues, method, errors };
  } catch (cause) {
    const why = 'createGrpcTransport needs @connectrpc/connect 2 and @bufbuild/protobuf 2, which are yours to install';
    throw new NetError('INVALID', why, { reach: 'unsent', cause });
  }
}

function callOptions(signal: AbortSignal, timeoutMs: number | undefined, header: Headers): GrpcCallOptions {
  return { signal, metadata: metadataOf(header), ...(timeoutMs === undefined ? {} : { deadlineMs: timeoutMs }) };
}

/** What an interceptor may have set that belongs to the protocol is left out: it is said by the client. */
const OF_PROTOCOL = /^(?:grpc-.*|content-type|content-length|te|host|connection)$/;

function* metadataOf(header: Headers): Generator<readonly [string, MetadataValue]> {
  for (const [name, value] of header) {
    if (OF_PROTOCOL.test(name)) continue;
    if (!name.endsWith('-bin')) yield [name, value];
    else for (const each of value.split(',')) yield [name, bytesOf(each)];
  }
}

function headersOf(metadata: Metadata, into: Headers = new Headers()): Headers {
  for (const [name, value] of metadata.fields()) into.append(name, value);
  return into;
}

async function* readFrom<T>(
  stream: GrpcStream<T>,
  trailer: Headers,
  failed: (error: unknown) => unknown,
): AsyncGenerator<T> {
  try {
    yield* stream;
    headersOf(await stream.trailers, trailer);
  } catch (error) {
    throw failed(error);
  }
}
