/** What `createGrpcPool` takes: those options of a client that make sense for one connection, and its own. */

import { checkFunction, checkOptions, checkText, unknownOption } from '../../core/refusal.ts';
import type { LeasesOptions } from '../../pool/leases.ts';
import type { MembersOptions } from '../../pool/members.ts';
import type { ConnectionLimiter } from '../../pool/start-gate.ts';
import type { UpkeepOptions } from '../../pool/upkeep.ts';
import { checkObserver } from '../facts.ts';
import { check, invalid, type Rule } from '../options.ts';
import type { GrpcStreamRate } from './budgets.ts';
import type { GrpcConnectionRate } from './connection-rate.ts';
import type { GrpcCaller } from './kinds.ts';
import type { GrpcClientOptions } from './options.ts';
import type { GrpcPoolObserver } from './pool-facts.ts';
import { POOL_FACTS } from './pool-facts.ts';

export interface GrpcPoolNumbers {
  /** Connections kept open whatever the leases need. */
  readonly connectionsMin: number;
  /** Connections at once, those that drain included. */
  readonly connectionsMax: number;
  /** Streams and calls at once on one connection, where the peer allows as many. */
  readonly streamsMax: number;
  /** Share of a connection's streams above which another is opened, 0…1. */
  readonly growAt: number;
  /** A connection drains when the others would be in use by no more than this share, 0…1. */
  readonly shrinkAt: number;
  /** Looks in a row that must find it so. */
  readonly lowReadings: number;
  /** How often the pool looks after itself, in ms. */
  readonly tickMs: number;
  /** How old a connection may become, in ms; `Infinity` for no limit. */
  readonly ageMs: number;
  /** Share of `ageMs` by which lives differ, 0…1. */
  readonly ageJitter: number;
  /** Connections that may be on their way to be replaced for their age, and that may begin to be at one look. */
  readonly rotationsMax: number;
  /** From the start of a dial to the peer's HTTP/2 settings, in ms. */
  readonly connectMs: number;
  /** The longest wait after a first failure to connect, in ms; doubled with each further one. */
  readonly backoffMs: number;
  readonly backoffMsMax: number;
  /** How often each connection is checked, in ms; `Infinity` for never. */
  readonly healthCheckMs: number;
  /** How long a check may take, in ms. */
  readonly healthDeadlineMs: number;
  /** Checks failed in a row with which a connection drains. */
  readonly healthFailuresMax: number;
  /** Leases that may wait for a connection at once. */
  readonly leasesWaitingMax: number;
  /** Streams and calls that may wait for a place at once. */
  readonly streamsWaitingMax: number;
  /** The longest wait of either, in ms. */
  readonly waitMs: number;
  /** How long a lease may be without a live stream before it ends, in ms. */
  readonly leaseIdleMs: number;
  /** How long after its last use a lease is not taken for another, in ms. */
  readonly leaseGraceMs: number;
  /** Messages per second from which on a lease of the group `default` is put with the chatty; `Infinity` for never. */
  readonly chattyPerSecond: number;
  /** How often that is looked at, one lease at a time, in ms. */
  readonly regroupMs: number;
}

type OfClient =
  | 'target'
  | 'metadata'
  | 'token'
  | 'deadlineMs'
  | 'streamDeadlineMs'
  | 'messageBytesMax'
  | 'compression'
  | 'compressBytesMin'
  | 'firstMessageMs'
  | 'silenceMs'
  | 'connect'
  | 'dns'
  | 'tls'
  | 'proxy'
  | 'connector'
  | 'observer'
  | 'telemetry'
  | 'clock'
  | 'random';

/** Whether a connection is well: resolves when it is. The signal fires with the deadline. */
export type GrpcProbe = (caller: GrpcCaller, signal: AbortSignal) => Promise<unknown>;

export interface GrpcPoolOptions extends Pick<GrpcClientOptions, OfClient>, Partial<GrpcPoolNumbers> {
  /** How fast connections may be opened, or a limit shared with others; `false` for no limit. Default 60 per 60 s. */
  readonly connectionRate?: GrpcConnectionRate | ConnectionLimiter | false | undefined;
  /** How fast streams may be opened, or a limit shared with others; `false` for no limit. Default no limit. */
  readonly streamRate?: GrpcStreamRate | ConnectionLimiter | false | undefined;
  /** Asked instead of `grpc.health.v1.Health/Check`. */
  readonly probe?: GrpcProbe | undefined;
  /** The service whose health is asked for. Default: that of the server as a whole. */
  readonly healthService?: string | undefined;
  /** What becomes of connections and leases, as it happens. */
  readonly poolObserver?: GrpcPoolObserver | undefined;
}

const INF = Number.POSITIVE_INFINITY;
const COUNT_MAX = 65_535;
const ms = (byDefault: number, min = 1): Rule => ({ kind: 'number', default: byDefault, min, max: INF });
const count = (byDefault: number, min: number, max = COUNT_MAX): Rule => ({
  kind: 'number',
  whole: true,
  default: byDefault,
  min,
  max,
});
const share = (byDefault: number): Rule => ({ kind: 'number', default: byDefault, min: 0, max: 1 });

/**
 * Where each comes from:
 *  - `connectionsMax` 15, `ageMs` 5 min, `healthCheckMs` 30 s, backoff 1 s to 30 s: those who run monitors of streams.
 *  - `streamsMax` 100: what peers allow by default (RFC 9113 § 6.5.2 recommends no less).
 *  - `growAt` 0.8, `shrinkAt` 0.5: far enough apart that one does not bring about the other.
 *  - `lowReadings` 6 of `tickMs` 5 s: half a minute. `rotationsMax` 2: as Bigtable's client recycles them.
 *  - `connectMs` 10 s: as every client's. `waitMs` 90 s: a window of the connection rate, and an attempt.
 *  - `healthDeadlineMs` 5 s, `healthFailuresMax` 2, `leaseGraceMs` 1 s, `regroupMs` 60 s: ours.
 */
export const GRPC_POOL_OPTIONS: Readonly<Record<keyof GrpcPoolNumbers, Rule>> = {
  connectionsMin: count(0, 0),
  connectionsMax: count(15, 1),
  streamsMax: count(100, 1),
  growAt: share(0.8),
  shrinkAt: share(0.5),
  lowReadings: count(6, 1),
  tickMs: ms(5_000),
  ageMs: ms(300_000),
  ageJitter: share(0.1),
  rotationsMax: count(2, 1),
  connectMs: ms(10_000),
  backoffMs: ms(1_000, 0),
  backoffMsMax: ms(30_000, 0),
  healthCheckMs: ms(30_000),
  healthDeadlineMs: ms(5_000),
  healthFailuresMax: count(2, 1),
  leasesWaitingMax: count(1_000, 0),
  streamsWaitingMax: count(1_000, 0),
  waitMs: ms(90_000),
  leaseIdleMs: ms(INF),
  leaseGraceMs: ms(1_000, 0),
  chattyPerSecond: { kind: 'number', default: INF, min: 0, max: INF },
  regroupMs: ms(60_000),
};

/** What must not be above something else. With `shrinkAt` above `growAt` what was opened would be drained at once. */
const ORDERS: readonly (readonly [low: keyof GrpcPoolNumbers, high: keyof GrpcPoolNumbers])[] = [
  ['connectionsMin', 'connectionsMax'],
  ['backoffMs', 'backoffMsMax'],
  ['shrinkAt', 'growAt'],
];

const CLIENT: Readonly<Record<OfClient, true>> = {
  target: true,
  metadata: true,
  token: true,
  deadlineMs: true,
  streamDeadlineMs: true,
  messageBytesMax: true,
  compression: true,
  compressBytesMin: true,
  firstMessageMs: true,
  silenceMs: true,
  connect: true,
  dns: true,
  tls: true,
  proxy: true,
  connector: true,
  observer: true,
  telemetry: true,
  clock: true,
  random: true,
};
type OwnOption = 'connectionRate' | 'streamRate' | 'probe' | 'healthService' | 'poolObserver';
const OWN: Readonly<Record<OwnOption, true>> = {
  connectionRate: true,
  streamRate: true,
  probe: true,
  healthService: true,
  poolObserver: true,
};
export const GRPC_POOL_NAMES: readonly string[] = Object.keys(OWN);

const KNOWN = [CLIENT, GRPC_POOL_OPTIONS, OWN].flatMap((names) => Object.keys(names));

/** @throws NetError `INVALID` naming the option */
export function settlePool(given: GrpcPoolOptions): { numbers: GrpcPoolNumbers; client: GrpcClientOptions } {
  checkOptions('what createGrpcPool was given', given);
  const numbers: Record<string, number> = {};
  const client: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (Object.hasOwn(CLIENT, name)) client[name] = value;
    else if (!Object.hasOwn(GRPC_POOL_OPTIONS, name) && !Object.hasOwn(OWN, name)) {
      throw unknownOption(`${name} of createGrpcPool`, name, KNOWN);
    }
  }
  for (const [name, rule] of Object.entries(GRPC_POOL_OPTIONS)) {
    const value = given[name as keyof GrpcPoolNumbers];
    if (value !== undefined) check(`option ${name}`, value, rule);
    numbers[name] = (value ?? rule.default) as number;
  }
  const settled = numbers as unknown as GrpcPoolNumbers;
  for (const [low, high] of ORDERS) {
    if (settled[low] <= settled[high]) continue;
    throw invalid(`option ${low} is ${settled[low]}; allowed: at most ${high} ${settled[high]}`);
  }
  const { probe, healthService, poolObserver } = given;
  checkFunction('probe', probe);
  checkText('healthService', healthService);
  checkObserver('poolObserver', poolObserver, Object.keys(POOL_FACTS));
  return { numbers: settled, client: client as unknown as GrpcClientOptions };
}

export function forMembers(numbers: GrpcPoolNumbers): MembersOptions {
  const { connectionsMax: sizeMax, streamsMax, ageMs, ageJitter, backoffMs, backoffMsMax } = numbers;
  return { sizeMax, streamsMax, ageMs, ageJitter, backoffMs, backoffMsMax };
}

export function forLeases(numbers: GrpcPoolNumbers): LeasesOptions {
  const { leasesWaitingMax, streamsWaitingMax, growAt, leaseGraceMs: graceMs } = numbers;
  return { leasesWaitingMax, streamsWaitingMax, growAt, graceMs };
}

export function forUpkeep(numbers: GrpcPoolNumbers): UpkeepOptions {
  const { tickMs, connectionsMin: sizeMin, rotationsMax, lowReadings, shrinkAt, leaseIdleMs } = numbers;
  return { tickMs, sizeMin, rotationsMax, lowReadings, shrinkAt, leaseIdleMs };
}
