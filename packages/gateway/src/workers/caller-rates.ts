/**
 * `callerRate` where several processes do the work: requests are counted at home, so that a caller gets what it may
 * have however its connections are spread. Workers ask with each request, those of one turn together: it costs a round
 * trip between two processes, and is paid for upstreams with that limit only.
 */
import { isDeepStrictEqual } from 'node:util';
import type { CallerRateConfig } from '../config/caller-rate.ts';
import type { GatewayConfig } from '../config/config.ts';
import { CallerRate } from '../data/caller-rate.ts';
import type { AnyUpstream } from '../data/routes.ts';
import type { Take } from './words.ts';

/** At home: what callers of each upstream have asked for. */
export class CallerRates {
  #rates = new Map<string, { readonly config: CallerRateConfig; readonly rate: CallerRate }>();

  constructor(config: GatewayConfig) {
    this.follow(config);
  }

  /** What is limited as before goes on counting. */
  follow({ upstreams }: GatewayConfig): void {
    const before = this.#rates;
    this.#rates = new Map();
    for (const [name, { callerRate: config }] of upstreams) {
      if (config === undefined) continue;
      const known = before.get(name);
      const rate = isDeepStrictEqual(known?.config, config) ? known!.rate : new CallerRate(config);
      this.#rates.set(name, { config, rate });
    }
  }

  /** @returns for each nothing, or when it may pass, in ms */
  taken(takes: readonly Take[]): (number | undefined)[] {
    return takes.map(([upstream, caller, count]) => this.#rates.get(upstream)?.rate.take(caller, count));
  }

  /** Callers that are remembered, of each upstream that counts them. */
  get callers(): ReadonlyMap<string, number> {
    return new Map([...this.#rates].map(([name, { rate }]) => [name, rate.stats().callers]));
  }
}

/** In a worker: what is asked of one turn, and what waits for its answer, in order. */
export class CallerRatesAsked {
  readonly #say: (takes: readonly Take[]) => void;
  readonly #seen = new WeakSet<AnyUpstream>();
  readonly #waiting: ((afterMs: number | undefined) => void)[] = [];
  #takes: Take[] = [];

  constructor(say: (takes: readonly Take[]) => void) {
    this.#say = say;
  }

  follow(upstreams: readonly AnyUpstream[]): void {
    for (const upstream of upstreams) {
      if (upstream.callerRate === undefined || this.#seen.has(upstream)) continue;
      this.#seen.add(upstream);
      upstream.callerRate.countAt((caller, count) => this.#ask([upstream.name, caller, count]));
    }
  }

  /** The answer to what was said first and is not answered. */
  heard(afterMs: readonly (number | undefined)[]): void {
    for (const [i, settle] of this.#waiting.splice(0, afterMs.length).entries()) settle(afterMs[i]);
  }

  #ask(take: Take): Promise<number | undefined> {
    if (this.#takes.length === 0) {
      setImmediate(() => {
        this.#say(this.#takes);
        this.#takes = [];
      });
    }
    this.#takes.push(take);
    return new Promise((settle) => this.#waiting.push(settle));
  }
}
