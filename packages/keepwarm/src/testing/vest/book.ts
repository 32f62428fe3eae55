/** The accounts and orders of the stand-in: who has which key, which nonce was used by what. */

export interface BookOrder {
  readonly id: string;
  readonly nonce: number;
  readonly time: number;
  readonly symbol: string;
  readonly isBuy: boolean;
  readonly orderType: string;
  readonly size: string;
  readonly limitPrice: string;
  status: string;
}

export interface BookAccount {
  readonly primary: string;
  readonly signer: string;
  readonly group: number;
  apiKey: string;
  lastNonce: number;
  listenKey: string | undefined;
  readonly orders: BookOrder[];
  readonly lpOrders: Readonly<Record<string, unknown>>[];
  readonly transfers: Readonly<Record<string, unknown>>[];
  readonly leverages: Map<string, number>;
}

export class Book {
  readonly accounts = new Map<string, BookAccount>();
  #keys = 0;
  #orders = 0;

  register(primary: string, signer: string): BookAccount {
    const before = this.accounts.get(primary);
    const account: BookAccount = before ?? {
      primary,
      signer,
      group: this.accounts.size % 3,
      apiKey: '',
      lastNonce: 0,
      listenKey: undefined,
      orders: [],
      lpOrders: [],
      transfers: [],
      leverages: new Map(),
    };
    account.apiKey = `key-${++this.#keys}`;
    this.accounts.set(primary, account);
    return account;
  }

  byKey(apiKey: unknown): BookAccount | undefined {
    return [...this.accounts.values()].find((account) => account.apiKey === apiKey);
  }

  byListenKey(listenKey: string | null): BookAccount | undefined {
    return listenKey === null ? undefined : [...this.accounts.values()].find((each) => each.listenKey === listenKey);
  }

  add(account: BookAccount, order: Omit<BookOrder, 'id' | 'status'>): BookOrder {
    const taken = { ...order, id: `order-${++this.#orders}`, status: 'NEW' };
    account.orders.push(taken);
    return taken;
  }

  listenKey(account: BookAccount): string {
    account.listenKey ??= `listen-${++this.#keys}`;
    return account.listenKey;
  }
}
