/** What the stand-in for Vest says to one request, by its published rules. */
import type { Clock } from '../../core/clock.ts';
import { Book, type BookAccount, type BookOrder } from './book.ts';
import type { VestServerOptions } from './rules.ts';

export interface Asked {
  readonly method: string;
  /** Without `/v2`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Said {
  readonly status: number;
  readonly body: unknown;
}

const ok = (body: unknown): Said => ({ status: 200, body });
const no = (code: number, msg: string, status = 400): Said => ({ status, body: { detail: { code, msg } } });

const ORDER_TYPES = ['uint256', 'uint256', 'string', 'string', 'bool', 'string', 'string', 'bool'];
const TIME_AHEAD_MS_MAX = 1_000;

export class VestApi {
  readonly book = new Book();
  /** What was wrong with requests, in the order they came. */
  readonly refused: string[] = [];
  readonly #options: VestServerOptions;
  readonly #clock: Clock;
  readonly #onEvent: (account: BookAccount, event: object) => void;
  #starts: number[] = [];

  constructor(options: VestServerOptions, clock: Clock, onEvent: (account: BookAccount, event: object) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#onEvent = onEvent;
  }

  /** Milliseconds since 1970 by its own clock. */
  wall(): number {
    return this.#clock.wall() + (this.#options.aheadMs ?? 0);
  }

  async say(asked: Asked): Promise<Said> {
    const said = await this.#say(asked);
    if (said.status !== 200) this.refused.push(JSON.stringify(said.body));
    return said;
  }

  /** An order, judged and taken as it arrives. */
  async order(asked: Asked): Promise<Said> {
    const account = this.#account(asked);
    if (account === undefined) return no(1002, 'unauthorized', 401);
    const wrong = await this.#judge(account, asked, ORDER_TYPES, orderValues);
    if (wrong !== undefined) return wrong;
    const { time, nonce, symbol, isBuy, orderType, size, limitPrice } = asked.body['order'] as BookOrder;
    const order = this.book.add(account, { time, nonce, symbol, isBuy, orderType, size, limitPrice });
    this.#onEvent(account, { event: 'ORDER', args: order });
    return ok({ id: order.id });
  }

  expireKeys(): void {
    for (const account of this.book.accounts.values()) account.apiKey = '';
  }

  /** Somebody else's order takes the next nonce. */
  intrude(asked: Asked): void {
    const account = this.#account(asked);
    const nonce = (asked.body['order'] as BookOrder | undefined)?.nonce;
    if (account === undefined || nonce === undefined) return;
    account.lastNonce = Math.max(nonce, account.lastNonce);
    const other = { isBuy: true, orderType: 'LIMIT', size: '99', limitPrice: '1', symbol: 'OTHER-PERP' };
    this.book.add(account, { ...other, nonce, time: this.wall() });
  }

  async #say(asked: Asked): Promise<Said> {
    const { method, path, query, body } = asked;
    if (this.#tooMany()) return no(1003, 'too many requests', 429);
    const what = `${method} ${path}`;
    if (typeof asked.headers['xrestservermm'] !== 'string') return no(1146, 'invalid account group');
    if (what === 'POST /register') return this.#register(body);
    if (method === 'GET' && !path.startsWith('/account') && !['/orders', '/lp', '/transfer'].includes(path)) {
      return publicAnswer(path, query, this.wall());
    }
    const account = this.#account(asked);
    if (account === undefined) return no(1002, 'unauthorized', 401);
    if (asked.headers['xrestservermm'] !== `restserver${account.group}`) return no(1146, 'invalid account group');
    if (method === 'GET' && !query.has('time')) return no(1130, 'time is missing');
    switch (what) {
      case 'GET /account':
        return ok({ address: account.primary, positions: [], leverages: Object.fromEntries(account.leverages) });
      case 'GET /account/nonce':
        return ok({ lastNonce: account.lastNonce });
      case 'GET /orders':
        return ok({ orders: account.orders.filter((order) => matches(order, query)) });
      case 'GET /lp':
      case 'GET /transfer':
        return ok({ orders: [] });
      case 'POST /account/leverage':
        account.leverages.set(String(body['symbol']), Number(body['value']));
        return ok({ symbol: body['symbol'], value: body['value'] });
      case 'POST /account/listenKey':
        return ok({ listenKey: this.book.listenKey(account) });
      case 'PUT /account/listenKey':
        return body['listenKey'] === account.listenKey ? ok({}) : no(1125, 'invalid listen key');
      case 'DELETE /account/listenKey':
        account.listenKey = undefined;
        return ok({});
      case 'POST /orders/cancel':
        return this.#cancel(account, asked);
      default:
        return no(1130, `there is no ${what}`, 404);
    }
  }

  async #register(body: Readonly<Record<string, unknown>>): Promise<Said> {
    const { crypto, contract } = this.#options;
    const { signingAddr, primaryAddr, signature, expiryTime, networkType } = body;
    if (networkType !== 0) return no(1024, 'invalid network type');
    if (Number(expiryTime) <= this.wall()) return no(1130, 'expiryTime has passed');
    const proof = {
      domain: { name: 'VestRouterV2', version: '0.0.1', verifyingContract: contract },
      types: {
        SignerProof: [
          { name: 'approvedSigner', type: 'address' },
          { name: 'signerExpiry', type: 'uint256' },
        ],
      },
      primaryType: 'SignerProof',
      message: { approvedSigner: signingAddr, signerExpiry: BigInt(Number(expiryTime)) },
    };
    const by = await crypto.recoverTypedData(proof, String(signature));
    if (by.toLowerCase() !== primaryAddr) return no(1022, 'invalid signature');
    const { apiKey, group } = this.book.register(String(primaryAddr), String(signingAddr));
    return ok({ apiKey, accGroup: group });
  }

  async #cancel(account: BookAccount, asked: Asked): Promise<Said> {
    const wrong = await this.#judge(account, asked, ['uint256', 'uint256', 'string'], ({ time, nonce, id }) => [
      time,
      nonce,
      id,
    ]);
    if (wrong !== undefined) return wrong;
    const { id } = asked.body['order'] as { readonly id: string };
    const order = account.orders.find((each) => each.id === id);
    if (order === undefined || order.status !== 'NEW') return no(3017, 'order not found');
    order.status = 'CANCELLED';
    this.#onEvent(account, { event: 'ORDER', args: order });
    return ok({ id });
  }

  /** Signature, clock and nonce; the nonce is used up when all of them are right. */
  async #judge(
    account: BookAccount,
    { body }: Asked,
    types: readonly string[],
    values: (order: Readonly<Record<string, unknown>>) => readonly unknown[],
  ): Promise<Said | undefined> {
    const { crypto, gapless = false } = this.#options;
    const order = (body['order'] ?? {}) as Readonly<Record<string, unknown>>;
    const { time, nonce } = order;
    const window = Number(body['recvWindow'] ?? 5_000);
    if (!Number.isSafeInteger(time) || !Number.isSafeInteger(nonce)) return no(1130, 'time or nonce is missing');
    const by = await crypto.recoverMessage(crypto.hashOf(types, values(order)), String(body['signature']));
    if (by.toLowerCase() !== account.signer) return no(1022, 'invalid signature');
    if (Number(time) > this.wall() + TIME_AHEAD_MS_MAX) return no(1131, 'time is ahead');
    if (this.wall() > Number(time) + window) return no(1132, 'order expired');
    const { lastNonce } = account;
    if (gapless ? nonce !== lastNonce + 1 : Number(nonce) <= lastNonce) return no(1023, 'invalid nonce');
    account.lastNonce = Number(nonce);
    return undefined;
  }

  #account({ headers }: Asked): BookAccount | undefined {
    const key = headers['x-api-key'];
    return key === undefined || key === '' ? undefined : this.book.byKey(key);
  }

  #tooMany(): boolean {
    const { perSecond } = this.#options;
    if (perSecond === undefined) return false;
    const now = this.#clock.now();
    this.#starts = this.#starts.filter((at) => at > now - 1_000);
    this.#starts.push(now);
    return this.#starts.length > perSecond;
  }
}

const orderValues = (order: Readonly<Record<string, unknown>>): readonly unknown[] => {
  const { time, nonce, orderType, symbol, isBuy, size, limitPrice, reduceOnly } = order;
  return [time, nonce, orderType, symbol, isBuy, size, limitPrice, reduceOnly];
};

function matches(order: BookOrder, query: URLSearchParams): boolean {
  const { id, nonce, symbol, status } = order;
  return Object.entries({ id, nonce, symbol, status }).every(
    ([name, value]) => !query.has(name) || query.get(name) === String(value),
  );
}

function publicAnswer(path: string, query: URLSearchParams, wall: number): Said {
  const symbol = query.get('symbol') ?? 'BTC-PERP';
  const answers: Readonly<Record<string, unknown>> = {
    '/exchangeInfo': { symbols: [{ symbol: 'BTC-PERP', sizeDecimals: 4, priceDecimals: 2 }] },
    '/ticker/latest': { tickers: [{ symbol: 'BTC-PERP', markPrice: '100000.00' }] },
    '/ticker/24hr': { tickers: [{ symbol: 'BTC-PERP', priceChange: '1.00' }] },
    '/depth': { symbol, bids: [['99999.00', '1.0000']], asks: [['100001.00', '1.0000']] },
    '/trades': { trades: [{ id: 1, price: '100000.00', qty: '0.1', time: wall }] },
    '/klines': [],
    '/funding/history': [],
  };
  return path in answers ? ok(answers[path]) : no(1130, `there is no ${path}`, 404);
}
