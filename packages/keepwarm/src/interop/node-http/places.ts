/**
 * Where a request of Node's goes: which client's pools serve it, and which origin it is for. A request may bring TLS
 * options of its own, or a Unix domain socket; each set of them is another identity towards the peer, or another peer,
 * so each has a client, and pools, of its own.
 */
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { Client, type ClientOptions, doorOf, engineOf } from '../../clients/client.ts';
import { NetError } from '../../core/error.ts';
import type { Origin } from '../../core/origin.ts';
import type { Http1Engine } from '../../engines/http1/engine.ts';
import type { TlsOptions } from '../../net/tls.ts';

/** A request's options as Node hands them to an agent: anybody's, so anything. */
export type RequestOptions = Readonly<Record<string, unknown>>;

/** Where requests of a kind go, for as long as `current` says so. */
export interface Place {
  readonly engine: Http1Engine;
  readonly origin: Origin;
  readonly queueMs: number;
  /** The set of options it has its pools for; nothing where the client's own serve. */
  readonly variant: string | undefined;
}

interface Target {
  readonly origin: Origin;
  readonly queueMs: number;
}

/** Sets of TLS options remembered, each with a client. The one longest unused is drained. */
const VARIANTS_MAX = 32;
const TARGETS_MAX = 1_000;
/** How long a client that is drained has for what is under way, in ms. */
const DRAIN_MS = 60_000;

/** What a request may ask of TLS, and the option of ours it is. */
const TLS: Readonly<Record<string, keyof TlsOptions>> = {
  ca: 'ca',
  cert: 'cert',
  key: 'key',
  passphrase: 'passphrase',
  servername: 'servername',
  rejectUnauthorized: 'verify',
  minVersion: 'minVersion',
};

/** What a request may not ask, as a connection that differs in it cannot be shared with others. */
const REFUSED = ['localAddress', 'localPort', 'lookup'];
const REFUSED_OF_TLS = [
  ...['pfx', 'ciphers', 'maxVersion', 'secureProtocol', 'secureContext', 'crl', 'ALPNProtocols', 'clientCertEngine'],
  ...['ecdhCurve', 'dhparam', 'secureOptions', 'sigalgs', 'privateKeyIdentifier', 'privateKeyEngine'],
];

/** Options of a request that make another client of ours. */
interface Variant {
  readonly tls?: TlsOptions;
  readonly socketPath?: string;
}

export class Places {
  readonly client: Client;
  readonly #options: ClientOptions | undefined;
  readonly #variants = new Map<string, Client>();
  readonly #targets = new Map<string, Target>();

  /** @param given a client, which is its owner's; or options for one of our own */
  constructor(given: Client | ClientOptions) {
    this.#options = given instanceof Client ? undefined : given;
    this.client = given instanceof Client ? given : new Client(given);
  }

  get owned(): boolean {
    return this.#options !== undefined;
  }

  get clients(): Client[] {
    return [this.client, ...this.#variants.values()];
  }

  /** @throws NetError `INVALID` for what this agent cannot do, `CLOSED` when its client is closed */
  of(options: RequestOptions, secure: boolean): Place {
    for (const name of secure ? [...REFUSED, ...REFUSED_OF_TLS] : REFUSED) {
      if (options[name] !== undefined && options[name] !== null && options[name] !== false) throw unsupported(name);
    }
    if (secure && !isDefaultCheck(options['checkServerIdentity'])) throw unsupported('checkServerIdentity');
    const host = String(options['host'] ?? 'localhost');
    const port = Number(options['port'] ?? (secure ? 443 : 80));
    const variant = variantOf(options, secure ? tlsOf(options, host) : undefined);
    const key = variant === undefined ? undefined : keyOf(variant);
    const client = variant === undefined ? this.client : this.#clientFor(variant, key!);
    const { origin, queueMs } = this.#targetOf(client, `${secure ? 'https' : 'http'}://${bracketed(host)}:${port}`);
    const engine = engineOf(client);
    if (engine.closed) throw new NetError('CLOSED', 'the client of this agent is closed', { reach: 'unsent' });
    return { engine, origin, queueMs, variant: key };
  }

  /** Whether requests of its kind still go there: they do not when its client is closed, or was given up for others. */
  current({ engine, variant }: Place): boolean {
    if (engine.closed) return false;
    if (variant === undefined) return true;
    const client = this.#variants.get(variant);
    if (client === undefined || engineOf(client) !== engine) return false;
    this.#use(variant, client);
    return true;
  }

  /** What the client itself would do for a call there: the origin it knows, or its refusal. */
  #targetOf(client: Client, url: string): Target {
    let target = this.#targets.get(url);
    if (target === undefined) {
      const call = doorOf(client).makeCall(
        'GET',
        url,
        { body: undefined, contentType: undefined },
        undefined,
        undefined,
      );
      target = { origin: call.origin, queueMs: call.limits.queueMs };
      if (this.#targets.size < TARGETS_MAX) this.#targets.set(url, target);
    }
    return target;
  }

  #clientFor({ tls, socketPath }: Variant, key: string): Client {
    if (this.#options === undefined) {
      const asked = [...Object.keys(tls ?? {}), ...(socketPath === undefined ? [] : ['socketPath'])].join(', ');
      throw invalid(
        `options of a request (${asked}) need pools of their own; this agent was made from a client, which has one ` +
          'set of them: give them to the client, or make the agent from options',
      );
    }
    const options = this.#options;
    // A socket of this machine is not reached through a proxy.
    const way = socketPath === undefined ? {} : { socketPath, proxy: undefined };
    const client = this.#variants.get(key) ?? new Client({ ...options, ...way, tls: { ...options.tls, ...tls } });
    this.#use(key, client);
    if (this.#variants.size > VARIANTS_MAX) this.#dropOldest();
    return client;
  }

  /** The one used last stands last. */
  #use(key: string, client: Client): void {
    this.#variants.delete(key);
    this.#variants.set(key, client);
  }

  #dropOldest(): void {
    const [oldest] = this.#variants;
    if (oldest === undefined) return;
    this.#variants.delete(oldest[0]);
    oldest[1].close({ deadlineMs: DRAIN_MS }).catch(drained);
  }
}

/** Draining ends in closing, whatever it met on the way; there is nobody left to tell. */
function drained(): void {}

function variantOf({ socketPath }: RequestOptions, tls: TlsOptions | undefined): Variant | undefined {
  if (typeof socketPath !== 'string' || socketPath === '') return tls && { tls };
  return { socketPath, ...(tls && { tls }) };
}

function keyOf(variant: Variant): string {
  return JSON.stringify(variant, (_, value) => (Buffer.isBuffer(value) ? value.toString('latin1') : value));
}

/** What a request asks of TLS beyond what its agent's client does anyway. */
function tlsOf(options: RequestOptions, host: string): TlsOptions | undefined {
  const tls: Record<string, unknown> = {};
  for (const [name, ours] of Object.entries(TLS)) {
    const value = options[name];
    if (value === undefined || value === null || value === '') continue;
    if (name === 'rejectUnauthorized' && value === true) continue;
    if (name === 'servername' && value === host) continue;
    tls[ours] = value;
  }
  return Object.keys(tls).length === 0 ? undefined : (tls as TlsOptions);
}

/**
 * The name to ask for: the request's own, or the one in its Host field, as Node's agent has it; an address is none
 * (RFC 6066 § 3).
 */
export function servernameOf(options: RequestOptions, hostField: unknown): string {
  const own = options['servername'];
  if (typeof own === 'string') return own;
  const field = typeof hostField === 'string' ? hostField : String(options['host'] ?? 'localhost');
  const name = field.startsWith('[') ? field.slice(1, field.indexOf(']')) : field.split(':', 1)[0]!;
  return isIP(name) === 0 ? name : '';
}

/** got passes Node's own with every request. */
function isDefaultCheck(check: unknown): boolean {
  return check === undefined || check === null || check === checkServerIdentity;
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function unsupported(name: string): NetError {
  return invalid(`option ${name} of a request cannot be served from shared pools; use an agent of Node's for it`);
}

function invalid(message: string): NetError {
  return new NetError('INVALID', message, { reach: 'unsent' });
}
