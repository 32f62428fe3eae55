/** What `createGrpcClient` takes, beyond what every client takes. */
import { checkOptions, kindOf, withDefaults } from '../../core/refusal.ts';
import type { GrpcCoding } from '../../engines/grpc/coding.ts';
import type { ConnectionLimiter } from '../../pool/start-gate.ts';
import { Metadata, type MetadataInput } from '../../wire/grpc/metadata.ts';
import type { ClientOptions } from '../client-options.ts';
import { check, invalid, type Rule, show } from '../options.ts';
import { type GrpcConnectionRate, type SettledRate, settleRate } from './connection-rate.ts';

type OfHttp =
  | 'origin'
  | 'headers'
  | 'endpoints'
  | 'balance'
  | 'healthCheck'
  | 'hedge'
  | 'coalesce'
  | 'cache'
  | 'compress'
  | 'preset'
  | 'redirectsMax'
  | 'decompress'
  | 'defaultHeaders'
  | 'http2';

export interface GrpcNumbers {
  /** The whole of a call that gets one message, in ms; `Infinity` for none. The peer is told. */
  readonly deadlineMs: number;
  /** The whole of a call that gets a stream, in ms. */
  readonly streamDeadlineMs: number;
  /** Bytes of one message that is received, as it comes and decompressed. */
  readonly messageBytesMax: number;
  /** What is sent is compressed with it, message by message; both are always taken. */
  readonly compression: GrpcCoding;
  /** Messages shorter than this are not compressed, in bytes. */
  readonly compressBytesMin: number;
  /** From the beginning of a call that gets a stream to its first message, in ms. */
  readonly firstMessageMs: number;
  /** From one message of a stream to the next, in ms, while its reader waits for it. */
  readonly silenceMs: number;
}

export interface GrpcClientOptions extends Omit<ClientOptions, OfHttp | 'deadlineMs'>, Partial<GrpcNumbers> {
  /** `https://host:port`, or `http://host:port` for HTTP/2 without TLS. */
  readonly target: string | URL;
  /** Sent with every call, under what the call itself sets. */
  readonly metadata?: MetadataInput | undefined;
  /** Sent as `x-token` with every call, as Yellowstone providers want it. */
  readonly token?: string | undefined;
  /**
   * How fast the provider lets connections be opened: given, no window ever sees more. Figures of this client's own, or
   * a limiter that clients, pools and with Redis processes share. Default: no limit.
   */
  readonly connectionRate?: GrpcConnectionRate | ConnectionLimiter | undefined;
}

/** What a call may set for itself. */
export interface GrpcCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Length of the whole call in ms; `Infinity` for none. Default: the client's. */
  readonly deadlineMs?: number | undefined;
  /** Over the client's, for the names it does not have. */
  readonly metadata?: MetadataInput | undefined;
  /** Bytes of one message that is received. Default: the client's. */
  readonly messageBytesMax?: number | undefined;
  /** Default: the client's. */
  readonly compression?: GrpcCoding | undefined;
  /** Says that doing it twice has the effect of doing it once. Default: the method's word. */
  readonly idempotent?: boolean | undefined;
  /** Of a stream, until its first message, in ms; `Infinity` for no limit. Default: the client's. */
  readonly firstMessageMs?: number | undefined;
  /** Of a stream, between two messages, in ms. Default: the client's. */
  readonly silenceMs?: number | undefined;
}

const ms = (byDefault: number): Rule => ({ kind: 'number', default: byDefault, min: 1, max: Number.POSITIVE_INFINITY });

/**
 * Where each comes from:
 *  - `deadlineMs` 30 s: as every client's. `streamDeadlineMs` ∞: streams of updates are meant to last.
 *  - `messageBytesMax` 4 MiB: every implementation of gRPC; 4 GiB is what its length field can say.
 *  - `firstMessageMs`, `silenceMs` ∞: how often a stream speaks only its reader knows.
 *  - `compression` identity: as theirs. `compressBytesMin` 1 KiB: as for HTTP bodies; below, headers outweigh it.
 */
export const GRPC_OPTIONS: Readonly<Record<keyof GrpcNumbers, Rule>> = {
  deadlineMs: ms(30_000),
  streamDeadlineMs: ms(Number.POSITIVE_INFINITY),
  messageBytesMax: { kind: 'number', default: 4 * 1024 * 1024, min: 0, max: 2 ** 32 - 1, whole: true },
  compression: { kind: 'choice', default: 'identity', values: ['identity', 'gzip'] },
  compressBytesMin: { kind: 'number', default: 1_024, min: 0, max: Number.POSITIVE_INFINITY, whole: true },
  firstMessageMs: ms(Number.POSITIVE_INFINITY),
  silenceMs: ms(Number.POSITIVE_INFINITY),
};

/** Options of the HTTP client that mean nothing here, with what to do instead. */
const ELSEWHERE: Readonly<Record<OfHttp, string>> = {
  origin: 'target',
  headers: 'metadata',
  endpoints: 'a client for each',
  balance: 'a client for each target',
  healthCheck: 'a client for each target',
  hedge: 'nothing: a second copy of a call is not sent',
  coalesce: 'nothing: calls of gRPC are not shared',
  cache: 'nothing: answers of gRPC are not kept',
  compress: 'compression',
  preset: 'the options themselves',
  redirectsMax: 'the address they lead to',
  decompress: 'nothing: gzip is always taken',
  defaultHeaders: 'metadata',
  http2: 'nothing: gRPC is HTTP/2',
};

type OwnOption = 'target' | 'metadata' | 'token' | 'connectionRate';
const OWN: Readonly<Record<OwnOption, true>> = { target: true, metadata: true, token: true, connectionRate: true };
const CALL: Readonly<Record<keyof GrpcCallOptions, true>> = {
  signal: true,
  deadlineMs: true,
  metadata: true,
  messageBytesMax: true,
  compression: true,
  idempotent: true,
  firstMessageMs: true,
  silenceMs: true,
};
export const GRPC_OPTION_NAMES: readonly string[] = Object.keys(OWN);
export const GRPC_CALL_NAMES: readonly string[] = Object.keys(CALL);

/** Step limits of gRPC, where the caller sets none: a stream may be silent, and has no length. */
const UNHURRIED = {
  firstByteMs: Number.POSITIVE_INFINITY,
  betweenBytesMs: Number.POSITIVE_INFINITY,
  bodyBytesMax: Number.POSITIVE_INFINITY,
};

const ONE_BY_ONE = { attemptDelayMs: Number.POSITIVE_INFINITY };

/** 30 min until an idle session is closed, as grpc-js and C-core have it: opening one is what providers count. */
const IDLE_MS = 1_800_000;

export interface SettledGrpc {
  readonly numbers: GrpcNumbers;
  readonly metadata: Metadata;
  readonly target: string;
  readonly rate: SettledRate | undefined;
  /** What stands before the paths of methods: that of the target, or nothing. */
  readonly basePath: string;
  /** For the client beneath. */
  readonly client: ClientOptions;
}

/** @throws NetError `INVALID` naming what is wrong */
export function settleGrpc(options: GrpcClientOptions): SettledGrpc {
  checkOptions('what createGrpcClient was given', options);
  const { target, metadata, token, connectionRate, ...rest } = options;
  const given: Record<string, unknown> = { ...rest };
  const numbers: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(GRPC_OPTIONS)) {
    const value = given[name];
    delete given[name];
    if (value !== undefined) check(`option ${name}`, value, rule);
    numbers[name] = value ?? rule.default;
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(ELSEWHERE, name)) continue;
    throw invalid(`there is no option ${name} of createGrpcClient; use ${ELSEWHERE[name as OfHttp]}`);
  }
  if (connectionRate !== undefined) checkOneByOne(options.connect?.attemptDelayMs);
  const url = targetOf(target);
  const basePath = url.pathname.replace(/\/+$/, '');
  if (token !== undefined && typeof token !== 'string')
    throw invalid(`option token is ${kindOf(token)}; allowed: text`);
  const secrets = token === undefined ? Metadata.none : Metadata.of({ 'x-token': token });
  return {
    numbers: numbers as unknown as GrpcNumbers,
    metadata: Metadata.of(metadata).over(secrets),
    target: url.origin + basePath,
    basePath,
    rate: connectionRate === undefined ? undefined : settleRate(connectionRate, url.origin),
    client: {
      ...(given as Omit<ClientOptions, OfHttp>),
      // Addresses are tried one after the other: two at once would be two connections to who counts them.
      ...(connectionRate === undefined ? {} : { connect: withDefaults(ONE_BY_ONE, options.connect) }),
      limits: withDefaults(UNHURRIED, options.limits),
      pool: withDefaults({ idleMs: IDLE_MS }, options.pool),
      // Streams are held for long by their nature: unless asked for, that is no leak.
      leak: withDefaults({ afterMs: Number.POSITIVE_INFINITY }, options.leak),
      origin: url,
      http2: 'prior-knowledge',
      deadlineMs: numbers.deadlineMs as number,
      redirectsMax: 0,
      decompress: false,
      defaultHeaders: false,
    },
  };
}

/** @throws NetError `INVALID` naming the option of a call */
export function checkCall(options: GrpcCallOptions): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(CALL, name)) throw invalid(`there is no option ${name} of a call; known: ${GRPC_CALL_NAMES}`);
  }
  const { messageBytesMax, compression, signal } = options;
  for (const name of ['deadlineMs', 'firstMessageMs', 'silenceMs'] as const) {
    const value: unknown = options[name];
    if (value === undefined || (typeof value === 'number' && value > 0)) continue;
    throw invalid(`${name} is ${show(value)}; allowed: a number above 0, or Infinity`);
  }
  if (messageBytesMax !== undefined) check('messageBytesMax', messageBytesMax, GRPC_OPTIONS.messageBytesMax);
  if (compression !== undefined) check('compression', compression, GRPC_OPTIONS.compression);
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal is not an AbortSignal');
}

/** Two addresses raced are two connections to whoever counts them, for one start. @throws NetError `INVALID` */
export function checkOneByOne(attemptDelayMs: number | undefined): void {
  if (attemptDelayMs === undefined || attemptDelayMs === Number.POSITIVE_INFINITY) return;
  throw invalid(`option connect.attemptDelayMs is ${attemptDelayMs}; allowed with connectionRate: Infinity`);
}

function targetOf(target: unknown): URL {
  const url = URL.parse(String(target));
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw invalid('option target must be an https: or http: URL, such as "https://host:443"');
  }
  if (url.search !== '' || url.hash !== '') throw invalid('option target must have neither query nor fragment');
  return url;
}
