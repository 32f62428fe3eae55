/**
 * One account at Paradex: orders that are never sent blindly again, and what is read.
 *
 *   limits ──▶ stamped and signed ──▶ sent ─┬─ taken ──▶ placed
 *     ▲                                     ├─ refused, unsent ──▶ not placed
 *     └─────────────────────── new token ───┤
 *                                           └─ unknown ─▶ asked for by its client id until its window has closed
 *
 * Invariants:
 *   (1) What may have been received is signed again only when it is known not to have been taken.
 *   (2) An order is found missing only by a question put after its window had closed.
 */
import { randomUUID } from 'node:crypto';
import { invalid, show } from '../../clients/options.ts';
import type { Query } from '../../clients/targets.ts';
import { NetError } from '../../core/error.ts';
import type { ReadOptions } from '../exchange/exchange.ts';
import { foundOut } from '../exchange/question.ts';
import { objectIn, type ParadexProblem, paradexProblemOf, problemIn } from './errors.ts';
import type { ParadexAccountOptions } from './options.ts';
import { type ParadexParts, ParadexSession } from './session.ts';
import { orderData, quantums } from './typed-data.ts';

/** Decimals are texts. */
export interface NewParadexOrder {
  /** Such as `BTC-USD-PERP`. */
  readonly market: string;
  readonly side: 'BUY' | 'SELL';
  readonly type: 'LIMIT' | 'MARKET';
  readonly size: string;
  /** With `LIMIT`. */
  readonly price?: string | undefined;
  /** Default `GTC`; `IOC` with `MARKET`. */
  readonly instruction?: 'GTC' | 'IOC' | 'POST_ONLY' | 'RPI' | undefined;
  /** Which of your own orders goes when two would meet. Default: `EXPIRE_TAKER`, which is Paradex's. */
  readonly stp?: 'EXPIRE_MAKER' | 'EXPIRE_TAKER' | 'EXPIRE_BOTH' | undefined;
  readonly reduceOnly?: boolean | undefined;
  /** By which it is looked for; never use one again. At most 64 characters. Default: a random UUID. */
  readonly clientId?: string | undefined;
}

/** An order as Paradex tells it: what is read here, and whatever else it has. */
export interface ParadexOrder {
  readonly id: string;
  readonly client_id: string;
  /** `NEW`, `UNTRIGGERED`, `OPEN`, `CLOSED`. */
  readonly status: string;
  readonly [field: string]: unknown;
}

interface Stamp {
  readonly clientId: string;
  /** As it was signed, in ms since 1970. */
  readonly time: number;
}

/** `by` says whether Paradex's answer says so, or a question put after the answer was lost. */
export type ParadexFate =
  | (Stamp & { readonly kind: 'placed'; readonly id: string; readonly by: 'answer' | 'question' })
  | { readonly kind: 'not placed'; readonly problem: ParadexProblem | undefined; readonly error: NetError }
  | (Stamp & { readonly kind: 'unknown'; readonly error: NetError });

const TRIES_MAX = 2;
/** Source: Paradex's page on orders. */
const CLIENT_ID_MAX = 64;
const CANCELS_MAX = 3;

export class ParadexAccount {
  readonly name: string;
  /** @internal */
  readonly session: ParadexSession;
  readonly #parts: ParadexParts;
  readonly #ending = new AbortController();

  /** @internal */
  constructor(account: ParadexAccountOptions & { readonly name: string }, parts: ParadexParts) {
    this.name = account.name;
    this.#parts = parts;
    this.session = new ParadexSession(account, parts);
  }

  /** A token. @throws NetError when Paradex cannot be reached, or does not take the account */
  connect(options: ReadOptions = {}): Promise<void> {
    return this.session.connect(options);
  }

  /** @throws NetError `INVALID` for an order that cannot be signed; whatever else happens is its fate */
  async placeOrder(order: NewParadexOrder, options: ReadOptions = {}): Promise<ParadexFate> {
    const { market, side, type, size, price = '0', clientId = randomUUID() } = order;
    if (side !== 'BUY' && side !== 'SELL') throw invalid(`side is ${show(side)}; allowed: BUY, SELL`);
    if (type === 'LIMIT' && order.price === undefined) throw invalid('a LIMIT order needs a price');
    if (clientId.length > CLIENT_ID_MAX) {
      throw invalid(`clientId has ${clientId.length} characters; allowed: at most ${CLIENT_ID_MAX}`);
    }
    quantums(size);
    const deadlineAt = this.#parts.clock.now() + (options.deadlineMs ?? this.#parts.deadlineMs);
    const signed = { market, side, type, size, price };
    for (let tries = 1; ; tries++) {
      const { fate, stamp, token } = await this.#send({ ...order, clientId }, signed, deadlineAt, options.signal);
      if (fate.kind === 'placed') return fate;
      if (fate.kind === 'unknown') return this.#reconcile(stamp!, fate.error, undefined, options.signal);
      const { meaning } = fate.problem ?? {};
      if (fate.error.code === 'INVALID') throw fate.error;
      if (meaning === 'duplicate') return this.#reconcile(stamp!, fate.error, fate.problem, options.signal);
      if (meaning !== 'token' || tries >= TRIES_MAX) return fate;
      if (token !== undefined) this.session.token.refuse(token);
    }
  }

  /**
   * Cancelling twice is cancelling once: it is repeated like a read, and where the answer says nothing of it, the order
   * is looked at.
   *
   * @throws NetError for an order there is not; and what stood in the way, of one that is still open
   */
  async cancelOrder(id: string, options: ReadOptions = {}): Promise<'cancelled' | 'closed before'> {
    const path = `/orders/${encodeURIComponent(id)}`;
    for (let tries = 1; ; tries++) {
      try {
        await this.session.authorised(options, (call) =>
          this.#parts.client.delete(path, { ...call, idempotent: true }).text(),
        );
        return 'cancelled';
      } catch (thrown) {
        const problem = paradexProblemOf(thrown);
        const doubtful = problem === undefined && NetError.from(thrown).reach !== 'unsent';
        if (problem?.meaning !== 'missing' && !doubtful) throw thrown;
        // This cancellation, or one before it, may have done it, and its answer been lost.
        const order = await this.read<ParadexOrder>(path, {}, options).catch(() => undefined);
        if (order?.status === 'CLOSED') return order['cancel_reason'] ? 'cancelled' : 'closed before';
        if (order === undefined || tries >= CANCELS_MAX) throw thrown;
      }
    }
  }

  /** All open orders, of one market or of all. */
  async cancelAllOrders(market?: string, options: ReadOptions = {}): Promise<void> {
    await this.session.authorised(options, (call) =>
      this.#parts.client.delete('/orders', { ...call, idempotent: true, query: { market } }).text(),
    );
  }

  /** Open orders. */
  async orders(market?: string, options?: ReadOptions): Promise<readonly ParadexOrder[]> {
    return (await this.read<{ results?: readonly ParadexOrder[] }>('/orders', { market }, options)).results ?? [];
  }
  async positions(options?: ReadOptions): Promise<readonly unknown[]> {
    return (await this.read<{ results?: readonly unknown[] }>('/positions', {}, options)).results ?? [];
  }
  async balances(options?: ReadOptions): Promise<readonly unknown[]> {
    return (await this.read<{ results?: readonly unknown[] }>('/balance', {}, options)).results ?? [];
  }
  account<T = unknown>(options?: ReadOptions): Promise<T> {
    return this.read<T>('/account', {}, options);
  }

  /** Any private read. */
  read<T>(path: string, query: Query = {}, options: ReadOptions = {}): Promise<T> {
    return this.session.authorised(options, (call) => this.#parts.client.get(path, { ...call, query }).json<T>());
  }

  /** Nobody is asked any more. Twice is harmless. */
  close(): void {
    this.#ending.abort();
    this.session.token.close();
  }

  async #send(
    order: NewParadexOrder & { readonly clientId: string },
    signed: SignedFields,
    deadlineAt: number,
    signal: AbortSignal | undefined,
  ): Promise<{ fate: ParadexFate; stamp: Stamp | undefined; token: string | undefined }> {
    const { clock, gate, base, time, client, settings } = this.#parts;
    const { clientId } = order;
    let [stamp, token, text]: [Stamp | undefined, string | undefined, string] = [undefined, undefined, ''];
    try {
      token = await this.session.token.get({ signal, deadlineAt });
      const entry = { method: 'POST', path: `${base}/orders`, section: this.name, signal, deadlineAt };
      const reply = await gate.enter(entry, async () => {
        const at = time.now();
        const data = orderData(settings.network.chainId, { ...signed, timestamp: at });
        const body = bodyOf(order, await this.session.sign(data), at, settings.figures.recvWindowMs);
        stamp = { clientId, time: at };
        const deadlineMs = Math.max(1, deadlineAt - clock.now());
        const answer = await client.post('/orders', body, { section: this.name, signal, deadlineMs });
        text = await answer.text();
        return answer;
      });
      return { fate: fateOf(reply.status, text, stamp!), stamp, token };
    } catch (thrown) {
      const error = NetError.from(thrown);
      const told = stamp as Stamp | undefined;
      const fate: ParadexFate =
        told !== undefined && error.reach !== 'unsent'
          ? { kind: 'unknown', ...told, error }
          : { kind: 'not placed', problem: paradexProblemOf(thrown), error: error.withReach('unsent') };
      return { fate, stamp, token };
    }
  }

  async #reconcile(
    stamp: Stamp,
    error: NetError,
    problem?: ParadexProblem,
    signal?: AbortSignal,
  ): Promise<ParadexFate> {
    const givenUp = signal === undefined ? this.#ending.signal : AbortSignal.any([signal, this.#ending.signal]);
    const find = (asking: AbortSignal) => this.#find(stamp.clientId, asking);
    const order = await foundOut(this.#parts, { time: stamp.time, find, givenUp });
    if (order === undefined) return { kind: 'unknown', ...stamp, error };
    if (order === 'missing') return { kind: 'not placed', problem, error };
    return { kind: 'placed', id: order.id, ...stamp, by: 'question' };
  }

  /** Among the open ones, then among all: what was filled at once is open no more. */
  async #find(clientId: string, signal: AbortSignal): Promise<ParadexOrder | undefined> {
    try {
      return await this.read<ParadexOrder>(`/orders/by_client_id/${encodeURIComponent(clientId)}`, {}, { signal });
    } catch (thrown) {
      const missing = paradexProblemOf(thrown)?.meaning === 'missing';
      if (!missing && (!(thrown instanceof NetError) || thrown.status !== 404)) throw thrown;
    }
    const query = { client_id: clientId };
    const { results = [] } = await this.read<{ results?: ParadexOrder[] }>('/orders-history', query, { signal });
    return results.find((order) => order.client_id === clientId);
  }
}

type SignedFields = Omit<Parameters<typeof orderData>[1], 'timestamp'>;

function bodyOf(order: NewParadexOrder, signature: string, time: number, recvWindowMs: number): object {
  const { market, side, type, size, price, instruction = type === 'MARKET' ? 'IOC' : 'GTC', reduceOnly } = order;
  return {
    ...{ market, side, type, size, price: price ?? '0', instruction, client_id: order.clientId },
    ...(reduceOnly === true && { flags: ['REDUCE_ONLY'] }),
    ...(order.stp !== undefined && { stp: order.stp }),
    ...{ signature, signature_timestamp: time, recv_window: recvWindowMs },
  };
}

/** Only what is surely Paradex's own refusal says that an order was not taken; a 503 may be its time running out. */
function fateOf(status: number, text: string, stamp: Stamp): ParadexFate {
  const problem = problemIn(status, text);
  if (problem !== undefined && status >= 400 && status < 500) {
    const words = `Paradex refuses it: ${problem.code} ${problem.message}`.trimEnd();
    return { kind: 'not placed', problem, error: new NetError('STATUS', words, { reach: 'answered', status }) };
  }
  const { id, client_id: clientId } = objectIn(text);
  // An answer that names another order is not the answer to this one.
  const ours = typeof id === 'string' && (clientId === undefined || clientId === stamp.clientId);
  if (status >= 200 && status < 300 && ours) return { kind: 'placed', id, ...stamp, by: 'answer' };
  const error = new NetError('DECODE', `an answer ${status} does not say what became of the order`, {
    ...{ reach: 'answered', status },
  });
  return { kind: 'unknown', ...stamp, error };
}
