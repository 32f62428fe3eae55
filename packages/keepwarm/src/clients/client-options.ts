/** What a client is made with, and what a call may set for itself. */
import type { StepLimits } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import { Fields, type FieldsInput } from '../core/fields.ts';
import type { Observer } from '../core/observer.ts';
import { checkOptions, checkParts, isOptions } from '../core/refusal.ts';
import type { BodyInput } from './call-body.ts';
import type { EndpointsOptions } from './endpoints.ts';
import { checkObserver, FACTS } from './facts.ts';
import type { NetworkOptions } from './network.ts';
import { invalid, OPTIONS, type Settings, settle, show, unknownHere } from './options.ts';
import type { PresetName } from './presets.ts';
import type { ResilienceOptions } from './resilience.ts';
import type { Sign } from './signing.ts';
import type { Query } from './targets.ts';
import type { Telemetry } from './telemetry.ts';
import { checkTls } from './tls-options.ts';

export interface ClientOptions extends Partial<Settings<'call'>>, NetworkOptions, ResilienceOptions, EndpointsOptions {
  /** Figures that belong together; what is given beside it wins over them, field by field. Default `api`. */
  readonly preset?: PresetName | undefined;
  /** What paths are relative to, e.g. `https://api.example.com/v1`. With it, the client calls no other origin. */
  readonly origin?: string | URL | undefined;
  /** Sent with every call, under what the call itself sets. */
  readonly headers?: FieldsInput | undefined;
  /** Signs what goes to the client's own origin or endpoints. */
  readonly sign?: Sign | undefined;
  readonly pool?: Partial<Settings<'pool'>> | undefined;
  readonly limits?: Partial<Settings<'limits'>> | undefined;
  /** Of HTTP/2. */
  readonly session?: Partial<Settings<'session'>> | undefined;
  readonly leak?: Partial<Settings<'leak'>> | undefined;
  readonly observer?: Observer | undefined;
  /** Metrics and traces, such as `openTelemetry()` of `keepwarm/otel` makes. None by default. */
  readonly telemetry?: Telemetry | undefined;
  /** For tests. */
  readonly clock?: Clock | undefined;
  /** For tests. */
  readonly random?: Random | undefined;
}

export interface CallOptions extends Partial<StepLimits> {
  readonly headers?: FieldsInput | undefined;
  /** Appended to the path; a list repeats its name, `undefined` is left out. */
  readonly query?: Query | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Length of the whole call in ms, body included; `Infinity` for none. Default: the client's. */
  readonly deadlineMs?: number | undefined;
  /** Says that doing it twice has the effect of doing it once. Default: by the method, or an `Idempotency-Key`. */
  readonly idempotent?: boolean | undefined;
  /** The path with names for what varies in it, such as `/users/{id}`, by which telemetry calls it. None by default. */
  readonly template?: string | undefined;
  /**
   * Your own word for the call, such as the id of the request it is made for, up to 256 characters: told with each fact
   * about it, sent nowhere. None by default.
   */
  readonly tag?: string | undefined;
  /** The tenant whose own pool and limits serve the call. */
  readonly section?: string | undefined;
  /** What you know of the call, for your own functions among the options, such as `rateLimit.weight`. Shown nowhere. */
  readonly about?: unknown;
}

export interface RequestOptions extends CallOptions {
  /** Default `GET`. */
  readonly method?: string | undefined;
  readonly body?: BodyInput;
}

/**
 * Every name `createClient` knows, those of the group `call` among them; true for what is neither number nor choice.
 */
export const OPTION_NAMES: Readonly<Record<keyof ClientOptions, boolean>> = {
  origin: true,
  headers: true,
  sign: true,
  tls: true,
  proxy: true,
  socketPath: true,
  connector: true,
  observer: true,
  telemetry: true,
  clock: true,
  random: true,
  preset: true,
  retry: true,
  budget: true,
  hedge: true,
  rateLimit: true,
  concurrency: true,
  breaker: true,
  coalesce: true,
  cache: true,
  compress: true,
  endpoints: true,
  balance: true,
  healthCheck: true,
  pool: false,
  limits: false,
  session: false,
  connect: false,
  dns: false,
  leak: false,
  deadlineMs: false,
  redirectsMax: false,
  decompress: false,
  http2: false,
  defaultHeaders: false,
};

/** What `settle` does not see: names at the top, and everything of `tls`. @throws NetError `INVALID` */
export function checkNames(options: ClientOptions): void {
  if (!isOptions(options)) {
    const example = 'such as { origin: "https://api.example.com" }';
    throw invalid(`a client is made with an object of options, ${example}; it was given ${show(options)}`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTION_NAMES, name)) throw unknownHere(name, name, Object.keys(OPTION_NAMES));
    const isGroup = name === 'tls' || (Object.hasOwn(OPTIONS, name) && name !== 'call');
    if (isGroup && value !== undefined) checkOptions(`option ${name}`, value);
  }
  checkParts(options);
  checkObserver('observer', options.observer, FACTS);
  if (options.proxy !== undefined && Fields.of(options.headers).has('proxy-authorization')) {
    throw invalid('header proxy-authorization would go to the origin; put it into the headers of option proxy');
  }
  checkTls('tls', options.tls);
}

/** Every name a call knows. */
const CALL_NAMES: Readonly<Record<keyof CallOptions, true>> = {
  ...{ headers: true, query: true, signal: true, deadlineMs: true, idempotent: true, template: true, section: true },
  ...{ tag: true, about: true, queueMs: true, firstByteMs: true, betweenBytesMs: true, bodyBytesMax: true },
};
/** And `request`. */
export const REQUEST_NAMES: Readonly<Record<keyof RequestOptions, true>> = { ...CALL_NAMES, method: true, body: true };

/** What a call is given and does not know, it would not do: nobody would notice. @throws NetError `INVALID` */
export function checkCallNames(options: object, names: object = CALL_NAMES): void {
  if (typeof options !== 'object' || options === null) {
    throw invalid(`the options of a call are ${show(options)}; allowed: an object of options`);
  }
  for (const name in options) {
    if (name in names || Reflect.get(options, name) === undefined) continue;
    throw unknownHere(`${name} of a call`, name, Object.keys(names));
  }
}

/** The group that stands at the top level, with its defaults. @throws NetError `INVALID` */
export function callSettings(options: ClientOptions): Settings<'call'> {
  const names = Object.keys(OPTIONS.call) as (keyof Settings<'call'>)[];
  return settle('call', Object.fromEntries(names.map((name) => [name, options[name]])));
}
