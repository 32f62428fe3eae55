/** What can be ordered, as tickets: the fields that are sent, those that are signed, and how it is known again. */
import { invalid, show } from '../../clients/options.ts';
import type { Ticket } from './desk.ts';

/** Decimals are strings, with as many places as `exchangeInfo` allows. */
export interface NewOrder {
  /** Such as `BTC-PERP`. */
  readonly symbol: string;
  readonly isBuy: boolean;
  readonly size: string;
  readonly orderType: 'MARKET' | 'LIMIT' | 'STOP_LOSS' | 'TAKE_PROFIT';
  /** The worst price for `MARKET`, the price for the others. */
  readonly limitPrice: string;
  /** Default false. */
  readonly reduceOnly?: boolean | undefined;
  /** With `LIMIT`. */
  readonly timeInForce?: 'GTC' | 'FOK' | undefined;
  readonly initMarginRatio?: string | undefined;
  /** With `LIMIT`: a take-profit of the same size, signed with the next nonce. */
  readonly tpPrice?: string | undefined;
  /** With `LIMIT`: a stop-loss of the same size, signed with the nonce after. */
  readonly slPrice?: string | undefined;
}

export interface NewLpOrder {
  readonly orderType: 'DEPOSIT' | 'IMMEDIATE_WITHDRAW' | 'SCHEDULE_WITHDRAW';
  readonly size: string;
}

export interface Withdrawal {
  readonly recipient: string;
  /** Address of the token. */
  readonly token: string;
  /** In the token's smallest unit. */
  readonly size: bigint;
  readonly chainId: number;
}

const DECIMAL = /^\d{1,40}(?:\.\d{1,40})?$/;

/** @throws NetError `INVALID` naming the field */
export function orderTicket(order: NewOrder, recvWindowMs: number): Ticket {
  const { tpPrice, slPrice, reduceOnly = false, ...rest } = order;
  const { symbol, isBuy, size, orderType, limitPrice } = order;
  for (const [name, value] of Object.entries({ size, limitPrice, tpPrice, slPrice })) {
    if (value !== undefined) checkDecimal(name, value);
  }
  if (typeof symbol !== 'string' || symbol === '') throw invalid(`symbol is ${show(symbol)}; allowed: a symbol`);
  if (typeof isBuy !== 'boolean') throw invalid(`isBuy is ${show(isBuy)}; allowed: true, false`);
  const sides = tpPrice !== undefined || slPrice !== undefined;
  if (sides && orderType !== 'LIMIT') throw invalid(`tpPrice and slPrice stand with LIMIT, not ${show(orderType)}`);
  const asked = { ...defined(rest), reduceOnly };
  return {
    path: '/orders',
    list: '/orders',
    nonces: sides ? 3 : 1,
    async body({ time, nonce }, sign) {
      const signature = await sign('order', [time, nonce, orderType, symbol, isBuy, size, limitPrice, reduceOnly]);
      const more: Record<string, string> = {};
      if (tpPrice !== undefined) {
        const values = [time, nonce + 1, 'TAKE_PROFIT', symbol, !isBuy, size, tpPrice, true];
        Object.assign(more, { tpPrice, tpSignature: await sign('order', values) });
      }
      if (slPrice !== undefined) {
        const values = [time, nonce + 2, 'STOP_LOSS', symbol, !isBuy, size, slPrice, true];
        Object.assign(more, { slPrice, slSignature: await sign('order', values) });
      }
      return { order: { time, nonce, ...asked, ...more }, recvWindow: recvWindowMs, signature };
    },
    same: (listed) => alike(listed, { symbol, isBuy, orderType, size }),
  };
}

/** @throws NetError `INVALID` naming the field */
export function cancelTicket(id: string, recvWindowMs: number): Ticket {
  if (typeof id !== 'string' || id === '') throw invalid(`an order id is ${show(id)}; allowed: an id`);
  return {
    path: '/orders/cancel',
    list: '/orders',
    nonces: 1,
    async body({ time, nonce }, sign) {
      const signature = await sign('cancel', [time, nonce, id]);
      return { order: { time, nonce, id }, recvWindow: recvWindowMs, signature };
    },
    same: () => false, // it is looked up by its id
  };
}

/** @throws NetError `INVALID` naming the field */
export function lpTicket({ orderType, size }: NewLpOrder, recvWindowMs: number): Ticket {
  checkDecimal('size', size);
  return {
    path: '/lp',
    list: '/lp',
    nonces: 1,
    async body({ time, nonce }, sign) {
      const signature = await sign('lp', [time, nonce, orderType, size]);
      return { order: { time, nonce, orderType, size }, recvWindow: recvWindowMs, signature };
    },
    same: (listed) => alike(listed, { orderType, size }),
  };
}

export function withdrawTicket(account: string, withdrawal: Withdrawal, recvWindowMs: number): Ticket {
  const { recipient, token, size, chainId } = withdrawal;
  return {
    path: '/transfer/withdraw',
    list: '/transfer',
    nonces: 1,
    async body({ time, nonce }, sign) {
      const signature = await sign('withdraw', [time, nonce, false, account, recipient, token, size, chainId]);
      const order = { time, nonce, account, recipient, token, size: String(size), chainId };
      return { order, recvWindow: recvWindowMs, signature };
    },
    same: (listed) => alike(listed, { recipient, token }),
  };
}

/** Differs in nothing that both have. Decimals may be written back with other zeros. */
function alike(listed: Readonly<Record<string, unknown>>, mine: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(mine).every(([name, value]) => {
    const theirs = listed[name];
    if (theirs === undefined || theirs === value) return true;
    if (typeof theirs !== 'string' || typeof value !== 'string') return false;
    return plain(theirs) === plain(value) || theirs.toLowerCase() === value.toLowerCase();
  });
}

const plain = (decimal: string): string =>
  DECIMAL.test(decimal)
    ? decimal
        .replace(/(\.\d*?)0+$/, '$1')
        .replace(/\.$/, '')
        .replace(/^0+(?=\d)/, '')
    : decimal;

function checkDecimal(name: string, value: unknown): void {
  if (typeof value === 'string' && DECIMAL.test(value)) return;
  throw invalid(`${name} is ${show(value)}; allowed: a decimal as text, such as "0.25"`);
}

const defined = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([name, value]) => value !== undefined && name !== 'reduceOnly'));
