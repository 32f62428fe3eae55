/** Three servers of gRPC's interoperability service, none of them ours. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { aServer, grpc } from './a-server.ts';
import type { How } from './interop-cases.ts';
import { DESCRIPTION, type Fields, payload, schemaOf, TestService } from './interop-service.ts';

/** A target for clients. @param t ends it */
export type Start = (t: { after(end: () => unknown): void }, how: How) => Promise<string>;

const grpcJs: Start = async (t, how) => {
  const gzip = grpc.compressionAlgorithms.gzip;
  const { target } = await aServer(t, {}, how === 'gzip' ? { 'grpc.default_compression_algorithm': gzip } : {});
  return target;
};

/** Debian's own has what Debian installs; another one may come first on the PATH. */
const PYTHONS = ['/usr/bin/python3', 'python3'];

const grpcio: Start = async (t, how) => {
  const python = PYTHONS.find((each) => spawnSync(each, ['-c', 'import grpc, google.protobuf']).status === 0);
  assert(python !== undefined, 'neither /usr/bin/python3 nor python3 has grpcio; on Debian: python3-grpcio');
  const args = [join(import.meta.dirname, 'interop-server.py'), Buffer.from(DESCRIPTION).toString('base64'), how];
  const child = spawn(python, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const [port] = await once(child.stdout, 'data');
  return `http://127.0.0.1:${Number(String(port))}`;
};

interface Context {
  readonly requestHeader: Headers;
  readonly responseHeader: Headers;
  readonly responseTrailer: Headers;
}

const made = (name: string, fields: object = {}) => create(schemaOf(name), fields as never);
const body = (size: number) => ({ payload: payload(size) });

function echo({ requestHeader, responseHeader, responseTrailer }: Context): void {
  const initial = requestHeader.get('x-grpc-test-echo-initial');
  const trailing = requestHeader.get('x-grpc-test-echo-trailing-bin');
  if (initial !== null) responseHeader.set('x-grpc-test-echo-initial', initial);
  if (trailing !== null) responseTrailer.set('x-grpc-test-echo-trailing-bin', trailing);
}

function failAsAsked({ responseStatus }: Fields): void {
  if (responseStatus !== undefined) throw new ConnectError(responseStatus.message, responseStatus.code);
}

function routes(router: ConnectRouter): void {
  const outputs = ({ responseParameters = [] }: Fields) =>
    responseParameters.map(({ size }) => made('StreamingOutputCallResponse', body(size)));
  router.service(TestService, {
    emptyCall: async () => made('Empty'),
    async unaryCall(request: Fields, context: Context) {
      echo(context);
      failAsAsked(request);
      return made('SimpleResponse', body(request.responseSize ?? 0));
    },
    async streamingInputCall(requests: AsyncIterable<Fields>) {
      let size = 0;
      for await (const each of requests) size += each.payload?.body.length ?? 0;
      return made('StreamingInputCallResponse', { aggregatedPayloadSize: size });
    },
    async *streamingOutputCall(request: Fields) {
      yield* outputs(request);
    },
    async *fullDuplexCall(requests: AsyncIterable<Fields>, context: Context) {
      echo(context);
      for await (const request of requests) {
        failAsAsked(request);
        yield* outputs(request);
      }
    },
  } as never);
}

/** It compresses what it answers with by itself, where the caller takes it and it is large enough. */
const connectNode: Start = async (t) => {
  const server = createServer(connectNodeAdapter({ routes, readMaxBytes: 32 * 1024 * 1024 }));
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => void sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const session of sessions) session.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

export const SERVERS: Readonly<Record<string, Start>> = { 'grpc-js': grpcJs, grpcio, 'connect-node': connectNode };
