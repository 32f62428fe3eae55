/** A multiplexer over real sockets to a Geyser test server, all gone when the test is. */
import { afterEach } from 'node:test';
import { type OpenUpstream, openWith, type UpstreamLink } from '../../../src/adapters/yellowstone/mux/link.ts';
import { Multiplexer } from '../../../src/adapters/yellowstone/mux/multiplexer.ts';
import type { MultiplexerOptions } from '../../../src/adapters/yellowstone/mux/options.ts';
import { createGrpcClient } from '../../../src/grpc.ts';
import { type GeyserServer, type GeyserServerOptions, startGeyserServer } from '../../../src/testing/geyser/index.ts';
import { through, until } from './subscribers.ts';

/** Run after the test, last first. */
export const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

export interface Bench {
  readonly geyser: GeyserServer;
  readonly mux: Multiplexer;
  /** Streams upstream, newest last. */
  readonly links: { lose(): void }[];
  /** For subscribers without the multiplexer. */
  readonly open: OpenUpstream;
  /** Lets what the server said last arrive. */
  settle(): Promise<void>;
}

export async function aBench(server: GeyserServerOptions = {}, options: MultiplexerOptions = {}): Promise<Bench> {
  const geyser = await startGeyserServer({ accountsPerSlot: 20, transactionsPerSlot: 10, ...server });
  closing.push(async () => {
    await until('its callers are gone', () => geyser.stats().connections.open === 0);
    await geyser.close();
  });
  const [client, another] = [createGrpcClient({ target: geyser.target }), createGrpcClient({ target: geyser.target })];
  closing.push(
    () => client.destroy(),
    () => another.destroy(),
  );
  const links: { lose(): void }[] = [];
  const shared = openWith(client, 64e6);
  const open: OpenUpstream = (first, events) => {
    const link: UpstreamLink = shared(first, events);
    links.push({
      lose: () => {
        link.close();
        events.ended(undefined);
      },
    });
    return link;
  };
  const mux = new Multiplexer({ open }, { backoffMs: 10, ...options });
  closing.push(() => mux.close());
  const probe = through(mux.monitor({ name: 'probe' }), { slots: { probe: { filterByCommitment: true } } });
  await until('the multiplexer is live', () => mux.stats().streams.some(({ state }) => state === 'live'));
  const settle = async (): Promise<void> => {
    await until('upstream has all filters', () => mux.stats().streams.every(({ pending }) => !pending));
    const before = probe.got.length;
    geyser.advance();
    await until('the last slot came through', () => probe.got.length > before);
    await until('nothing waits at the server', () => geyser.stats().updatesWaiting === 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
  };
  return { geyser, mux, links, open: openWith(another, 64e6), settle };
}
