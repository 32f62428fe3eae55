/**
 * The demo's Geyser server, and the seven monitors that share one subscription to it through the gateway. Both need
 * `@bufbuild/protobuf`, which is an optional peer of the library: without it the demo goes on without them.
 */
import type { Address } from '../config/address.ts';
import { GRPC_UPSTREAM_DEFAULTS, type GrpcUpstreamConfig } from '../config/grpc-upstream.ts';

/** As a chain has it. */
const SLOT_MS = 400;
const TOKEN = 'token-of-the-demo';

/** What each monitor looks at, by its name. */
type Interests = (accounts: readonly string[], owners: readonly string[]) => Readonly<Record<string, object>>;

const interests: Interests = (accounts, [first = '', second = '', third = '']) => ({
  'pumpfun-price': { accounts: { price: { owner: [first] } } },
  'raydium-pools': { accounts: { pools: { owner: [second, third] } } },
  'wallet-watch': { accounts: { wallets: { account: accounts.slice(0, 5) } } },
  transfers: { transactions: { transfers: { vote: false, failed: false } } },
  'failed-orders': { transactions: { failed: { failed: true, vote: false } } },
  'slot-clock': { slots: { clock: { filterByCommitment: true } } },
  'block-times': { blocksMeta: { blocks: {} } },
});

export interface DemoGeyser {
  readonly target: string;
  /** Sends the monitors to the gateway; nowhere any more when it is left out. */
  watch(gatewayPort: number | undefined): void;
}

/** @returns nothing where what it needs is not installed */
export async function startGeyser(): Promise<DemoGeyser | undefined> {
  const parts = await Promise.all([import('keepwarm/testing/geyser'), import('keepwarm/yellowstone')]).catch(
    () => undefined, // no codec: nothing to show
  );
  if (parts === undefined) return undefined;
  const [{ startGeyserServer }, { createYellowstone }] = parts;
  const load = { accountsPerSlot: 60, transactionsPerSlot: 30 };
  const geyser = await startGeyserServer({ ...load, token: TOKEN, slotMs: SLOT_MS, replaySlots: 150 });
  let end = (): void => undefined;
  return {
    target: geyser.target,
    watch: (port) => {
      end();
      end = (): void => undefined;
      if (port === undefined) return;
      const clients = Object.entries(interests(geyser.accounts, geyser.owners)).map(([name, request]) => {
        const client = createYellowstone({ target: `http://127.0.0.1:${port}`, metadata: { 'x-monitor': name } });
        const stream = client.subscribe(request);
        // Whatever ends it is seen on the page; a monitor that reads is all that the demo needs.
        void (async () => {
          for await (const _ of stream);
        })().catch(() => undefined);
        return client;
      });
      end = () => {
        for (const client of clients) void client.close({ deadlineMs: 0 });
      };
    },
  };
}

/** @param listen where it listens; port 0 for any that is free */
export function geyserUpstream(target: string, listen: Address): GrpcUpstreamConfig {
  return {
    ...GRPC_UPSTREAM_DEFAULTS,
    kind: 'geyser',
    pool: { target, token: TOKEN, connectionRate: { assumed: 'empty' } },
    multiplexer: {},
    listen,
    tokens: [],
    serverTls: undefined,
  };
}
