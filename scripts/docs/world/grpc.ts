/** A gRPC server for the examples of the documentation: HTTP/2 in the clear, its messages bytes of no meaning. */
import { once } from 'node:events';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

const TICK_MS = 20;

const framed = (message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
};
const EIGHT = framed(new Uint8Array(8));
const NONE = framed(new Uint8Array(0));
/** Field 1 of a message of protobuf: the text `hello`. */
const HELLO = framed(Buffer.from('\n\u0005hello'));

/** What each method does with its stream, by the last part of its path; the others answer with eight bytes. */
const METHODS: Readonly<Record<string, (stream: ServerHttp2Stream) => void>> = {
  Say: (stream) => void stream.resume().on('end', () => stream.end(HELLO)),
  List: (stream) => void stream.resume().on('end', () => stream.end(Buffer.concat([EIGHT, EIGHT, EIGHT]))),
  Watch: (stream) => {
    const ticks = setInterval(() => stream.write(EIGHT), TICK_MS).unref();
    stream.resume().on('close', () => clearInterval(ticks));
  },
  Talk: (stream) => {
    stream.once('data', () => stream.write(Buffer.concat([EIGHT, NONE]))).on('end', () => stream.end());
  },
};

export async function startGrpc(): Promise<{ readonly target: string; close(): void }> {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => void sessions.add(session));
  server.on('stream', (stream, { ':path': path = '' }) => {
    stream.on('error', () => undefined); // callers leave as they like
    stream.respond(
      { 'content-type': 'application/grpc', 'x-region': 'here', 'x-session': '1' },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-served-by': 'one' }));
    const method = METHODS[path.split('/').at(-1) ?? ''];
    if (method === undefined) stream.resume().on('end', () => stream.end(EIGHT));
    else method(stream);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    target: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}
