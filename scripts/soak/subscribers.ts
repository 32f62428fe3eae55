/** Who subscribes: to a stream of its own over a lease, and through the multiplexer. Each counts what it is told. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Monitor, Multiplexer } from 'keepwarm/multiplexer';
import { SubscribeRequestSchema, SubscribeUpdateSchema, type Yellowstone } from 'keepwarm/yellowstone';
import { Tally } from './tally.ts';

export interface Subscriber {
  readonly tally: Tally;
  /** In base58; nothing for all. */
  readonly owners: readonly string[];
  /** Whether upstream has its filters. */
  readonly ready: boolean;
  /** Updates that its queue dropped, where it may. */
  readonly dropped: number;
  /** Gaps it was told of. */
  readonly gaps: number;
  readonly error: unknown;
  close(): void;
}

const accountsOf = (owner: readonly string[]) => ({ accounts: { mine: { owner: [...owner] } } });

/** Its own stream, over what carries calls. */
export function direct(yellowstone: Yellowstone, name: string, owners: readonly string[]): Subscriber {
  const tally = new Tally(name, owners.length === 0, owners.length === 0 ? 1 : undefined);
  const stream = yellowstone.subscribe(accountsOf(owners));
  let error: unknown;
  let gaps = 0;
  const read = async (): Promise<void> => {
    for await (const message of stream) {
      if (message.kind === 'gap') gaps++;
      else tally.take(message.value);
    }
  };
  void read().catch((thrown: unknown) => (error = thrown));
  return {
    ...{ tally, owners, dropped: 0 },
    get ready() {
      return stream.stats().state === 'open';
    },
    get gaps() {
      return gaps;
    },
    get error() {
      return error;
    },
    close: () => stream.close(),
  };
}

export interface MuxOptions {
  /** The first number it must be told; nothing for one that joins later. */
  readonly from?: number | undefined;
  /** Reads one update this often, in ms, and loses the oldest of those that wait. */
  readonly slowMs?: number | undefined;
}

const SLOW_QUEUE = { queueUpdatesMax: 200, queuePolicy: 'dropOldest' } as const;

export function through(
  mux: Multiplexer,
  name: string,
  owners: readonly string[],
  { from, slowMs }: MuxOptions = {},
): Subscriber {
  const tally = new Tally(name, owners.length === 0 && slowMs === undefined, from);
  const monitor = mux.monitor({ name, ...(slowMs === undefined ? {} : { queue: SLOW_QUEUE }) });
  const slow = slowMs === undefined ? undefined : setInterval(() => read(monitor, tally), slowMs);
  if (slow === undefined) {
    monitor.attend(() => {
      while (read(monitor, tally));
    });
  }
  monitor.write(toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, accountsOf(owners))));
  return {
    ...{ tally, owners, gaps: 0 },
    get ready() {
      return mux.stats().streams.every(({ pending }) => !pending);
    },
    get dropped() {
      return monitor.stats(false).dropped;
    },
    get error() {
      return monitor.error;
    },
    close: () => {
      clearInterval(slow);
      monitor.close();
    },
  };
}

function read(monitor: Monitor, tally: Tally): boolean {
  const next = monitor.read();
  if (next === undefined) return false;
  tally.take(fromBinary(SubscribeUpdateSchema, Buffer.concat([next.told.head, next.body])));
  return true;
}
