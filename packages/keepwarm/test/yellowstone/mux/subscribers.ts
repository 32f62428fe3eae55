/**
 * What the multiplexer's tests stand on: subscribers alone and through it, over real sockets to a Geyser test server.
 */
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { LinkError, OpenUpstream } from '../../../src/adapters/yellowstone/mux/link.ts';
import type { Monitor } from '../../../src/adapters/yellowstone/mux/monitor.ts';
import { SubscribeRequestSchema, SubscribeUpdateSchema } from '../../../src/wire/geyser/generated/geyser_pb.js';

export type Asked = MessageInitShape<typeof SubscribeRequestSchema>;

export const requestOf = (asked: Asked): Uint8Array =>
  toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, asked));

/** An update as text that two subscribers can be compared by; nothing for pings and pongs. */
export function textOf(bytes: Uint8Array): string | undefined {
  const update = fromBinary(SubscribeUpdateSchema, bytes);
  if (update.updateOneof.case === 'ping' || update.updateOneof.case === 'pong') return undefined;
  update.filters.sort();
  return Buffer.from(toBinary(SubscribeUpdateSchema, update)).toString('latin1');
}

export class Subscriber {
  readonly got: string[] = [];
  pings = 0;
  error: LinkError | undefined;

  update(bytes: Uint8Array): void {
    const text = textOf(bytes);
    if (text === undefined) this.pings++;
    else this.got.push(text);
  }

  /** What it got, in no order. */
  get set(): string[] {
    return this.got.toSorted();
  }
}

/** As it would be without the multiplexer. */
export function alone(open: OpenUpstream, asked: Asked): Subscriber & { close(): void } {
  const subscriber = new Subscriber();
  const link = open(requestOf(asked), {
    update: (bytes) => subscriber.update(bytes),
    ended: (error) => {
      subscriber.error = error;
    },
  });
  return Object.assign(subscriber, { close: () => link.close() });
}

export function through(monitor: Monitor, asked: Asked): Subscriber {
  const subscriber = new Subscriber();
  monitor.attend(() => {
    for (let next = monitor.read(); next !== undefined; next = monitor.read()) {
      subscriber.update(Buffer.concat([next.told.head, next.body]));
    }
    subscriber.error = monitor.error;
  });
  monitor.write(requestOf(asked));
  return subscriber;
}

/** Waits until something holds, and fails naming it. */
export async function until(what: string, holds: () => boolean, ms = 90_000): Promise<void> {
  for (const end = performance.now() + ms; !holds(); await sleep(5)) {
    if (performance.now() > end) throw new Error(`after ${ms} ms it did not hold that ${what}`);
  }
}
