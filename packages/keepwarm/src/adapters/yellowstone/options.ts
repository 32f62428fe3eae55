/** What `createYellowstone` and its subscriptions may be told, each with its default and where that comes from. */
import type { GrpcCaller } from '../../clients/grpc/kinds.ts';
import type { GrpcClientOptions } from '../../clients/grpc/options.ts';
import { check, invalid, type Rule } from '../../clients/options.ts';
import type { Random } from '../../core/clock.ts';

export interface YellowstoneNumbers {
  /** From a subscription to its first message, in ms; the connection's opening is part of it. */
  readonly firstMessageMs: number;
  /** A subscription that is silent for so long is lost, in ms. */
  readonly silenceMs: number;
  /** Pings of our own on each subscription, this often, in ms; `Infinity` for none. */
  readonly pingMs: number;
  /** The longest first wait before a lost subscription is opened again, in ms; doubled each time. */
  readonly backoffMs: number;
  /** The longest wait of all, in ms. */
  readonly backoffMsMax: number;
  /** How far before the last slot that was whole a replay begins, in slots. */
  readonly rewindSlots: number;
  /** Updates a subscription remembers, so that a replay tells nothing twice. */
  readonly rememberedMax: number;
}

interface Common extends Partial<YellowstoneNumbers> {
  /** Chance of the waits, in [0, 1). Default `Math.random`. */
  readonly random?: Random | undefined;
}

/** With connections of its own: whatever `createGrpcClient` takes. */
export interface OwnConnections extends Common, Omit<GrpcClientOptions, keyof YellowstoneNumbers> {
  readonly client?: undefined;
}

/** Over what carries calls already: a client of `createGrpcClient`, or `lease.client` of a pool. It stays yours. */
export interface SharedConnections extends Common {
  readonly client: GrpcCaller;
  readonly observer?: GrpcClientOptions['observer'];
  readonly clock?: GrpcClientOptions['clock'];
}

export type YellowstoneOptions = OwnConnections | SharedConnections;

const INF = Number.POSITIVE_INFINITY;
const ms = (byDefault: number): Rule => ({ kind: 'number', default: byDefault, min: 1, max: INF });
const count = (byDefault: number, min: number): Rule => ({
  kind: 'number',
  default: byDefault,
  min,
  max: 1e9,
  whole: true,
});

/**
 * Where each comes from:
 *  - `firstMessageMs` 15 s: a server pings within ten, and slots come every 0.4 s.
 *  - `silenceMs` 30 s: three of the pings that servers send every ten seconds.
 *  - `pingMs` 15 s: proxies in front of providers close what a client is silent on; the usual limit is 60 s and more.
 *  - `backoffMs` 1 s, `backoffMsMax` 30 s: gRPC's connection backoff begins so; its cap of 120 s loses most replays.
 *  - `rewindSlots` 64: a slot is told to be final 32 blocks later, which may be 40 slots where some have none.
 *  - `rememberedMax` 250,000: 64 slots of 4,000 updates, in 8 MB for accounts, 30 MB for transactions.
 */
export const YELLOWSTONE_OPTIONS: Readonly<Record<keyof YellowstoneNumbers, Rule>> = {
  firstMessageMs: ms(15_000),
  silenceMs: ms(30_000),
  pingMs: ms(15_000),
  backoffMs: ms(1_000),
  backoffMsMax: ms(30_000),
  rewindSlots: count(64, 0),
  rememberedMax: count(250_000, 1),
};

/** Blocks of mainnet have some MiB; the 4 MiB of other gRPC clients are too few for them. */
const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

export interface SettledYellowstone {
  readonly numbers: YellowstoneNumbers;
  /** For a client of our own; nothing when one was given. */
  readonly own: GrpcClientOptions | undefined;
}

/** @throws NetError `INVALID` naming the option */
export function settleYellowstone(options: YellowstoneOptions): SettledYellowstone {
  const { client, random: _, ...rest } = options;
  const given: Record<string, unknown> = { ...rest };
  const numbers: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(YELLOWSTONE_OPTIONS)) {
    const value = given[name];
    delete given[name];
    if (value !== undefined) check(`option ${name}`, value, rule);
    numbers[name] = value ?? rule.default;
  }
  const settled = numbers as unknown as YellowstoneNumbers;
  if (client === undefined) {
    const own = { messageBytesMax: MESSAGE_BYTES_MAX, ...(given as Partial<GrpcClientOptions>) } as GrpcClientOptions;
    return { numbers: settled, own };
  }
  for (const name of Object.keys(given)) {
    if (name === 'observer' || name === 'clock') continue;
    throw invalid(`option ${name} of createYellowstone is the client's, when there is one: set it there`);
  }
  return { numbers: settled, own: undefined };
}
