/**
 * The HTTP client: calls made, checked and sent through the policies to the engine; one snapshot of everything it
 * knows.
 */
import type { EndpointSet } from '../balance/endpoint-set.ts';
import type { Call, Relay, Send, StepLimits } from '../core/call.ts';
import { type Clock, systemClock, systemRandom } from '../core/clock.ts';
import { Fields, type FieldsInput } from '../core/fields.ts';
import { pass, relayOf } from '../core/relay.ts';
import { turnstileOf } from '../core/turnstile.ts';
import type { Engine } from '../engines/engine.ts';
import type { Http1Engine } from '../engines/http1/engine.ts';
import type { WarmUpResult } from '../engines/http1/origin-pool.ts';
import type { DnsCache } from '../net/dns.ts';
import type { TlsIdentity, TlsSetup } from '../net/tls.ts';
import { ACCEPT_ENCODING, decompress } from '../policies/decompress.ts';
import { CallRecord, observe } from '../policies/observe.ts';
import type { RateShare } from '../policies/rate-share.ts';
import { redirect } from '../policies/redirect.ts';
import { Awaited } from './awaited.ts';
import { type BodyInput, prepareBody } from './call-body.ts';
import { CallFields } from './call-fields.ts';
import {
  type CallOptions,
  type ClientOptions,
  callSettings,
  checkCallNames,
  checkNames,
  REQUEST_NAMES,
  type RequestOptions,
} from './client-options.ts';
import { type ClientEndpoints, endpointsFor, endpointsOf, homesOf, together } from './endpoints.ts';
import { makeEngine } from './engine.ts';
import { FETCH_BETWEEN_BYTES_MS, type FetchDoor, type FetchInit, type FetchInput, fetchWith } from './fetch.ts';
import { type Making, makeCall } from './make-call.ts';
import { networkOf } from './network.ts';
import { invalid, settle } from './options.ts';
import { stack } from './order.ts';
import { Pending } from './pending.ts';
import { withPreset } from './presets.ts';
import type { Protocol, ProtocolDoor } from './protocol.ts';
import { type Policies, type Resilience, type ResilienceStats, resilience } from './resilience.ts';
import { type ClientHistograms, type ClientStats, snapshot } from './stats.ts';
import { Targets } from './targets.ts';
import { join, told } from './telemetry.ts';
import { watching } from './unreachable.ts';
import type { Repeats } from './whole-body.ts';

export type { CallOptions, ClientOptions, RequestOptions } from './client-options.ts';

/** Redirects `fetch` follows (Fetch standard, HTTP-redirect fetch, step 5). */
const FETCH_REDIRECTS_MAX = 20;

/** For `interop/`: through which calls that other clients have made are sent by this one. */
export let doorOf: (client: Client) => FetchDoor;
/** For `interop/`: whose connections are lent to code that runs HTTP/1.1 by itself. */
export let engineOf: (client: Client) => Http1Engine;
/** For clients of other protocols, which make their calls themselves. */
export let protocolDoorOf: (client: Client) => ProtocolDoor;

export class Client {
  static {
    doorOf = (client) => client.#fetchDoor;
    engineOf = (client) => client.#engine.http1;
    protocolDoorOf = (client) => ({
      send: client.#send,
      home: client.#targets.home!,
      limits: client.#limits,
      deadlineMs: client.#making.deadlineMs,
      fields: (own, contentType) => client.#making.fields.of(own, contentType),
      elsewhere: (call) => client.#endpoints!.set.untried(call) > 0,
      grant: () => client.#resilience.mayHop(),
      spare: () => client.#resilience.maySpare(),
    });
  }
  readonly #engine: Engine;
  readonly #dns: DnsCache;
  readonly #tls: TlsSetup;
  readonly #clock: Clock;
  readonly #record = new CallRecord();
  readonly #targets: Targets;
  readonly #making: Making;
  readonly #limits: StepLimits;
  readonly #fetchLimits: StepLimits;
  readonly #resilience: Resilience;
  readonly #endpoints: ClientEndpoints | undefined;
  readonly #send: Send;
  readonly #relay: Relay;
  readonly #repeats: Repeats | undefined;
  readonly #unwatch: (() => void) | undefined;
  /** For `fetch`: redirects followed as it does, and none followed. */
  readonly #fetchSends: { readonly follow: Send; readonly manual: Send };

  constructor(given: ClientOptions = {}, protocol?: Protocol) {
    checkNames(given);
    const options = withPreset(given);
    const { deadlineMs, redirectsMax, decompress: decodes, defaultHeaders } = callSettings(options);
    this.#clock = options.clock ?? systemClock;
    const joined = join(options.telemetry, this.#clock);
    const homes = homesOf(options);
    const listed = options.endpoints === undefined ? undefined : homes;
    const { observer, unreachable } = watching(listed, told(options.observer, joined));
    this.#limits = settle('limits', options.limits);
    this.#fetchLimits = {
      ...this.#limits,
      betweenBytesMs: given.limits?.betweenBytesMs ?? FETCH_BETWEEN_BYTES_MS,
    };
    const { dns, tls, dialler } = networkOf(options, this.#clock, observer, protocol?.tls);
    this.#dns = dns;
    this.#tls = tls;
    const decode = decodes
      ? decompress({ ...settle('limits', options.limits), tally: this.#record.inflated })
      : undefined;
    const parts = { clock: this.#clock, random: options.random ?? systemRandom, observer };
    const untried = (call: Call, now: number): number =>
      this.#endpoints !== undefined && call.origin === this.#targets.home ? this.#endpoints.set.untried(call, now) : 0;
    this.#resilience = resilience(options, { ...parts, ...(homes.length > 1 && { untried }) }, homes);
    const { mayHop, policies, passing, patienceMs } = this.#resilience;
    const judging = { ...parts, patienceMs, protocol, unreachable };
    this.#endpoints = endpointsOf(options, judging, (call) => this.#engine.send(call));
    this.#engine = makeEngine(options, { ...parts, dialler, decode, mayHop, starts: protocol?.starts });
    this.#targets = new Targets(options.origin, this.#endpoints?.places);
    const encoding: FieldsInput = decodes ? { 'accept-encoding': ACCEPT_ENCODING } : {};
    const defaults = defaultHeaders ? { accept: '*/*', 'user-agent': 'keepwarm', ...encoding } : encoding;
    const fields = new CallFields(Fields.of(options.headers).over(Fields.of(defaults)), options.sign);
    const balanced = this.#endpoints !== undefined;
    this.#making = { targets: this.#targets, fields, clock: this.#clock, deadlineMs, balanced };
    const door = (policies: Policies, redirects: number): Send =>
      stack(
        {
          ...policies,
          ...protocol?.policies,
          ...joined?.policies,
          observe: observe(this.#record, this.#clock, observer),
          redirect: redirect({
            redirectsMax: redirects,
            targetOf: (url, from) => this.#targets.onward(url, from),
            clock: this.#clock,
          }),
          ...(this.#endpoints && { endpoints: endpointsFor(this.#targets.home!, this.#endpoints.set, this.#clock) }),
        },
        this.#engine.send,
      );
    this.#send = door(policies, redirectsMax);
    this.#relay = relayOf(this.#send, this.#clock);
    this.#repeats = policies.retry && { send: this.#send, grant: mayHop, observer };
    if (protocol === undefined) this.#unwatch = options.telemetry?.watch(this);
    this.#fetchSends = { follow: door(passing, FETCH_REDIRECTS_MAX), manual: door(passing, 0) };
  }

  request(path: string | URL, options: RequestOptions = {}): Pending {
    return this.#start(options.method ?? 'GET', path, options.body, options, REQUEST_NAMES);
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
  readonly fetch = (input: FetchInput, init?: FetchInit): Promise<Response> => fetchWith(this.#fetchDoor, input, init);

  readonly #fetchDoor: FetchDoor = {
    turn: (task) => this.#clock.nextTurn(task),
    turnstile: () => turnstileOf(this.#clock),
    makeCall: (method, url, body, headers, signal) =>
      makeCall(this.#making, method, url, body, { headers, signal }, this.#fetchLimits),
    send: (call, redirects) => this.#fetchSends[redirects](call),
  };

  /**
   * Opens connections ahead of the first call: TCP and TLS, no request.
   *
   * @param options.origin one origin or endpoint; the client's own, or all its endpoints, when left out
   * @param options.count connections to have open at the end, at each. Default 1, or `pool.idleMin` when that is more
   * @throws nothing for a peer that cannot be reached: `failed` and `error` of the result say so
   */
  async warmUp(
    options: { readonly origin?: string | URL; readonly count?: number; readonly section?: string } = {},
  ): Promise<WarmUpResult> {
    const origins = options.origin === undefined ? this.#targets.homes : [this.#targets.originAt(options.origin)];
    if (origins.length === 0) throw invalid('warmUp needs an origin: this client was made without one');
    const count = options.count ?? Math.max(1, this.#engine.http1.options.idleMin);
    const each = origins.map((origin) => this.#engine.warmUp(origin, options.section ?? '', count));
    return together(await Promise.all(each));
  }

  /** One snapshot: sockets, reuse, phases, latencies, queue, DNS. */
  stats(): ClientStats {
    return snapshot(this.#engine, this.#record, this.#dns, this.#tls, this.#clock, this.policyStats());
  }

  /** The part of `stats()` that is about policies and endpoints: what it costs does not grow with the sockets. */
  policyStats(): ResilienceStats {
    return { ...this.#resilience.stats(), ...(this.#endpoints && { endpoints: this.#endpoints.set.snapshot() }) };
  }

  /** What percentiles of `stats()` are made from, for processes that tell theirs together: see `quantilesOf`. */
  histograms(): ClientHistograms {
    return { latency: this.#record.latency.counts(), queueWait: this.#engine.http1.waits.counts() };
  }

  /** The rate limits, for processes that keep them together: each starts calls in places of its own only. */
  rateShares(): readonly RateShare[] {
    return this.#resilience.rateShares();
  }

  /** Open, and more than half of the calls so far have been answered. */
  isHealthy(): boolean {
    return !this.#engine.http1.closed && this.#record.failures <= this.#record.calls / 2;
  }

  /** Closes idle connections, never one in use. @returns how many */
  closeIdle(): number {
    return this.#engine.closeIdle();
  }

  /** New connections show this identity and trust these roots; see `TlsSetup.reload`. @throws NetError `INVALID` */
  reloadTls(identity: TlsIdentity): void {
    this.#tls.reload(identity);
  }

  /** Takes no more calls, lets those under way finish for `deadlineMs`, then closes everything. Twice is harmless. */
  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    return this.#engine.drain(options.deadlineMs ?? CLOSE_MS).finally(() => this.#end());
  }

  /** Closes everything now; calls under way end with `CLOSED`. */
  destroy(): void {
    this.#engine.close();
    this.#end();
  }

  /** Sends an endpoint nothing more until `uncordon`; what is in flight goes on. */
  cordon(endpoint: string): void {
    this.#set().cordon(endpoint);
  }
  uncordon(endpoint: string): void {
    this.#set().uncordon(endpoint);
  }

  /** Closes the breaker of one key, or all of them: an operator knows that the peer is well again. */
  resetBreaker(key?: string): void {
    this.#resilience.resetBreaker(key);
  }

  /** Forgets all answers the cache has kept. */
  clearCache(): void {
    this.#resilience.clearCache();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #set(): EndpointSet {
    if (this.#endpoints === undefined) throw invalid('this client was made without endpoints');
    return this.#endpoints.set;
  }

  #end(): void {
    this.#unwatch?.();
    this.#resilience.close();
    this.#endpoints?.set.close();
    this.#dns.close();
  }

  #start(method: string, path: string | URL, body: BodyInput, options: CallOptions, names?: object): Pending {
    try {
      checkCallNames(options, names);
      const call = makeCall(this.#making, method, path, prepareBody(body), options, this.#limits);
      const awaited = new Awaited(call, this.#repeats);
      pass(this.#relay, call, awaited, call.startedAt);
      return new Pending(awaited);
    } catch (error) {
      return new Pending(Awaited.failed(error, this.#clock));
    }
  }
}

/** How long `close()` waits for calls under way. */
const CLOSE_MS = 5_000;

/** An HTTP client with pools of its own. See docs/reference/options.md for every option and its default. */
export function createClient(options: ClientOptions = {}): Client {
  return new Client(options);
}
