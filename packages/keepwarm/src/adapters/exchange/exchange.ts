/**
 * What clients for exchanges have in common: one client beneath with a section for each account, limits that are
 * entered before an order is signed, the exchange's time, warm connections, and an end.
 */
import { Client } from '../../clients/client.ts';
import { guarded } from '../../clients/facts.ts';
import { invalid, show } from '../../clients/options.ts';
import type { Signable } from '../../clients/signing.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import type { RateLimitOptions } from '../../policies/rate-options.ts';
import { Gate } from './gate.ts';
import { ServerTime } from './server-time.ts';
import type { ExchangeNetwork, ExchangeSettings, Named } from './settle.ts';
import { configured, orderPool, REQUEST_MS, type Warmth, warmUp } from './warm.ts';

/** What all accounts of a client share. */
export interface ExchangeParts<Settings> {
  readonly client: Client;
  readonly gate: Gate;
  readonly time: ServerTime;
  readonly clock: Clock;
  readonly settings: Settings;
  /** The path of `restUrl`, which stands before every other. */
  readonly base: string;
  /** For a whole call, where its caller says nothing, in ms. */
  readonly deadlineMs: number;
}

/** Of one call to the exchange, or of all that it takes. */
export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** In ms. Default: the client's. */
  readonly deadlineMs?: number | undefined;
}

/** How one exchange differs from another. */
export interface ExchangePlan<Settings, Account> {
  /** As its lines of the start say it. */
  readonly name: string;
  readonly settings: Settings;
  /** @param base what stands before every path */
  limits(base: string): RateLimitOptions;
  /** Whether a call is signed by its body, and so enters the limits before. @param path without the base */
  signed(method: string, path: string): boolean;
  /** Whether a refusal says that too much is asked of it, whatever its status. */
  isSlow(text: string): boolean;
  /** What a call carries: as it is at the moment of writing. */
  fields(account: Account | undefined): Record<string, string>;
}

interface Party {
  connect(options: ReadOptions): Promise<unknown>;
  close(): void | Promise<void>;
}

type AnySettings = ExchangeSettings<ExchangeNetwork, object, object, object>;

export class Exchange<Settings extends AnySettings, Account extends Party> {
  readonly parts: ExchangeParts<Settings>;
  readonly #name: string;
  readonly #accounts = new Map<string, Account>();
  #closing: Promise<void> | undefined;

  /** @throws NetError `INVALID` naming the option that is not acceptable */
  constructor(
    plan: ExchangePlan<Settings, Account>,
    make: (account: Settings['accounts'][number], parts: ExchangeParts<Settings>) => Account,
  ) {
    const { settings, name } = plan;
    const given = settings.client;
    const clock = given.clock ?? systemClock;
    const time = new ServerTime(clock);
    const observer = given.observer === undefined ? {} : guarded(given.observer);
    const origin = new URL(settings.network.restUrl);
    const base = origin.pathname.replace(/\/$/, '');
    const gate = new Gate(plan.limits(base), origin, {
      ...{ clock, observer },
      isSigned: ({ method, path }) => path.startsWith(base) && plan.signed(method, path.slice(base.length)),
      isSlow: plan.isSlow,
      heard: (reply, sent) => time.heard(reply.headers, sent),
    });
    const pool = orderPool(given);
    const deadlineMs = given.deadlineMs ?? REQUEST_MS;
    const client = new Client({
      ...{ preset: 'trading', http2: 'never', ...given, ...pool, deadlineMs, origin, rateLimit: gate.forClient },
      sign: ({ section }: Signable) => plan.fields(this.#accounts.get(section)),
    });
    this.parts = { client, gate, time, clock, settings, base, deadlineMs };
    this.#name = name;
    for (const account of settings.accounts as readonly Named<object>[]) {
      this.#accounts.set(account.name, make(account as Settings['accounts'][number], this.parts));
    }
    settings.log(configured(name, pool));
  }

  get closing(): boolean {
    return this.#closing !== undefined;
  }

  /** The one of that name; without a name the first. @throws NetError `INVALID` for an account there is not */
  account(name?: string): Account {
    const [first] = this.#accounts.keys();
    const account = this.#accounts.get(name ?? first ?? '');
    if (account !== undefined) return account;
    throw invalid(`there is no account ${show(name)}; known: ${[...this.#accounts.keys()].join(', ') || 'none'}`);
  }

  /** Every account, then its connections. @throws NetError when the exchange refuses one, or cannot be reached */
  async connect(options: ReadOptions): Promise<Warmth> {
    await Promise.all([...this.#accounts.values()].map((account) => account.connect(options)));
    return this.warmUp();
  }

  /** Connections for every account, and for public calls where there is none. Never fails. */
  warmUp(): Promise<Warmth> {
    const { client, clock, settings } = this.parts;
    const names = [...this.#accounts.keys()];
    const sections = names.length === 0 ? [''] : names;
    return warmUp(client, { name: this.#name, log: settings.log, clock, sections });
  }

  /** @param first what is ended before the accounts are. Twice is harmless. */
  close(options: { readonly deadlineMs?: number }, first: () => void): Promise<void> {
    this.#closing ??= this.#close(options, first);
    return this.#closing;
  }

  async #close(options: { readonly deadlineMs?: number }, first: () => void): Promise<void> {
    first();
    await Promise.all([...this.#accounts.values()].map((account) => account.close()));
    await this.parts.client.close(options);
  }
}
