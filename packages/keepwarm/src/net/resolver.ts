/**
 * Asks the system what a name resolves to. The one file of the library that imports `node:dns`.
 *
 * Who is asked, in this order, and why:
 *   1. The hosts file: what an operator writes there is meant to win (`hosts: files dns`, nsswitch.conf(5)).
 *   2. DNS by c-ares, A and AAAA at once: it knows TTLs, takes no thread and can be cancelled. Skipped for names
 *      without a dot, which mean whatever the search list says (resolv.conf(5)), and below `.local`, which belong to
 *      multicast DNS (RFC 6762 § 3): asked of a name server they would leak, or find a stranger.
 *   3. getaddrinfo, when DNS knows no such name or address or cannot be asked: search domains, multicast DNS and
 *      whatever else nsswitch.conf lists live there. It holds a thread of the pool until it ends and tells no TTL, so
 *      it is last. Not after SERVFAIL or a timeout: it would only ask the same name servers again, for longer.
 */
import { promises as dns } from 'node:dns';
import { networkInterfaces } from 'node:os';
import { type Clock, systemClock } from '../core/clock.ts';
import { codeOf, isFinal } from './dns-failure.ts';
import { withoutRoot } from './dns-name.ts';
import type { Address, Answer, Family, Resolver } from './dns-options.ts';
import { HostsFile, systemHostsPath } from './hosts.ts';

/** As getaddrinfo: all addresses, best first (RFC 6724). Rejects with a system error. */
export type SystemLookup = (hostname: string, family: Family) => Promise<readonly Address[]>;

export interface SystemResolverOptions {
  readonly clock?: Clock;
  /** Default: the system's hosts file. */
  readonly hostsPath?: string;
  /**
   * Name servers, as `10.0.0.2`, `10.0.0.2:5353` or `[fd00::2]:53`. Default: those of the system, read at each lookup.
   * With servers given getaddrinfo is not asked, since it would ask others.
   */
  readonly servers?: readonly string[];
  /** What is asked last; `undefined` for nobody. Default: getaddrinfo. */
  readonly systemLookup?: SystemLookup | undefined;
}

/** First wait for a name server in ms; c-ares doubles it with each try. 1 + 2 s fit into the 5 s of a lookup. */
const TRY_MS = 1_000;
const TRIES = 3;

/** How long the other family is waited for once one has addresses, in ms: the Resolution Delay of RFC 8305 § 3. */
const OTHER_FAMILY_MS = 50;

/** An answer that may lack a family for a passing reason is asked for again this soon, in ms. */
const PARTIAL_TTL_MS = 5_000;

/**
 * Calls of getaddrinfo at once. libuv runs two of them at a time; a dead directory must not pile up more without end.
 */
const SYSTEM_LOOKUPS_MAX = 64;

/** c-ares could not ask, or was not heard out: the system may know other ways. */
const COULD_NOT_ASK: ReadonlySet<string> = new Set(['ECONNREFUSED', 'EREFUSED', 'ENOTIMP', 'EFORMERR']);

export function systemResolver(options: SystemResolverOptions = {}): Resolver {
  const { clock = systemClock, hostsPath = systemHostsPath(), servers } = options;
  const systemLookup = 'systemLookup' in options ? options.systemLookup : servers ? undefined : getaddrinfo;
  const hosts = new HostsFile(hostsPath, clock);
  const askSystem = systemLookup && bounded(systemLookup);

  return async (hostname, family, signal) => {
    const listed = await hosts.lookup(withoutRoot(hostname), family);
    if (listed.length > 0) return { addresses: listed, ttlMs: undefined };
    signal.throwIfAborted();
    if (askSystem === undefined) return askServers(hostname, family, signal, clock, servers);
    if (belongsToSystem(hostname)) return { addresses: await askSystem(hostname, family, signal), ttlMs: undefined };
    try {
      return await askServers(hostname, family, signal, clock, servers);
    } catch (error) {
      signal.throwIfAborted();
      const code = codeOf(error) ?? '';
      if (!isFinal(code) && !COULD_NOT_ASK.has(code)) throw error;
      return { addresses: await orElse(error, askSystem(hostname, family, signal)), ttlMs: undefined };
    }
  };
}

function belongsToSystem(hostname: string): boolean {
  return !hostname.includes('.') || withoutRoot(hostname).endsWith('.local');
}

/** When both know nothing the name server's word stands, unless the system's failure may pass. */
async function orElse(first: unknown, second: Promise<readonly Address[]>): Promise<readonly Address[]> {
  try {
    return await second;
  } catch (error) {
    throw isFinal(codeOf(error)) ? first : error;
  }
}

const getaddrinfo: SystemLookup = async (hostname, family) => {
  const found = await dns.lookup(hostname, { all: true, family, order: 'verbatim' });
  return found.map((one) => ({ address: one.address, family: one.family === 6 ? 6 : 4 }));
};

type AbortableLookup = (hostname: string, family: Family, signal: AbortSignal) => Promise<readonly Address[]>;

/**
 * getaddrinfo cannot be cancelled: an abort ends the wait, and the call keeps its place among the few until it ends.
 */
function bounded(systemLookup: SystemLookup): AbortableLookup {
  let underWay = 0;
  return (hostname, family, signal) => {
    if (underWay >= SYSTEM_LOOKUPS_MAX) {
      return Promise.reject(new Error(`${SYSTEM_LOOKUPS_MAX} system lookups are under way and none has ended`));
    }
    underWay++;
    const { promise, resolve, reject } = Promise.withResolvers<readonly Address[]>();
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const ask = async () => systemLookup(hostname, family);
    ask()
      .then(resolve, reject)
      .finally(() => {
        underWay--;
        signal.removeEventListener('abort', abort);
      });
    return promise;
  };
}

/** What one family brought: its addresses, or why there are none. */
interface Half {
  readonly addresses: readonly Address[];
  readonly ttlMs: number;
  readonly error: unknown;
}

/**
 * A and AAAA from name servers. A channel of its own for each lookup costs 12 µs, follows resolv.conf as it changes,
 * asks from a fresh port, and can be cancelled without ending the lookups of others.
 */
async function askServers(
  hostname: string,
  family: Family,
  signal: AbortSignal,
  clock: Clock,
  servers: readonly string[] | undefined,
): Promise<Answer> {
  const channel = new dns.Resolver({ timeout: TRY_MS, tries: TRIES });
  if (servers !== undefined) channel.setServers(servers);
  const cancel = () => channel.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    if (family !== 0) return whole(await half(channel, hostname, family));
    return merged(await both(half(channel, hostname, 4), half(channel, hostname, 6), clock));
  } finally {
    signal.removeEventListener('abort', cancel);
    channel.cancel(); // a family that came too late
  }
}

async function half(channel: dns.Resolver, hostname: string, family: 4 | 6): Promise<Half> {
  try {
    const records = await (family === 4
      ? channel.resolve4(hostname, { ttl: true })
      : channel.resolve6(hostname, { ttl: true }));
    const addresses = records.map(({ address }) => ({ address, family }));
    const ttlMs = records.reduce((lowest, { ttl }) => Math.min(lowest, ttl * 1_000), Number.POSITIVE_INFINITY);
    return { addresses, ttlMs, error: undefined };
  } catch (error) {
    return { addresses: [], ttlMs: Number.POSITIVE_INFINITY, error };
  }
}

/** Both halves; or only the one with addresses, when the other takes too long. */
async function both(four: Promise<Half>, six: Promise<Half>, clock: Clock): Promise<readonly Half[]> {
  const first = await Promise.race([four, six]);
  if (first.addresses.length === 0) return Promise.all([four, six]);
  const late = Promise.withResolvers<readonly Half[]>();
  const timer = clock.after(OTHER_FAMILY_MS, () => clock.nextTurn(() => late.resolve([first])));
  const halves = await Promise.race([Promise.all([four, six]), late.promise]);
  timer.cancel();
  return halves;
}

function whole({ addresses, ttlMs, error }: Half): Answer {
  if (error !== undefined) throw error;
  return { addresses, ttlMs };
}

/** One family without addresses does not fail the other. */
function merged(halves: readonly Half[]): Answer {
  const addresses = halves.flatMap((one) => one.addresses);
  const errors = halves.flatMap(({ error }) => (error === undefined ? [] : [error]));
  if (addresses.length === 0) throw weightiest(errors);
  const lead = reachesIPv6() ? 6 : 4;
  const ordered = addresses.toSorted((one, other) => Number(other.family === lead) - Number(one.family === lead));
  const partial = halves.length < 2 || errors.some((error) => !isFinal(codeOf(error)));
  const ttlMs = Math.min(...halves.map((one) => one.ttlMs), partial ? PARTIAL_TTL_MS : Number.POSITIVE_INFINITY);
  return { addresses: ordered, ttlMs };
}

/**
 * Which of two failures the lookup reports: one that may pass, since the family it hides may exist; then "no address",
 * since broken servers say NXDOMAIN to AAAA for names that have an A (RFC 4074 § 4.2).
 */
function weightiest(errors: readonly unknown[]): unknown {
  const passing = errors.find((error) => !isFinal(codeOf(error)));
  return passing ?? errors.find((error) => codeOf(error) === 'ENODATA') ?? errors[0];
}

/** RFC 6724 § 5, rules 1 and 6: IPv6 leads where it can lead anywhere, which takes an address beyond this link. */
function reachesIPv6(): boolean {
  for (const addresses of Object.values(networkInterfaces())) {
    for (const { family, internal, address } of addresses ?? []) {
      if (family === 'IPv6' && !internal && !address.startsWith('fe80')) return true;
    }
  }
  return false;
}
