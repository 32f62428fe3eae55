/** What a client is made with, and what a call may set for itself. */
import type { StepLimits } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { FieldsInput } from '../core/fields.ts';
import type { Observer } from '../core/observer.ts';
import type { Resolver } from '../net/dns-options.ts';
import type { TlsOptions } from '../net/tls.ts';
import type { BodyInput } from './call-body.ts';
import { type Settings, unknownOption } from './options.ts';
import type { Query } from './targets.ts';

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
  /** Appended to the path; a list repeats its name, `undefined` is left out. */
  readonly query?: Query | undefined;
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

/** Every name `createClient` knows, those of the group `call` among them; true for what is neither number nor choice. */
export const OPTION_NAMES: Readonly<Record<keyof ClientOptions, boolean>> = {
  origin: true,
  headers: true,
  tls: true,
  observer: true,
  clock: true,
  random: true,
  pool: false,
  limits: false,
  connect: false,
  dns: false,
  leak: false,
  deadlineMs: false,
  redirectsMax: false,
  decompress: false,
};

/** @throws NetError `INVALID` with the name that was meant */
export function checkNames(options: ClientOptions): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(OPTION_NAMES, name)) throw unknownOption(name, name, Object.keys(OPTION_NAMES));
  }
}
