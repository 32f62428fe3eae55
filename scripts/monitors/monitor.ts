/**
 * One monitor, in a process of its own: the official client as it comes. Told by its parent whom to ask and for what,
 * it says how many updates it has when asked, and at the end which: a digest of each, in order.
 */
import { createHash } from 'node:crypto';
import type { Order, Said } from './orders.ts';

/** Loaded by its name and used as documented; its types need libraries that nothing else here does. */
const { default: Client } = (await import('@triton-one/yellowstone-grpc' as string)) as {
  default: new (
    endpoint: string,
    token: string | undefined,
    options: object | undefined,
  ) => {
    connect(): Promise<void>;
    subscribe(): Promise<{
      on(event: string, listener: (data: Update) => void): void;
      write(request: object, done: (error?: Error) => void): void;
    }>;
  };
};

type Update = Record<string, unknown> & { filters: string[]; ping?: unknown; pong?: unknown };

const EMPTY = {
  ...{ accounts: {}, slots: {}, transactions: {}, transactionsStatus: {}, blocks: {}, blocksMeta: {}, entry: {} },
  accountsDataSlice: [],
};

const digests: string[] = [];
/** Statuses of slots, which a replay tells in another order than they came in. */
const statuses: string[] = [];
let failed: string | undefined;

const say = (said: Said): void => void process.send?.(said);

process.on('message', (order: Order) => {
  if (order.kind === 'count') say({ kind: 'count', count: digests.length + statuses.length, failed });
  else if (order.kind === 'end') {
    process.send?.({ kind: 'all', digests, statuses, failed } satisfies Said); // and disconnect tells that it was read
  } else void subscribe(order.endpoint, order.token, order.request).catch(failedWith);
});
process.on('disconnect', () => process.exit(0));

async function subscribe(endpoint: string, token: string | undefined, request: object): Promise<void> {
  const client = new Client(endpoint, token, undefined);
  await client.connect();
  const stream = await client.subscribe();
  stream.on('data', (update) => {
    if (update.ping !== undefined || update.pong !== undefined) return;
    update.filters.sort();
    const digest = createHash('sha1').update(JSON.stringify(update, plain)).digest('base64');
    (update['slot'] === undefined ? digests : statuses).push(digest);
  });
  stream.on('error', failedWith);
  stream.write({ ...EMPTY, ...request }, (error) => {
    if (error) failedWith(error);
    else say({ kind: 'subscribed' });
  });
}

function failedWith(error: unknown): void {
  failed ??= error instanceof Error ? `${error.message} ${String(error.cause ?? '')}` : String(error);
}

function plain(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}
