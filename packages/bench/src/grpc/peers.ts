/**
 * The other gRPC clients, each as its documentation has it and with its best: a window of 4 MiB where it takes one, and
 * for grpc-js the codec of ts-proto that the official client ships, which decodes faster than the one of proto-loader.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import * as grpcJs from '@grpc/grpc-js';
import { Geyser } from 'keepwarm/yellowstone';
import type { Client, OpenClient, RpcReply, Target } from '../clients/client.ts';
import { CALL_ID } from '../server/replies.ts';
import { SLOT } from './server.ts';
import type { Updating } from './stream-client.ts';

/** Towards each client. */
export const WINDOW_BYTES = 4 * 1024 * 1024;
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

/** The reply to a call, as the loop of calls wants it, once it has the right slot. */
export function replyWith(slot: bigint | string | number): RpcReply {
  if (Number(slot) !== SLOT) throw new Error(`the slot is ${slot} instead of ${SLOT}`);
  return { id: CALL_ID, result: slot };
}

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
  fromPartial(message: object): T;
}

interface TsProto {
  readonly GetSlotRequest: Codec<object>;
  readonly GetSlotResponse: Codec<{ readonly slot: string }>;
  readonly SubscribeRequest: Codec<object>;
  readonly SubscribeUpdate: Codec<object>;
}

/** Shipped with the official client, but not exported by it. */
function tsProto(): TsProto {
  const require = createRequire(import.meta.url);
  const client = fileURLToPath(import.meta.resolve('@triton-one/yellowstone-grpc'));
  return require(join(client, '../../cjs/grpc/geyser.js')) as TsProto;
}

export const accountsOf = (name = 'all') => ({ accounts: { [name]: {} } });

/** A connection of its own for each client, as for all others. */
function grpcJsClient({ origin, ca }: Target): grpcJs.Client {
  const { host, protocol } = new URL(origin);
  const credentials =
    protocol === 'https:' ? grpcJs.credentials.createSsl(Buffer.from(ca)) : grpcJs.credentials.createInsecure();
  return new grpcJs.Client(host, credentials, {
    'grpc.max_receive_message_length': -1,
    'grpc-node.flow_control_window': WINDOW_BYTES,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_channelz': 0,
  });
}

export const openGrpcJs: OpenClient = (target) => {
  const client = grpcJsClient(target);
  const { GetSlotRequest, GetSlotResponse, SubscribeRequest, SubscribeUpdate } = tsProto();
  const encode = (message: object): Buffer => Buffer.from(GetSlotRequest.encode(message).finish());
  const decode = (bytes: Buffer) => GetSlotResponse.decode(bytes);
  const request = GetSlotRequest.fromPartial({});
  let count = 0;
  let stream: grpcJs.ClientDuplexStream<object, object> | undefined;
  const updating: Updating = {
    start: () => {
      stream = client.makeBidiStreamRequest(
        '/geyser.Geyser/Subscribe',
        (message: object) => Buffer.from(SubscribeRequest.encode(message).finish()),
        (bytes) => SubscribeUpdate.decode(bytes),
      );
      stream.on('data', () => count++).on('error', () => undefined); // it is cancelled
      stream.write(SubscribeRequest.fromPartial(accountsOf()));
    },
    count: () => count,
    stop: () => stream?.cancel(),
  };
  return {
    updating,
    call: () =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest('/geyser.Geyser/GetSlot', encode, decode, request, (error, answer) => {
          if (error !== null) reject(error);
          else resolve(replyWith(answer!.slot));
        });
      }),
    close: () => client.close(),
  };
};

export const openConnectNode: OpenClient = ({ origin, ca }) => {
  const transport = createGrpcTransport({
    ...{ baseUrl: origin, readMaxBytes: MESSAGE_BYTES_MAX },
    nodeOptions: { ca, settings: { initialWindowSize: WINDOW_BYTES } } as object,
  });
  const client = createClient(Geyser, transport);
  let count = 0;
  let ending = new AbortController();
  const read = async (signal: AbortSignal): Promise<void> => {
    async function* requests() {
      yield accountsOf() as never;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    }
    for await (const _ of client.subscribe(requests(), { signal })) count++;
  };
  const updating: Updating = {
    start: () => {
      ending = new AbortController();
      void read(ending.signal).catch(() => undefined); // it is cancelled
    },
    count: () => count,
    stop: () => ending.abort(),
  };
  const call = async (): Promise<RpcReply> => replyWith((await client.getSlot({})).slot);
  return { updating, call, close: () => undefined };
};

/** Loaded by its name and used as documented; its types need libraries that nothing else here does. */
interface Native {
  connect(): Promise<void>;
  getSlot(): Promise<{ readonly slot: string }>;
  subscribe(): Promise<{
    on(event: string, listener: () => void): void;
    write(request: object, done: (error?: Error) => void): void;
    destroy(): void;
  }>;
}

const EMPTY = {
  ...{ slots: {}, transactions: {}, transactionsStatus: {}, blocks: {}, blocksMeta: {}, entry: {} },
  accountsDataSlice: [],
};

export const openNative: OpenClient = async ({ origin }): Promise<Client> => {
  const { default: Yellowstone } = (await import('@triton-one/yellowstone-grpc' as string)) as {
    default: new (endpoint: string, token: undefined, options: object) => Native;
  };
  const connected = async (): Promise<Native> => {
    const client = new Yellowstone(origin, undefined, { grpcMaxDecodingMessageSize: MESSAGE_BYTES_MAX });
    await client.connect();
    return client;
  };
  const client = await connected();
  let count = 0;
  let stream: Awaited<ReturnType<Native['subscribe']>> | undefined;
  const updating: Updating = {
    start: async () => {
      // On a connection of its own: what a destroyed stream had left unread holds up the connection it was on.
      stream = await (await connected()).subscribe();
      stream.on('data', () => count++);
      stream.on('error', () => undefined); // it is destroyed
      const all = { account: [], owner: [], filters: [] };
      await new Promise<void>((resolve, reject) => {
        stream!.write({ ...EMPTY, accounts: { all } }, (error) => (error ? reject(error) : resolve()));
      });
    },
    count: () => count,
    stop: () => stream?.destroy(),
  };
  return { updating, call: async () => replyWith((await client.getSlot()).slot), close: () => undefined };
};
