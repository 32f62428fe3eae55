/** What tests of the gRPC listener stand on: a server and callers that are not ours, and a gateway between them. */
import type { TestContext } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { parseConfig } from '../src/config/config.ts';
import { Gateway } from '../src/gateway.ts';

const same = (bytes: Buffer): Buffer => bytes;

export const KINDS = ['unary', 'client', 'server', 'bidi'] as const;
export type Kind = (typeof KINDS)[number];

const definitionOf = (kind: Kind): grpc.MethodDefinition<Buffer, Buffer> => ({
  path: `/echo.Echo/${kind}`,
  requestStream: kind === 'client' || kind === 'bidi',
  responseStream: kind === 'server' || kind === 'bidi',
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

/** What servers see of calls, in the order in which it happened. */
export interface Seen {
  readonly calls: { readonly kind: Kind; readonly metadata: grpc.Metadata; readonly deadline: grpc.Deadline }[];
  cancelled: number;
}

interface EchoServer {
  readonly target: string;
  readonly seen: Seen;
}

/** Echoes, with `x-back` and `x-back-bin` as they came; `x-status` fails the call; `x-silent` says nothing, ever. */
export async function anEchoServer(t: TestContext): Promise<EchoServer> {
  const seen: Seen = { calls: [], cancelled: 0 };
  const unlimited = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 };
  const server = new grpc.Server(unlimited);
  server.addService(
    Object.fromEntries(KINDS.map((kind) => [kind, definitionOf(kind)])) as grpc.ServiceDefinition,
    Object.fromEntries(KINDS.map((kind) => [kind, echo(kind, seen)])) as grpc.UntypedServiceImplementation,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  t.after(() => server.forceShutdown());
  return { target: `http://127.0.0.1:${port}`, seen };
}

type AnyCall = grpc.ServerDuplexStream<Buffer, Buffer> & { readonly request?: Buffer };
type Answer = (error: unknown, message?: Buffer, trailers?: grpc.Metadata) => void;

function echo(kind: Kind, seen: Seen) {
  return (call: AnyCall, answer: Answer): void => {
    const { metadata } = call;
    seen.calls.push({ kind, metadata, deadline: call.getDeadline() });
    call.on('cancelled', () => seen.cancelled++);
    const back = new grpc.Metadata();
    for (const name of ['x-back', 'x-back-bin']) for (const value of metadata.get(name)) back.add(name, value);
    if (metadata.get('x-silent').length > 0) return;
    const [status] = metadata.get('x-status');
    if (status !== undefined) {
      const error = { code: Number(status), details: 'as asked ☺ %', metadata: back };
      return kind === 'unary' || kind === 'client' ? answer(error) : void call.emit('error', error);
    }
    call.sendMetadata(back);
    if (kind === 'unary') return answer(null, call.request, back);
    if (kind === 'server') {
      for (let i = 0; i < 3; i++) call.write(call.request!);
      return void call.end(back);
    }
    const parts: Buffer[] = [];
    call.on('data', (bytes: Buffer) => {
      if (kind === 'client') parts.push(bytes);
      else if (!call.write(bytes)) {
        call.pause();
        call.once('drain', () => call.resume());
      }
    });
    call.on('end', () => (kind === 'client' ? answer(null, Buffer.concat(parts), back) : call.end(back)));
  };
}

/** A gateway before it, on a port of its own. */
export async function aGrpcGateway(t: TestContext, target: string, more: object = {}) {
  const upstream = { grpc: 'any', target, listen: '127.0.0.1:0', connectionRate: 'unlimited', ...more };
  const local = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', drainMs: 500 };
  const gateway = new Gateway(parseConfig({ ...local, upstreams: { up: upstream } }, '.'));
  const { admin } = await gateway.start();
  t.after(() => gateway.stop(0));
  const { port } = gateway.grpc.all[0]!.address!;
  return { gateway, port, url: `http://127.0.0.1:${port}`, admin: `http://127.0.0.1:${admin.port}` };
}

export interface Heard {
  readonly messages: Buffer[];
  readonly headers: grpc.Metadata | undefined;
  readonly status: grpc.StatusObject;
}

export function aCaller(t: TestContext, port: number): grpc.Client {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
  });
  t.after(() => client.close());
  return client;
}

/** One call of any kind, its messages sent as they are. */
export function ask(
  client: grpc.Client,
  kind: Kind,
  messages: readonly Buffer[],
  metadata: grpc.Metadata = new grpc.Metadata(),
  options: grpc.CallOptions = {},
): Promise<Heard> & { cancel(): void } {
  const { path } = definitionOf(kind);
  let cancel = (): void => undefined;
  const heard = new Promise<Heard>((resolve) => {
    const got: Buffer[] = [];
    let headers: grpc.Metadata | undefined;
    const ended = (status: grpc.StatusObject): void => resolve({ messages: got, headers, status });
    const single = (_: unknown, message?: Buffer): void => void (message !== undefined && got.push(message));
    const call =
      kind === 'unary'
        ? client.makeUnaryRequest(path, same, same, messages[0]!, metadata, options, single)
        : kind === 'client'
          ? client.makeClientStreamRequest(path, same, same, metadata, options, single)
          : kind === 'server'
            ? client.makeServerStreamRequest(path, same, same, messages[0]!, metadata, options)
            : client.makeBidiStreamRequest(path, same, same, metadata, options);
    cancel = () => call.cancel();
    call.on('metadata', (each: grpc.Metadata) => (headers = each));
    call.on('status', ended);
    if (kind === 'server' || kind === 'bidi') {
      const reads = call as grpc.ClientReadableStream<Buffer>;
      reads.on('data', (bytes: Buffer) => got.push(bytes)).on('error', () => undefined);
    }
    if (kind === 'client' || kind === 'bidi') {
      const writes = call as grpc.ClientWritableStream<Buffer>;
      for (const message of messages) writes.write(message);
      if (metadata.get('x-open').length === 0) writes.end();
    }
  });
  return Object.assign(heard, { cancel: () => cancel() });
}
