/** The commands that stay: `gateway` and `demo`. They run until a signal ends them. */
import { existsSync } from 'node:fs';
import { proxyFor } from 'keepwarm';
import { runtimeFolder } from '../admin/key-file.ts';
import { parseAddress, showAddress } from '../config/address.ts';
import {
  GATEWAY_DEFAULTS,
  type GatewayConfig,
  parseConfig,
  parseUpstream,
  readConfig,
  type UpstreamConfig,
} from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { placesText } from '../config/endpoints.ts';
import { LOGS_DEFAULTS } from '../config/logs.ts';
import { redisServer } from '../config/redis.ts';
import type { RpcUpstreamConfig } from '../config/rpc-upstream.ts';
import { checkShares } from '../config/shares.ts';
import { CONFIG_FILES } from '../config/source.ts';
import { parseWorkers } from '../config/workers.ts';
import { nodesOf } from '../data/rpc-upstream.ts';
import { startDemo } from '../demo/demo.ts';
import { Gateway, type GatewayPlaces } from '../gateway.ts';
import { stateFolder } from '../history/open.ts';
import { logTo } from '../logs/log.ts';
import { openRedis } from '../redis/connection.ts';
import { checkLimitsInRedis } from '../redis/limits.ts';
import type { WorkersGateway } from '../workers/gateway.ts';
import { EXIT } from './commands.ts';
import type { Flags } from './parse.ts';
import { telemetryFor } from './telemetry.ts';

export type Print = (line: string) => void;

export async function runGateway(flags: Flags, print: Print): Promise<number> {
  if (flags['demo'] === true) return runDemo(flags, print);
  const readConfig = () => configOf(flags);
  const config = readConfig();
  const log = logTo(process.stderr, config.logs ?? LOGS_DEFAULTS);
  const telemetry = await telemetryFor(log);
  const { workers = 1 } = config;
  const redis = await openRedis(config.redis, log, workers);
  const places = { runtimeFolder: runtimeFolder(), stateFolder: stateFolder(), log, readConfig, telemetry, redis };
  const { gateway, data, admin } = await started(config, places);
  const signalled = untilSignal(print); // before anybody can know that we are there
  process.on('SIGHUP', () => void reload(gateway, flags, print));
  print('keepwarm gateway');
  const scheme = config.tls === undefined ? 'http' : 'https';
  for (const [name, each] of config.upstreams) {
    const where = `${originOf(each)}${wayTo(each)}`;
    print(`  ${scheme}://${shown(data)}/${name}/  →  ${where}`);
    for (const host of each.hosts) print(`  ${scheme}://${host}:${data.port}/  →  ${where}`);
  }
  for (const { address, target } of gateway.grpc.all) print(`  grpc at ${address && shown(address)}  →  ${target}`);
  // A code lets one browser act, once: it is for the person at this terminal, not for a file that keeps what is said.
  const code = process.stdout.isTTY ? `#key=${gateway.keys.issue().code}` : '';
  print(`  status page: http://${shown(admin)}/${code}`);
  if (workers > 1) print(`  ${workers} workers share the port and the limits`);
  if (config.redis !== undefined) print(`  limits are counted in Redis at ${redisServer(config.redis)}`);
  await signalled;
  await gateway.stop();
  redis?.close();
  return EXIT.ok;
}

async function started(config: GatewayConfig, places: GatewayPlaces) {
  try {
    const gateway = await gatewayOf(config, places);
    return { gateway, ...(await gateway.start()) };
  } catch (error) {
    places.redis?.close();
    throw error;
  }
}

/** One process does all of it, or several do the work. What several take is loaded only for them. */
async function gatewayOf(config: GatewayConfig, places: GatewayPlaces): Promise<Gateway | WorkersGateway> {
  if ((config.workers ?? 1) === 1) return new Gateway(config, places);
  return new (await import('../workers/gateway.ts')).WorkersGateway(config, places);
}

function originOf(config: UpstreamConfig | RpcUpstreamConfig): string {
  return 'rpc' in config ? nodesOf(config.rpc) : placesText(config.client) + sectionsText(config);
}

/** How its tenants are told from each other. */
function sectionsText({ sections }: UpstreamConfig): string {
  if (sections === undefined) return '';
  const { by, named, unlisted, sectionsMax } = sections;
  const how =
    'header' in by ? `the header ${by.header}` : 'segment' in by ? `segment ${by.segment} of the path` : 'routes';
  const more = unlisted === 'serve' && !('routes' in by) ? `, up to ${sectionsMax} others` : '';
  return `, sections by ${how}: ${named.size} listed${more}`;
}

/** Anything but straight, so that nobody is surprised by what an environment says. */
function wayTo(config: UpstreamConfig | RpcUpstreamConfig): string {
  if ('client' in config) {
    const { proxy, socketPath, origin } = config.client;
    if (socketPath !== undefined) return ` at ${socketPath}`;
    const through = proxyFor(proxy, origin);
    return through === undefined ? '' : ` through ${through}`;
  }
  const { proxy, endpoints } = config.rpc;
  const names = new Set(endpoints.flatMap(({ url }) => proxyFor(proxy, url) ?? []));
  return names.size === 0 ? '' : ` through ${[...names].join(', ')}`;
}

/** The whole of a file that is wrong is refused: what was configured before goes on. */
async function reload(gateway: Gateway | WorkersGateway, flags: Flags, print: Print): Promise<void> {
  try {
    const { kept, begun, ended } = await gateway.reload(configOf(flags));
    print(`reloaded: ${told(kept, 'unchanged')}; ${told(begun, 'begun')}; ${told(ended, 'ended')}`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    print(`not reloaded, all goes on as before: ${error.message}`);
  }
}

const told = (names: readonly string[], what: string): string =>
  names.length === 0 ? `none ${what}` : `${names.join(', ')} ${what}`;

/** `keepwarm check`: says what is wrong with a configuration, or what is in it. */
export function runCheck(file: string, print: Print): number {
  const config = readConfig(file);
  checkShares(config);
  const { listen, admin, upstreams, grpc, redis } = config;
  if (upstreams.size === 0 && grpc?.size === 0) throw new ConfigError(`${file}: upstreams`, 'names none');
  print(`${file} is fine: callers at ${showAddress(listen)}, status page at ${showAddress(admin)}`);
  for (const [name, upstream] of upstreams) {
    const what = 'rpc' in upstream ? 'JSON-RPC nodes' : placesText(upstream.client) + sectionsText(upstream);
    print(`  ${name}  →  ${'rpc' in upstream ? `${upstream.rpc.endpoints.length} ${what}` : what}`);
  }
  for (const [name, { listen: at, pool }] of grpc ?? []) {
    print(`  ${name}  →  ${new URL(pool.target).origin}, gRPC at ${showAddress(at)}`);
  }
  if (redis !== undefined) print(`  limits are counted in Redis at ${redisServer(redis)}`);
  return EXIT.ok;
}

export async function runDemo(flags: Flags, print: Print): Promise<number> {
  const listen = parseAddress(text(flags['listen']) ?? GATEWAY_DEFAULTS.listen, '--listen');
  const admin = parseAddress(text(flags['admin']) ?? GATEWAY_DEFAULTS.admin, '--admin');
  const demo = await startDemo(listen, admin, { runtimeFolder: runtimeFolder() });
  const signalled = untilSignal(print);
  print('keepwarm demo: an upstream 40 ms away, three JSON-RPC nodes, one of them flaky, the gateway before them,');
  print('and about 40 calls a second.');
  print(`  status page:  http://${shown(demo.admin)}/`);
  if (process.stdout.isTTY) print(`  and to act:   http://${shown(demo.admin)}/#key=${demo.code()}   (good once)`);
  print(`  try it:       curl http://${shown(demo.data)}/market/quote`);
  const body = '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}';
  print(`  or JSON-RPC:  curl http://${shown(demo.data)}/chain -d '${body}'`);
  if (demo.grpc !== undefined)
    print(`  or Geyser:    http://${shown(demo.grpc)}   (gRPC: seven monitors share one subscription)`);
  print('  Ctrl-C ends it.');
  await signalled;
  await demo.stop();
  return EXIT.ok;
}

/** The file, if one was named, and the flags on top of it. @throws ConfigError */
export function configOf(flags: Flags): GatewayConfig {
  const file = text(flags['config']) ?? (flags['upstream'] === undefined ? CONFIG_FILES.find(existsSync) : undefined);
  const base = file === undefined ? parseConfig({}, '.') : readConfig(file);
  const upstreams = new Map(base.upstreams);
  const given = Array.isArray(flags['upstream']) ? flags['upstream'] : [];
  for (const pair of given.flatMap((each) => String(each).split(','))) {
    const at = pair.indexOf('=');
    if (at < 1) throw new ConfigError('--upstream', `is ${JSON.stringify(pair)}; allowed: NAME=URL`);
    const name = pair.slice(0, at);
    upstreams.set(name, parseUpstream(name, { origin: pair.slice(at + 1) }, '.'));
  }
  if (upstreams.size === 0 && (base.grpc?.size ?? 0) === 0) {
    throw new ConfigError('', `there is no upstream: name one with --upstream NAME=URL, or in ${CONFIG_FILES[0]}`);
  }
  const listen = text(flags['listen']);
  const admin = text(flags['admin']);
  const workers = text(flags['workers']);
  const config = {
    ...base,
    upstreams,
    ...(workers === undefined ? {} : { workers: parseWorkers(workers, '--workers') }),
    ...(listen === undefined ? {} : { listen: parseAddress(listen, '--listen') }),
    ...(admin === undefined ? {} : { admin: parseAddress(admin, '--admin') }),
  };
  checkShares(config);
  checkLimitsInRedis(config);
  return config;
}

const text = (flag: Flags[string]): string | undefined => (typeof flag === 'string' ? flag : undefined);

const shown = ({ address, port }: { address: string; port: number }): string => showAddress({ host: address, port });

/** Resolves on the first SIGINT or SIGTERM; the second ends the process at once. */
function untilSignal(print: Print): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) process.exit(signal === 'SIGINT' ? 130 : 143);
      asked = true;
      print('stopping: requests under way may end; a second signal ends them now');
      resolve();
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  });
}
