/**
 * The HTTP client: calls made, checked and sent through the policies to the engine; one snapshot of everything it knows.
 */
import type { Call, StepLimits } from '../core/call.ts';
import { type Clock, type Random, systemClock, systemRandom } from '../core/clock.ts';
import { NetError } from '../core/error.ts';
import { checkMethod, checkPath, Fields, type FieldsInput } from '../core/fields.ts';
import type { Observer } from '../core/observer.ts';
import { type Origin, originOf } from '../core/origin.ts';
import type { Reply } from '../core/reply.ts';
import { type EngineParts, Http1Engine } from '../engines/http1/engine.ts';
import type { WarmUpResult } from '../engines/http1/origin-pool.ts';
import { Dialler } from '../net/dial.ts';
import { DnsCache } from '../net/dns.ts';
import type { Resolver } from '../net/dns-options.ts';
import { systemResolver } from '../net/resolver.ts';
import { type TlsOptions, TlsSetup } from '../net/tls.ts';
import { ACCEPT_ENCODING, decompress } from '../policies/decompress.ts';
import { CallRecord, observe } from '../policies/observe.ts';
import { redirect } from '../policies/redirect.ts';
import { type BodyInput, prepareBody } from './call-body.ts';
import { CallFields } from './call-fields.ts';
import { type FetchInit, type FetchInput, fetchWith } from './fetch.ts';
import { invalid, type Settings, settle, unknownOption } from './options.ts';
import { stack } from './order.ts';
import { Pending } from './pending.ts';
import { type ClientStats, snapshot } from './stats.ts';

export interface ClientOptions extends Partial<Settings<'call'>> {
  /** What paths are relative to, e.g. `https://api.example.com/v1`. With it, the client calls no other origin. */
  readonly origin?: string | URL | undefined;
  /** Sent with every call, under what the call itself sets. */
  readonly headers?: FieldsInput | undefined;
  readonly pool?: Partial<Settings<'pool'>> | undefined;
  readonly limits?: Partial<Settings<'limits'>> | undefined;
  readonly connect?: Partial<Settings<'connect'>> | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly dns?: (Partial<Settings<'dns'>> & { readonly resolver?: Resolver | undefined }) | undefined;
  readonly leak?: Partial<Settings<'leak'>> | undefined;
  readonly observer?: Observer | undefined;
  /** For tests. */
  readonly clock?: Clock | undefined;
  /** For tests. */
  readonly random?: Random | undefined;
}

export interface CallOptions extends Partial<StepLimits> {
  readonly headers?: FieldsInput | undefined;
  /** Appended to the path; `undefined` values are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | URLSearchParams | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Length of the whole call in ms, body included; `Infinity` for none. Default: the client's. */
  readonly deadlineMs?: number | undefined;
  /** Says that doing it twice has the effect of doing it once. Default: by the method, or an `Idempotency-Key`. */
  readonly idempotent?: boolean | undefined;
  /** The tenant whose own pool and limits serve the call. */
  readonly section?: string | undefined;
}

export interface RequestOptions extends CallOptions {
  /** Default `GET`. */
  readonly method?: string | undefined;
  readonly body?: BodyInput;
}

const OPTION_NAMES = [
  'origin', 'headers', 'pool', 'limits', 'connect', 'tls', 'dns', 'leak', 'observer', 'clock', 'random',
  'deadlineMs', 'redirectsMax', 'decompress',
]; // biome-ignore format: a list of names

/** Methods whose repetition has no further effect (RFC 9110 § 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY']);
const NO_BODY = new Set(['GET', 'HEAD', 'TRACE']);
/** Origins a client remembers as objects; beyond, those of absolute URLs are parsed anew. */
const ORIGINS_MAX = 1_000;

export class Client {
  readonly #engine: Http1Engine;
  readonly #dns: DnsCache;
  readonly #tls: TlsSetup;
  readonly #clock: Clock;
  readonly #record = new CallRecord();
  readonly #home: Origin | undefined;
  readonly #basePath: string;
  readonly #fields: CallFields;
  readonly #limits: StepLimits;
  readonly #deadlineMs: number;
  readonly #send: ReturnType<typeof stack>;
  readonly #sendFollowing: ReturnType<typeof stack>;
  readonly #origins = new Map<string, Origin>();

  constructor(options: ClientOptions = {}) {
    for (const name of Object.keys(options)) {
      if (!OPTION_NAMES.includes(name)) throw unknownOption(name, name, OPTION_NAMES);
    }
    const {
      deadlineMs,
      redirectsMax,
      decompress: decodes,
    } = settle('call', pick(options, 'deadlineMs', 'redirectsMax', 'decompress'));
    const { resolver, ...dnsOptions } = options.dns ?? {};
    const observer = options.observer ?? {};
    this.#clock = options.clock ?? systemClock;
    this.#limits = settle('limits', options.limits);
    this.#deadlineMs = deadlineMs;
    this.#tls = new TlsSetup(options.tls ?? {});
    this.#dns = new DnsCache(
      { ...settle('dns', dnsOptions), resolver: resolver ?? systemResolver() },
      this.#clock,
      observer,
    );
    const decode = decodes ? decompress(settle('limits', options.limits)) : undefined;
    const dialler = new Dialler(settle('connect', options.connect), this.#dns, this.#tls, this.#clock);
    const random = options.random ?? systemRandom;
    this.#engine = makeEngine(options, { clock: this.#clock, random, observer, dialler, decode });
    const home = options.origin === undefined ? undefined : new URL(options.origin);
    this.#home = home === undefined ? undefined : this.#intern(home);
    this.#basePath = home === undefined || home.pathname === '/' ? '' : checkPath(home.pathname.replace(/\/$/, ''));
    const encoding: FieldsInput = decodes ? { 'accept-encoding': ACCEPT_ENCODING } : {};
    const defaults = Fields.of({ accept: '*/*', 'user-agent': 'keepwarm', ...encoding });
    this.#fields = new CallFields(Fields.of(options.headers).over(defaults));
    const policies = { observe: observe(this.#record, this.#clock, observer) };
    const toOrigin = (url: URL): Origin => this.#intern(url);
    this.#send = stack({ ...policies, redirect: redirect({ redirectsMax, originOf: toOrigin }) }, this.#engine.send);
    this.#sendFollowing = stack(
      { ...policies, redirect: redirect({ redirectsMax: 20, originOf: toOrigin }) },
      this.#engine.send,
    );
  }

  request(path: string | URL, options: RequestOptions = {}): Pending {
    return this.#start(options.method ?? 'GET', path, options.body, options);
  }
  get(path: string | URL, options: CallOptions = {}): Pending {
    return this.#start('GET', path, undefined, options);
  }
  head(path: string | URL, options: CallOptions = {}): Pending {
    return this.#start('HEAD', path, undefined, options);
  }
  delete(path: string | URL, options: CallOptions = {}): Pending {
    return this.#start('DELETE', path, undefined, options);
  }
  post(path: string | URL, body?: BodyInput, options: CallOptions = {}): Pending {
    return this.#start('POST', path, body, options);
  }
  put(path: string | URL, body?: BodyInput, options: CallOptions = {}): Pending {
    return this.#start('PUT', path, body, options);
  }
  patch(path: string | URL, body?: BodyInput, options: CallOptions = {}): Pending {
    return this.#start('PATCH', path, body, options);
  }

  /** A drop-in for the global `fetch`, over this client's pools. An own property, so that it can be passed around. */
  readonly fetch = (input: FetchInput, init?: FetchInit): Promise<Response> =>
    fetchWith(
      (method, url, body, options) => this.#sendFollowing(this.#makeCall(method, url, body, options)),
      input,
      init,
    );

  /**
   * Opens connections ahead of the first call: TCP and TLS, no request.
   *
   * @param options.count connections to have open at the end. Default 1, or `pool.idleMin` when that is more
   * @throws nothing for a peer that cannot be reached: `failed` and `error` of the result say so
   */
  warmUp(
    options: { readonly origin?: string | URL; readonly count?: number; readonly section?: string } = {},
  ): Promise<WarmUpResult> {
    const origin = options.origin === undefined ? this.#home : this.#intern(new URL(options.origin));
    if (origin === undefined) throw invalid('warmUp needs an origin: this client was made without one');
    const count = options.count ?? Math.max(1, this.#engine.options.idleMin);
    return this.#engine.warmUp(origin, options.section ?? '', count);
  }

  /** One snapshot: sockets, reuse, phases, latencies, queue, DNS. */
  stats(): ClientStats {
    return snapshot(this.#engine, this.#record, this.#dns, this.#tls, this.#clock);
  }

  /** Open, and more than half of the calls so far have been answered. */
  isHealthy(): boolean {
    return !this.#engine.closed && this.#record.failures <= this.#record.calls / 2;
  }

  /** Closes idle connections, never one in use. @returns how many */
  closeIdle(): number {
    return this.#engine.closeIdle();
  }

  /** Takes no more calls, lets those under way finish for `deadlineMs`, then closes everything. Twice is harmless. */
  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    return this.#engine.drain(options.deadlineMs ?? CLOSE_MS);
  }

  /** Closes everything now; calls under way end with `CLOSED`. */
  destroy(): void {
    this.#engine.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #start(method: string, path: string | URL, body: BodyInput, options: CallOptions): Pending {
    try {
      return new Pending(this.#send(this.#makeCall(method, path, body, options)));
    } catch (error) {
      return new Pending(Promise.reject(error));
    }
  }

  /** @throws NetError `INVALID` before anything is queued */
  #makeCall(method: string, path: string | URL, input: BodyInput, options: CallOptions): Call {
    const { origin, target } = this.#target(path, options.query);
    const { body, contentType } = prepareBody(input);
    if (body !== undefined && NO_BODY.has(method)) throw invalid(`a ${method} call has no body; use POST or QUERY`);
    const headers = this.#fields.of(options.headers, contentType);
    if (headers.contentLength !== undefined) checkLength(headers.contentLength, body);
    const startedAt = this.#clock.now();
    return {
      method: checkMethod(method),
      origin,
      path: target,
      headers,
      body,
      signal: options.signal,
      startedAt,
      deadlineAt: startedAt + positive('deadlineMs', options.deadlineMs ?? this.#deadlineMs),
      limits: this.#limitsOf(options),
      traits: { idempotent: options.idempotent ?? (IDEMPOTENT.has(method) || headers.has('idempotency-key')) },
      attempt: 1,
      section: options.section ?? '',
    };
  }

  #target(path: string | URL, query: CallOptions['query']): { origin: Origin; target: string } {
    const relative = typeof path === 'string' && path.startsWith('/') && this.#home !== undefined;
    if (relative) return { origin: this.#home!, target: checkPath(withQuery(this.#basePath + path, query)) };
    const url = typeof path === 'string' ? parse(path, this.#home) : path;
    const origin = this.#intern(url);
    if (this.#home !== undefined && origin !== this.#home) {
      throw invalid(`${origin.key} is not this client's origin ${this.#home.key}; use a client without one`);
    }
    return { origin, target: checkPath(withQuery(url.pathname + url.search, query)) };
  }

  #limitsOf(options: CallOptions): StepLimits {
    const { queueMs, firstByteMs, betweenBytesMs, bodyBytesMax } = options;
    if (
      queueMs === undefined &&
      firstByteMs === undefined &&
      betweenBytesMs === undefined &&
      bodyBytesMax === undefined
    ) {
      return this.#limits;
    }
    return {
      queueMs: positive('queueMs', queueMs ?? this.#limits.queueMs),
      firstByteMs: positive('firstByteMs', firstByteMs ?? this.#limits.firstByteMs),
      betweenBytesMs: positive('betweenBytesMs', betweenBytesMs ?? this.#limits.betweenBytesMs),
      bodyBytesMax: positive('bodyBytesMax', bodyBytesMax ?? this.#limits.bodyBytesMax),
    };
  }

  #intern(url: URL): Origin {
    const key = url.origin;
    const known = this.#origins.get(key);
    if (known !== undefined && url.username === '' && url.password === '') return known;
    const origin = originOf(url);
    if (this.#origins.size < ORIGINS_MAX) this.#origins.set(key, origin);
    return origin;
  }
}

/** How long `close()` waits for calls under way. */
const CLOSE_MS = 5_000;

/** An HTTP client with pools of its own. See docs/reference/options.md for every option and its default. */
export function createClient(options: ClientOptions = {}): Client {
  return new Client(options);
}

function makeEngine(options: ClientOptions, parts: EngineParts): Http1Engine {
  const pool = settle('pool', options.pool);
  if (pool.idleMin > pool.socketsMax) {
    throw invalid(`option pool.idleMin is ${pool.idleMin}, more than pool.socketsMax ${pool.socketsMax}`);
  }
  const { afterMs, stacks } = settle('leak', options.leak);
  const limits = {
    ...settle('limits', options.limits),
    requestsMax: pool.requestsMax,
    leakMs: afterMs,
    leakStacks: stacks,
  };
  return new Http1Engine({ ...pool, limits }, parts);
}

function parse(url: string, home: Origin | undefined): URL {
  if (URL.canParse(url)) return new URL(url);
  throw invalid(
    home === undefined
      ? `${JSON.stringify(url)} is not an absolute URL, and this client has no origin`
      : `${JSON.stringify(url)} is neither a path starting with "/" nor an absolute URL`,
  );
}

function withQuery(path: string, query: CallOptions['query']): string {
  if (query === undefined) return path;
  const given = query instanceof URLSearchParams ? query : new URLSearchParams();
  if (!(query instanceof URLSearchParams)) {
    for (const [name, value] of Object.entries(query)) if (value !== undefined) given.append(name, String(value));
  }
  const text = given.toString();
  return text === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${text}`;
}

function checkLength(announced: number, body: Call['body']): void {
  const actual = bytesIn(body);
  if (actual === announced) return;
  throw new NetError(
    'INVALID',
    `content-length says ${announced}, the body has ${actual ?? 'an unknown number of'} bytes`,
    {
      reach: 'unsent',
    },
  );
}

function bytesIn(body: Call['body']): number | undefined {
  if (body === undefined) return 0;
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.length : body.bytes;
}

function positive(name: string, value: number): number {
  if (typeof value === 'number' && value > 0) return value;
  throw invalid(`${name} is ${value}; allowed: a number above 0, or Infinity`);
}

function pick<T extends object, K extends keyof T>(from: T, ...names: K[]): Partial<T> {
  const picked: Partial<T> = {};
  for (const name of names) picked[name] = from[name];
  return picked;
}

export type { Reply };
