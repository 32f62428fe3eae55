/** What the stand-in for Vest says to one request, by its published rules. */
import { type Asked, ok, type Said } from '../exchange/rules.ts';
import { Book, type BookAccount, type BookOrder } from './book.ts';
import type { VestServerOptions } from './rules.ts';

export const no = (code: number, msg: string, status = 400): Said => ({ status, body: { detail: { code, msg } } });

const ORDER_TYPES = ['uint256', 'uint256', 'string', 'string', 'bool', 'string', 'string', 'bool'];
const CANCEL_TYPES = ['uint256', 'uint256', 'string'];
const LP_TYPES = ['uint256', 'uint256', 'string', 'string'];
const WITHDRAW_TYPES = ['uint256', 'uint256', 'bool', 'address', 'address', 'address', 'uint256', 'uint256'];
const LISTS = { '/orders': 'orders', '/lp': 'lpOrders', '/transfer': 'transfers' } as const;
const TIME_AHEAD_MS_MAX = 1_000;

type Signed = Readonly<Record<string, unknown>>;

export class VestApi {
  readonly book = new Book();
  registrations = 0;
  listenKeys = 0;
  listenKeysKept = 0;
  readonly #options: VestServerOptions;
  readonly #wall: () => number;
  readonly #onEvent: (account: BookAccount, event: object) => void;

  /** @param wall milliseconds since 1970 by its own clock */
  constructor(options: VestServerOptions, wall: () => number, onEvent: (account: BookAccount, event: object) => void) {
    this.#options = options;
    this.#wall = wall;
    this.#onEvent = onEvent;
  }

  expireKeys(): void {
    for (const account of this.book.accounts.values()) account.apiKey = '';
  }

  expireListenKeys(): void {
    for (const account of this.book.accounts.values()) account.listenKey = undefined;
  }

  /** Somebody else's order takes the next nonce. */
  intrude(asked: Asked): void {
    const account = this.#account(asked);
    const nonce = (asked.body['order'] as BookOrder | undefined)?.nonce;
    if (account === undefined || nonce === undefined) return;
    account.lastNonce = Math.max(nonce, account.lastNonce);
    const other = { isBuy: true, orderType: 'LIMIT', size: '99', limitPrice: '1', symbol: 'OTHER-PERP' };
    this.book.add(account, { ...other, nonce, time: this.#wall() });
  }

  async say(asked: Asked): Promise<Said> {
    const { method, path, query, body } = asked;
    const what = `${method} ${path}`;
    if (typeof asked.headers['xrestservermm'] !== 'string') return no(1146, 'invalid account group');
    if (what === 'POST /register') return this.#register(body);
    if (method === 'GET' && !path.startsWith('/account') && !['/orders', '/lp', '/transfer'].includes(path)) {
      return publicAnswer(path, query, this.#wall());
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
      case 'GET /lp':
      case 'GET /transfer':
        return ok({ orders: listed(account[LISTS[path as keyof typeof LISTS]], query) });
      case 'POST /account/leverage':
        account.leverages.set(String(body['symbol']), Number(body['value']));
        return ok({ symbol: body['symbol'], value: body['value'] });
      case 'POST /account/listenKey':
        this.listenKeys++;
        return ok({ listenKey: this.book.listenKey(account) });
      case 'PUT /account/listenKey':
        if (body['listenKey'] !== account.listenKey) return no(1125, 'invalid listen key');
        this.listenKeysKept++;
        return ok({});
      case 'DELETE /account/listenKey':
        account.listenKey = undefined;
        return ok({});
      case 'POST /orders':
        return this.#order(account, asked);
      case 'POST /orders/cancel':
        return this.#cancel(account, asked);
      case 'POST /lp':
        return this.#other(account, 'lpOrders', asked, LP_TYPES, lpValues);
      case 'POST /transfer/withdraw':
        return this.#other(account, 'transfers', asked, WITHDRAW_TYPES, withdrawValues);
      default:
        return no(1130, `there is no ${what}`, 404);
    }
  }

  async #register(body: Readonly<Record<string, unknown>>): Promise<Said> {
    this.registrations++;
    const { crypto, contract } = this.#options;
    const { signingAddr, primaryAddr, signature, expiryTime, networkType } = body;
    if (networkType !== 0) return no(1024, 'invalid network type');
    if (Number(expiryTime) <= this.#wall()) return no(1130, 'expiryTime has passed');
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

  async #order(account: BookAccount, asked: Asked): Promise<Said> {
    const wrong = await this.#judge(account, asked, ORDER_TYPES, orderValues);
    if (wrong !== undefined) return wrong;
    const { time, nonce, symbol, isBuy, orderType, size, limitPrice } = asked.body['order'] as BookOrder;
    const order = this.book.add(account, { time, nonce, symbol, isBuy, orderType, size, limitPrice });
    this.#onEvent(account, { event: 'ORDER', args: order });
    return ok({ id: order.id });
  }

  /** An LP order or a withdrawal, as it was signed. */
  async #other(
    account: BookAccount,
    list: 'lpOrders' | 'transfers',
    asked: Asked,
    types: readonly string[],
    values: (order: Signed) => readonly unknown[],
  ): Promise<Said> {
    const order = (asked.body['order'] ?? {}) as Signed;
    if (account[list].some((each) => (each as Signed).nonce === order.nonce)) {
      return list === 'lpOrders' ? no(4010, 'duplicate') : no(5010, 'duplicate');
    }
    const wrong = await this.#judge(account, asked, types, values);
    if (wrong !== undefined) return wrong;
    const listed = { ...order, id: `${list}-${account[list].length + 1}`, status: 'NEW' };
    account[list].push(listed);
    return ok({ id: listed.id });
  }

  async #cancel(account: BookAccount, asked: Asked): Promise<Said> {
    const wrong = await this.#judge(account, asked, CANCEL_TYPES, ({ time, nonce, id }) => [time, nonce, id]);
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
    values: (order: Signed) => readonly unknown[],
  ): Promise<Said | undefined> {
    const { crypto, gapless = false } = this.#options;
    const order = (body['order'] ?? {}) as Signed;
    const { time, nonce } = order;
    const window = Number(body['recvWindow'] ?? 5_000);
    if (!Number.isSafeInteger(time) || !Number.isSafeInteger(nonce)) return no(1130, 'time or nonce is missing');
    const by = await crypto.recoverMessage(crypto.hashOf(types, values(order)), String(body['signature']));
    if (by.toLowerCase() !== account.signer) return no(1022, 'invalid signature');
    if (Number(time) > this.#wall() + TIME_AHEAD_MS_MAX) return no(1131, 'time is ahead');
    if (this.#wall() > Number(time) + window) return no(1132, 'order expired');
    const { lastNonce } = account;
    if (gapless ? nonce !== lastNonce + 1 : Number(nonce) <= lastNonce) return no(1023, 'invalid nonce');
    account.lastNonce = Number(nonce);
    return undefined;
  }

  #account({ headers }: Asked): BookAccount | undefined {
    const key = headers['x-api-key'];
    return key === undefined || key === '' ? undefined : this.book.byKey(key);
  }
}

const orderValues = (order: Signed): readonly unknown[] => {
  const { time, nonce, orderType, symbol, isBuy, size, limitPrice, reduceOnly } = order;
  return [time, nonce, orderType, symbol, isBuy, size, limitPrice, reduceOnly];
};

const lpValues = ({ time, nonce, orderType, size }: Signed): readonly unknown[] => [time, nonce, orderType, size];
const withdrawValues = (order: Signed): readonly unknown[] => {
  const { time, nonce, account, recipient, token, size, chainId } = order;
  return [time, nonce, false, account, recipient, token, BigInt(String(size)), chainId];
};

function listed(orders: readonly object[], query: URLSearchParams): readonly object[] {
  const asked = ['id', 'nonce', 'symbol', 'status'].filter((name) => query.has(name));
  return orders.filter((order) => asked.every((name) => query.get(name) === String((order as Signed)[name])));
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
