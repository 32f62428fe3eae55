/** A test server with a client of it, both gone when the test is. */
import type { TestContext } from 'node:test';
import type { GeyserServer, GeyserServerOptions } from '../../../src/testing/geyser/index.ts';
import { startGeyserServer } from '../../../src/testing/geyser/index.ts';
import {
  createYellowstone,
  type OwnConnections,
  type StreamMessage,
  type SubscribeUpdate,
  type Yellowstone,
  type YellowstoneStream,
} from '../../../src/yellowstone.ts';

export type Told = StreamMessage<SubscribeUpdate>;

export async function aGeyser(
  t: TestContext,
  server: GeyserServerOptions = {},
  options: Partial<OwnConnections> = {},
): Promise<{ readonly geyser: GeyserServer; readonly yellowstone: Yellowstone }> {
  const geyser = await startGeyserServer(server);
  const yellowstone = createYellowstone({ target: geyser.target, backoffMs: 5, ...options });
  t.after(async () => {
    await yellowstone.close({ deadlineMs: 0 });
    await geyser.close();
  });
  return { geyser, yellowstone };
}

/** Until a thing holds that somebody else brings about; the runner ends a test that waits for ever. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Until the server has read the filters of `count` streams since its start. */
export const subscribed = (geyser: GeyserServer, count: number): Promise<void> =>
  until(() => geyser.stats().writes.filters >= count);

/** Everything it tells, until one of them is the last. */
export async function read(stream: YellowstoneStream, last: (told: Told) => boolean): Promise<Told[]> {
  const all: Told[] = [];
  for (;;) {
    const { done, value } = await stream.next();
    if (done) return all;
    all.push(value);
    if (last(value)) return all;
  }
}

/** The write versions of accounts among what was told; the test server counts them from 1. */
export const writes = (all: readonly Told[]): number[] =>
  all.flatMap((told) => {
    if (told.kind !== 'data') return [];
    const { updateOneof } = told.value;
    return updateOneof.case === 'account' ? [Number(updateOneof.value.account!.writeVersion)] : [];
  });

export const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
