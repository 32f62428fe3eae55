/** keepwarm's gRPC clients by each of their doors, with every default protection on. */
import * as protobuf from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createGrpcClient, type GrpcClient, Outbox, rawMethod } from 'keepwarm/grpc';
import { createGrpcTransport } from 'keepwarm/grpc/connect';
import { protobufMethods } from 'keepwarm/grpc/protobuf';
import { type Monitor, Multiplexer, openWith } from 'keepwarm/multiplexer';
import {
  createYellowstone,
  GetSlotRequestSchema,
  Geyser,
  SubscribeRequestSchema,
  SubscribeUpdateSchema,
  type YellowstoneStream,
} from 'keepwarm/yellowstone';
import type { Client, OpenClient, Target } from '../clients/client.ts';
import { accountsOf, replyWith, WINDOW_BYTES } from './peers.ts';
import type { Updating } from './stream-client.ts';

const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;
/** The windows that the others are given. */
const SESSION = { windowBytes: WINDOW_BYTES, streamWindowBytes: WINDOW_BYTES };

const clientFor = ({ origin, ca }: Target): GrpcClient =>
  createGrpcClient({
    ...{ target: origin, messageBytesMax: MESSAGE_BYTES_MAX, session: SESSION },
    ...(ca === '' ? {} : { tls: { ca } }),
  });

const { create, fromBinary, toBinary } = protobuf;
const method = protobufMethods(protobuf);
const request = () => create(SubscribeRequestSchema, accountsOf());
const notAsked = (): never => {
  throw new Error('this client has no calls of one message');
};

/** Reads a stream that was opened, until it is stopped. */
function reading(open: (requests: Outbox<protobuf.Message>) => AsyncIterable<unknown> & { cancel(): void }): Updating {
  let count = 0;
  let cancel = (): void => undefined;
  const read = async (stream: AsyncIterable<unknown>): Promise<void> => {
    for await (const _ of stream) count++;
  };
  return {
    start: () => {
      const requests = new Outbox<protobuf.Message>();
      const stream = open(requests);
      cancel = () => stream.cancel();
      void requests.write(request()).catch(() => undefined); // its stream has ended
      void read(stream).catch(() => undefined); // it is cancelled
    },
    count: () => count,
    stop: () => cancel(),
  };
}

/** `createGrpcClient` with messages of protobuf-es. */
export const openClient: OpenClient = (target) => {
  const client = clientFor(target);
  const [getSlot, subscribe] = [method(Geyser.method.getSlot), method(Geyser.method.subscribe)];
  const asked = create(GetSlotRequestSchema);
  return {
    updating: reading((requests) => client.bidi(subscribe as never, requests as never)),
    call: async () => replyWith((await client.unary(getSlot, asked)).message.slot),
    close: () => client.close(),
  };
};

/** The same, messages left as bytes. */
export const openBytes: OpenClient = (target) => {
  const client = clientFor(target);
  const subscribe = rawMethod('/geyser.Geyser/Subscribe');
  const bytes = { ...subscribe, encode: (each: protobuf.Message) => toBinary(SubscribeRequestSchema, each as never) };
  return {
    updating: reading((requests) => client.bidi(bytes, requests)),
    call: async () => notAsked(),
    close: () => client.close(),
  };
};

/** A client of Connect, on our transport. */
export const openConnect: OpenClient = (target) => {
  const client = clientFor(target);
  const service = createClient(Geyser, createGrpcTransport(client));
  return { call: async () => replyWith((await service.getSlot({})).slot), close: () => client.close() };
};

/** `createYellowstone`: nothing is missed, nothing told twice, gaps are told. */
export const openYellowstone: OpenClient = ({ origin }) => {
  const yellowstone = createYellowstone({ target: origin, messageBytesMax: MESSAGE_BYTES_MAX, session: SESSION });
  let count = 0;
  let stream: YellowstoneStream | undefined;
  const read = async (updates: YellowstoneStream): Promise<void> => {
    for await (const _ of updates) count++;
  };
  const updating: Updating = {
    start: () => {
      stream = yellowstone.subscribe(accountsOf());
      void read(stream).catch((error: unknown) => console.error(error));
    },
    count: () => count,
    stop: () => stream?.close(),
  };
  return {
    updating,
    call: async () => replyWith(await yellowstone.getSlot()),
    close: () => yellowstone.close({ deadlineMs: 0 }),
  };
};

/** So many monitors of a multiplexer, all of which want everything; what is counted are deliveries. */
export const openMonitors =
  (monitors: number, decoded: boolean): OpenClient =>
  (target): Client => {
    const client = clientFor(target);
    const mux = new Multiplexer({ open: openWith(client, MESSAGE_BYTES_MAX) });
    let count = 0;
    let open: Monitor[] = [];
    const take = (monitor: Monitor): void => {
      for (let next = monitor.read(); next !== undefined; next = monitor.read()) {
        count++;
        // Decoded once, for all that get it.
        if (decoded && next.update !== undefined) next.update.made ??= fromBinary(SubscribeUpdateSchema, next.body);
      }
    };
    const updating: Updating = {
      start: () => {
        open = Array.from({ length: monitors }, (_, i) => {
          const monitor = mux.monitor({ name: `monitor ${i}` });
          let due = false;
          monitor.attend(() => {
            if (due) return;
            due = true;
            setImmediate(() => {
              due = false;
              take(monitor);
            });
          });
          monitor.write(toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, accountsOf(`accounts ${i}`))));
          return monitor;
        });
      },
      count: () => count,
      stop: () => {
        for (const monitor of open) monitor.close();
      },
    };
    return {
      updating,
      call: async () => notAsked(),
      close: async () => {
        mux.close();
        await client.close({ deadlineMs: 0 });
      },
    };
  };
