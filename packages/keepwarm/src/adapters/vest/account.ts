/** One account at Vest: its orders, its positions, its settings, its streams. */

import type { NetError } from '../../core/error.ts';
import type { Message } from '../../core/subscribe.ts';
import type { ReadOptions } from '../exchange/exchange.ts';
import { Desk, type OrderOptions } from './desk.ts';
import type { VestProblem } from './errors.ts';
import { type Fate, listed, type Verdict, type VestOrder } from './fate.ts';
import type { VestAccountOptions } from './options.ts';
import {
  cancelTicket,
  lpTicket,
  type NewLpOrder,
  type NewOrder,
  orderTicket,
  type Withdrawal,
  withdrawTicket,
} from './orders.ts';
import { type VestParts, VestSession } from './session.ts';
import { VestStreams } from './streams.ts';

/**
 *  - `cancelled`: it is open no more, by this or before.
 *  - `not cancelled`: it was filled or refused before, or Vest does not let it go; `status` as listed.
 *  - `unknown`: neither an answer nor its listing could be had.
 */
export interface CancelFate {
  readonly kind: 'cancelled' | 'not cancelled' | 'unknown';
  readonly id: string;
  readonly status: string | undefined;
  readonly problem: VestProblem | undefined;
  readonly error: NetError | undefined;
}

export interface OrdersQuery {
  readonly id?: string | undefined;
  readonly nonce?: number | undefined;
  readonly symbol?: string | undefined;
  readonly orderType?: string | undefined;
  readonly status?: string | undefined;
  readonly startTime?: number | undefined;
  readonly endTime?: number | undefined;
  readonly limit?: number | undefined;
}

/** A 2xx is Vest's word for it, unless it speaks of another order: then it is an answer to something else. */
function saysSo(verdict: Verdict, text: string, id: string): boolean {
  const ok = verdict.kind === 'taken' || (verdict.kind === 'unknown' && (verdict.error.status ?? 500) < 300);
  return ok && (!text.includes('"id"') || text.includes(JSON.stringify(id)));
}

/** Ours: two lost ones, each with a nonce to be put right after it, and one that arrives. */
const CANCELS_MAX = 5;
const ORDER_NOT_FOUND = 3017;
const OPEN_STATUSES = ['NEW', 'PARTIALLY_FILLED'];

export class VestAccount {
  readonly name: string;
  readonly #session: VestSession;
  readonly #desk: Desk;
  readonly #parts: VestParts;
  readonly #primary: string;
  readonly #streams: VestStreams;

  /** @internal */
  constructor(account: VestAccountOptions & { readonly name: string }, parts: VestParts) {
    this.name = account.name;
    this.#parts = parts;
    this.#primary = account.primary.address.toLowerCase();
    this.#session = new VestSession(account, parts);
    this.#desk = new Desk(this.#session, account.signer, parts);
    this.#streams = new VestStreams(parts, this.#session);
  }

  /** @internal */
  get session(): VestSession {
    return this.#session;
  }

  /** Registered, with a listen key and the last nonce. @throws NetError when Vest cannot be reached or refuses */
  async connect(options?: ReadOptions): Promise<void> {
    await this.#session.connect(options);
    await this.#desk.prepare(options);
  }

  /** @throws NetError `INVALID` for an order that cannot be signed; whatever else happens is its fate */
  async placeOrder(order: NewOrder, options?: OrderOptions): Promise<Fate> {
    return this.#desk.place(orderTicket(order, this.#window), options);
  }
  async placeLpOrder(order: NewLpOrder, options?: OrderOptions): Promise<Fate> {
    return this.#desk.place(lpTicket(order, this.#window), options);
  }
  async withdraw(withdrawal: Withdrawal, options?: OrderOptions): Promise<Fate> {
    return this.#desk.place(withdrawTicket(this.#primary, withdrawal, this.#window), options);
  }

  /** Cancelling twice is cancelling once: it is sent again until something is known, five times at most. */
  async cancelOrder(id: string, options: OrderOptions = {}): Promise<CancelFate> {
    const ticket = cancelTicket(id, this.#window);
    const deadlineAt = this.#parts.clock.now() + (options.deadlineMs ?? this.#parts.deadlineMs);
    let last: CancelFate = { kind: 'unknown', id, status: undefined, problem: undefined, error: undefined };
    for (let tries = 1; tries <= CANCELS_MAX; tries++) {
      const sent = await this.#desk.send(ticket, deadlineAt, options.signal);
      const { verdict, key, text, stamp } = sent;
      const error = verdict.kind === 'taken' ? undefined : verdict.error;
      if (verdict.kind === 'unsent') {
        if (verdict.error.code === 'INVALID') throw verdict.error;
        // Had an earlier one been sent, that one may have done it.
        if (tries === 1) return { kind: 'not cancelled', id, status: undefined, problem: undefined, error };
        return last;
      }
      if (saysSo(verdict, text, id))
        return { kind: 'cancelled', id, status: undefined, problem: undefined, error: undefined };
      const problem = verdict.kind === 'refused' ? verdict.problem : undefined;
      if (problem?.meaning === 'key' || problem?.meaning === 'group') {
        if (key !== undefined) this.#session.token.refuse(key);
        continue;
      }
      if (problem?.meaning === 'nonce' && stamp !== undefined) {
        await this.#desk.renumber(stamp, options.signal).catch(() => undefined); // the look-up below says what it is
      }
      last = await this.#lookedUp(id, problem, error, options.signal);
      const open = last.status !== undefined && OPEN_STATUSES.includes(last.status);
      const final = problem?.meaning === 'refused' && problem.code !== ORDER_NOT_FOUND;
      if (last.kind === 'cancelled' || (last.kind === 'not cancelled' && (!open || final))) return last;
      if (options.signal?.aborted === true) return last;
    }
    return last;
  }

  /** What the list of orders says of one that was to be cancelled. */
  async #lookedUp(id: string, problem: VestProblem | undefined, error: NetError | undefined, signal?: AbortSignal) {
    const told = (kind: CancelFate['kind'], status?: string): CancelFate => ({ kind, id, status, problem, error });
    try {
      const order = await this.#desk.find('/orders', { id }, signal);
      if (order === undefined) return told(problem === undefined ? 'unknown' : 'not cancelled');
      return told(order.status === 'CANCELLED' ? 'cancelled' : 'not cancelled', order.status);
    } catch {
      return told('unknown'); // neither an answer nor its listing
    }
  }

  /** Margins, positions, leverages. */
  account<T = unknown>(options?: ReadOptions): Promise<T> {
    return this.#session.read<T>('/account', {}, options);
  }
  async orders(query: OrdersQuery = {}, options?: ReadOptions): Promise<VestOrder[]> {
    return listed(await this.#session.read<unknown>('/orders', { ...query }, options));
  }
  async positions(options?: ReadOptions): Promise<readonly unknown[]> {
    const { positions } = await this.account<{ readonly positions?: readonly unknown[] }>(options);
    return positions ?? [];
  }
  lpOrders<T = unknown>(query: OrdersQuery = {}, options?: ReadOptions): Promise<T> {
    return this.#session.read<T>('/lp', { ...query }, options);
  }
  transfers<T = unknown>(query: OrdersQuery = {}, options?: ReadOptions): Promise<T> {
    return this.#session.read<T>('/transfer', { ...query }, options);
  }

  /** Setting it twice is setting it once: it is repeated like a read. */
  setLeverage<T = unknown>(symbol: string, value: number, options: ReadOptions = {}): Promise<T> {
    const { client, time } = this.#parts;
    return this.#session.authorised(options, (call) => {
      const body = { time: time.now(), symbol, value };
      return client.post('/account/leverage', body, { ...call, idempotent: true }).json<T>();
    });
  }

  /** What happens to its orders and positions, from now on; after a lost connection its orders are asked for again. */
  events<T = unknown>(signal?: AbortSignal): AsyncIterable<Message<T>> {
    return this.#streams.subscribe<T>('account_private', signal);
  }

  /** Gives the listen key back. Orders that wait get `CLOSED`. Twice is harmless. */
  async close(): Promise<void> {
    this.#desk.close();
    this.#streams.close();
    await this.#session.close();
  }

  get #window(): number {
    return this.#parts.settings.figures.recvWindowMs;
  }
}
