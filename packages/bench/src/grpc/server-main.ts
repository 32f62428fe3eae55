/** The process behind `startGrpc`: a port for each thing that is asked for. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import { selfSigned } from 'keepwarm/testing';
import { GetSlotResponseSchema } from 'keepwarm/yellowstone';
import { Peer, type Service, unaryAnswer } from './peer.ts';
import { type Ready, type SizeName, SLOT, UPDATE_BYTES } from './server.ts';
import { updatesOf } from './updates.ts';

let open = 0;

async function listen(server: Server, service: Service, event: 'connection' | 'secureConnection'): Promise<string> {
  server.on(event, (socket: Socket) => {
    open++;
    socket.on('close', () => open--);
    new Peer(socket, service);
  });
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, resolve));
  const { port } = server.address() as AddressInfo;
  return `${event === 'connection' ? 'http' : 'https'}://127.0.0.1:${port}`;
}

const plain = (service: Service): Promise<string> => listen(createServer(), service, 'connection');
const streaming = (size: SizeName): Promise<string> =>
  plain({ kind: 'stream', updates: (request, stream) => updatesOf(request, UPDATE_BYTES[size], stream) });

const slot = toBinary(GetSlotResponseSchema, create(GetSlotResponseSchema, { slot: BigInt(SLOT) }));
const unary: Service = { kind: 'unary', answer: unaryAnswer(slot) };
const { cert, key } = selfSigned();
const secure = createTlsServer({ cert, key, ALPNProtocols: ['h2'] });
secure.on('tlsClientError', () => undefined); // the client's to tell of

const ready: Ready = {
  unary: await plain(unary),
  unaryTls: await listen(secure, unary, 'secureConnection'),
  '1KB': await streaming('1KB'),
  '16KB': await streaming('16KB'),
  '1MB': await streaming('1MB'),
  ca: cert,
};
process.on('disconnect', () => process.exit(0));
process.on('message', () => process.send?.(open));
process.send?.(ready);
