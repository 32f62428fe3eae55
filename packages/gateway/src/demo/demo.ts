/** The demo: an upstream at a distance, the gateway before it, a little load, and what calls would cost without. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import type { ClientOptions } from 'keepwarm';
import { evm } from 'keepwarm/jsonrpc';
import type { Address } from '../config/address.ts';
import { GATEWAY_DEFAULTS, type GatewayConfig, UPSTREAM_DEFAULTS, type UpstreamConfig } from '../config/config.ts';
import { HISTORY_DEFAULTS } from '../config/history.ts';
import { RPC_UPSTREAM_DEFAULTS, type RpcUpstreamConfig } from '../config/rpc-upstream.ts';
import { Gateway, type GatewayPlaces, ListenError } from '../gateway.ts';
import type { DemoNode } from './chain.ts';
import { compareCold } from './cold-calls.ts';
import { geyserUpstream } from './geyser.ts';
import type { DemoReady } from './upstream-main.ts';

/** Beside this file, and built or not as this file is. */
const UPSTREAM = new URL(`./upstream-main${extname(import.meta.url)}`, import.meta.url);
/** A name of its own (RFC 2606 § 2), so that there is something to resolve. */
const HOSTNAME = 'api.keepwarm.test';
/** A name server some way off, in ms, and how long its answers are good for. */
const DNS = { ms: 14, ttlMs: 30_000 };
/** Where the demo's Geyser is found, as long as the gateway is not told to take any port. */
const GEYSER_PORT = 4_310;
/** How many ports are tried when one is taken. */
const PORTS_TRIED = 50;

type Resolver = NonNullable<NonNullable<ClientOptions['dns']>['resolver']>;

const resolver: Resolver = async () => {
  await new Promise((resolve) => setTimeout(resolve, DNS.ms));
  return { addresses: [{ address: '127.0.0.1', family: 4 }], ttlMs: DNS.ttlMs };
};

export interface Demo {
  readonly data: AddressInfo;
  readonly admin: AddressInfo;
  /** For callers that speak gRPC, where the demo has something for them. */
  readonly grpc: AddressInfo | undefined;
  /** Lets one browser act, once. */
  readonly code: () => string;
  stop(): Promise<void>;
}

/** @throws ListenError when neither a port nor those after it can be had */
export async function startDemo(listen: Address, admin: Address, places: GatewayPlaces = {}): Promise<Demo> {
  const child = fork(UPSTREAM, [HOSTNAME], { env: quiet() });
  try {
    const { port, ca, nodes, geyser } = await ready(child);
    const client = { origin: `https://${HOSTNAME}:${port}`, tls: { ca }, dns: { resolver } };
    const {
      gateway,
      data,
      admin: page,
    } = await startOnFreePorts(
      {
        listen,
        admin,
        upstreams: upstreams(client, nodes),
        grpc: new Map(geyser === undefined ? [] : [['solana', geyserUpstream(geyser, geyserAt(listen))]]),
      },
      places,
    );
    const endComparison = compareCold(client, '/quote', gateway.upstreams[0]!.book);
    const grpc = gateway.grpc.all[0]?.address;
    child.send({ gatewayPort: data.port, grpcPort: grpc?.port });
    return {
      data,
      admin: page,
      grpc,
      code: () => gateway.keys.issue().code,
      stop: async () => {
        endComparison();
        child.send({ gatewayPort: undefined });
        await gateway.stop();
        await end(child);
      },
    };
  } catch (error) {
    await end(child);
    throw error;
  }
}

/** Small pools with short lives, so that a visitor sees sockets come and go. */
const POOL = {
  socketsMax: 16,
  idleMax: 6,
  idleMin: 2,
  surplusMs: 20_000,
  idleMs: 40_000,
  ageMs: 100_000,
  ageJitter: 0.4,
};

/** What orders may be sent. Their bursts ask for more, and wait their turn; nobody is refused. */
const ORDERS_LIMIT = { limit: 8, windowMs: 1_000 };

const ABOUT =
  'This is the demo. market and orders are an API some 40 ms away, and orders may be sent 8 times a second. chain is ' +
  'three nodes, of which flaky fails and falls behind in turns. solana is one stream that seven monitors share. ' +
  'About 40 calls a second pass, as made by ordinary programs.';

type Upstreams = Map<string, UpstreamConfig | RpcUpstreamConfig>;

function upstreams(client: UpstreamConfig['client'], nodes: readonly DemoNode[]): Upstreams {
  const upstream = (pool: typeof POOL): UpstreamConfig => ({
    ...UPSTREAM_DEFAULTS,
    hosts: [],
    client: { ...client, pool },
  });
  const orders = upstream({ ...POOL, socketsMax: 8 });
  return new Map<string, UpstreamConfig | RpcUpstreamConfig>([
    ['market', upstream(POOL)],
    ['orders', { ...orders, client: { ...orders.client, rateLimit: ORDERS_LIMIT } }],
    ['chain', chain(nodes)],
  ]);
}

/** Heads are followed closely, as a block takes a second here; and what was out comes back soon. */
function chain(nodes: readonly DemoNode[]): RpcUpstreamConfig {
  return {
    ...RPC_UPSTREAM_DEFAULTS,
    hosts: [],
    rpc: {
      adapter: evm,
      endpoints: nodes.map(({ name, port }) => ({ name, url: `http://127.0.0.1:${port}` })),
      freshness: { intervalMs: 1_000, lagMax: 5 },
      balance: { ejectMs: 3_000, ejectMsMax: 6_000, slowStartMs: 5_000 },
      pool: { socketsMax: 8 },
    },
  };
}

type Given = Pick<GatewayConfig, 'listen' | 'admin' | 'upstreams' | 'grpc'>;

async function startOnFreePorts(given: Given, places: GatewayPlaces) {
  const history = { ...HISTORY_DEFAULTS, path: ':memory:' };
  let config: GatewayConfig = { ...GATEWAY_DEFAULTS, drainMs: 2_000, ...given, history };
  for (let tries = 1; ; tries++) {
    const gateway = new Gateway(config, { about: ABOUT, ...places });
    try {
      return { gateway, ...(await gateway.start()) };
    } catch (error) {
      if (!(error instanceof ListenError) || error.code !== 'EADDRINUSE' || tries > PORTS_TRIED) throw error;
      config = onNextPort(config, error.flag);
    }
  }
}

const geyserAt = ({ host, port }: Address): Address => ({ host, port: port === 0 ? 0 : GEYSER_PORT });

/** @param flag what could not be had: a flag, or else the place of what speaks gRPC */
function onNextPort(config: GatewayConfig, flag: string): GatewayConfig {
  const next = ({ host, port }: Address): Address => ({ host, port: port + 1 });
  if (flag === '--listen') return { ...config, listen: next(config.listen) };
  if (flag === '--admin') return { ...config, admin: next(config.admin) };
  const grpc = [...(config.grpc ?? [])].map(([name, each]) => [name, { ...each, listen: next(each.listen) }] as const);
  return { ...config, grpc: new Map(grpc) };
}

async function ready(child: ChildProcess): Promise<DemoReady> {
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the demo's upstream ended (${code})`)));
  const [message] = await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => undefined); // it has been heard, or comes at the very end
  return message as DemoReady;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  if (child.connected) child.disconnect();
  await exited;
}

function quiet(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_NO_WARNINGS: '1' };
}
