/** Accounts, tokens and orders of the stand-in for Paradex, and what it says to a request. */
import { Buffer } from 'node:buffer';
import type { Clock } from '../../core/clock.ts';
import { type Asked, ok, type Said } from '../exchange/rules.ts';
import type { ParadexServerOptions } from './rules.ts';

export interface BookEntry {
  readonly id: string;
  readonly account: string;
  readonly client_id: string;
  readonly market: string;
  readonly size: string;
  readonly signature_timestamp: number;
  status: string;
  cancel_reason: string;
}

export const no = (status: number, error: string, message = ''): Said => ({ status, body: { error, message } });

const short = (text: string): string => `0x${Buffer.from(text).toString('hex')}`;
const felts = (names: readonly string[]) => names.map((name) => ({ name, type: 'felt' }));
const TOKEN_MS = 300_000;
/** Ours: how far ahead the pages let a time be, they do not say. */
const AHEAD_MS = 60_000;

export class ParadexBook {
  readonly orders: BookEntry[] = [];
  /** Account by token. */
  readonly tokens = new Map<string, string>();
  tokensGiven = 0;
  onboardings = 0;
  readonly #options: ParadexServerOptions;
  readonly #clock: Pick<Clock, 'now' | 'wall'>;
  readonly #tell: (order: BookEntry) => void;
  readonly #keys: Map<string, string>;
  readonly #expiries = new Map<string, number>();

  constructor(options: ParadexServerOptions, clock: Pick<Clock, 'now' | 'wall'>, tell: (order: BookEntry) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#tell = tell;
    this.#keys = new Map(Object.entries(options.accounts ?? {}));
  }

  async say({ method, path, query, headers, body }: Asked): Promise<Said> {
    if (path === '/auth' || path === '/onboarding') return this.#enter(path, headers, body);
    if (/^\/(?:system|markets|orderbook)/.test(path)) return ok({ results: [], market: path.split('/')[2] });
    const account = this.#holder(headers['authorization']);
    if (account === undefined) return no(401, 'INVALID_TOKEN', 'token is invalid or has expired');
    const mine = this.orders.filter((order) => order.account === account);
    const [, kind, id] = path.split('/');
    if (kind === 'orders-history') {
      const asked = query.get('client_id');
      return ok({ results: mine.filter((order) => asked === null || order.client_id === asked).toReversed() });
    }
    if (kind !== 'orders') return ok({ results: [], account });
    if (method === 'POST') return this.#order(account, body);
    const open = mine.filter(({ status }) => status === 'OPEN');
    if (path.startsWith('/orders/by_client_id/')) {
      const found = open.find((order) => order.client_id === path.split('/')[3]);
      return found === undefined ? no(404, 'CLIENT_ORDER_ID_NOT_FOUND') : ok(found);
    }
    if (id === undefined && method === 'GET') return ok({ results: open });
    if (method === 'DELETE') return this.#cancel(id === undefined ? open : open.filter((order) => order.id === id), id);
    const order = mine.find((each) => each.id === id);
    return order === undefined ? no(404, 'ORDER_ID_NOT_FOUND') : ok(order);
  }

  #enter(path: string, headers: Asked['headers'], body: Asked['body']): Said {
    const { verify, chainId } = this.#options;
    const account = String(headers['paradex-starknet-account']);
    const signature = JSON.parse(String(headers['paradex-starknet-signature'])) as string[];
    const onboards = path === '/onboarding';
    const publicKey = onboards ? String(body['public_key']) : this.#keys.get(account);
    if (publicKey === undefined) return no(404, 'NOT_ONBOARDED', 'user has never called /onboarding');
    if (onboards) {
      const data = this.#data('Constant', { action: short('Onboarding') });
      if (!verify(data, account, signature, publicKey)) return no(400, 'INVALID_SIGNATURE');
      if (headers['paradex-ethereum-account'] === undefined) return no(400, 'INVALID_ETHEREUM_ADDRESS');
      this.#keys.set(account, publicKey);
      this.onboardings++;
      return ok({});
    }
    const [timestamp, expiration] = [headers['paradex-timestamp'], headers['paradex-signature-expiration']].map(Number);
    const fields = { method: short('POST'), path: short('/v1/auth'), body: '0x0', timestamp, expiration };
    const wall = this.#clock.wall();
    if (chainId === '' || expiration! * 1_000 < wall) return no(400, 'INVALID_SIGNATURE_EXPIRATION');
    if (timestamp! * 1_000 > wall + AHEAD_MS) return no(400, 'INVALID_TIMESTAMP');
    if (!verify(this.#data('Request', fields), account, signature, publicKey)) return no(401, 'INVALID_SIGNATURE');
    const token = `jwt-${++this.tokensGiven}`;
    this.tokens.set(token, account);
    this.#expiries.set(token, this.#clock.now() + TOKEN_MS);
    return ok({ jwt_token: token });
  }

  #order(account: string, body: Asked['body']): Said {
    const { market, side, type, size, price, client_id: clientId, signature, signature_timestamp: time } = body;
    const fields = {
      timestamp: Number(time),
      market: short(String(market)),
      side: side === 'BUY' ? '1' : '2',
      orderType: short(String(type)),
      size: eighths(String(size)),
      price: eighths(String(price)),
    };
    const signed = JSON.parse(String(signature)) as string[];
    const key = this.#keys.get(account) ?? '';
    if (!this.#options.verify(this.#data('Order', fields), account, signed, key)) return no(400, 'INVALID_SIGNATURE');
    if (this.#clock.wall() > Number(time) + Number(body['recv_window'])) return no(400, 'ORDER_EXPIRED', 'recv_window');
    if (this.orders.some((order) => order.account === account && order.client_id === clientId)) {
      return no(400, 'DUPLICATED_CLIENT_ID');
    }
    const order: BookEntry = {
      id: `order-${this.orders.length + 1}`,
      ...{ account, client_id: String(clientId), market: String(market), size: String(size) },
      ...{ signature_timestamp: Number(time), status: type === 'MARKET' ? 'CLOSED' : 'OPEN', cancel_reason: '' },
    };
    this.orders.push(order);
    this.#tell(order);
    return ok(order, 201);
  }

  #cancel(orders: readonly BookEntry[], id: string | undefined): Said {
    if (orders.length === 0 && id !== undefined) return no(404, 'ORDER_IS_CLOSED');
    for (const order of orders) {
      order.status = 'CLOSED';
      order.cancel_reason = 'USER_CANCELED';
      this.#tell(order);
    }
    return ok(undefined, 204);
  }

  #data(primaryType: string, message: Readonly<Record<string, unknown>>): object {
    const domain = { name: 'Paradex', chainId: short(this.#options.chainId), version: '1' };
    const types = { StarkNetDomain: felts(['name', 'chainId', 'version']), [primaryType]: felts(Object.keys(message)) };
    return { types, primaryType, domain, message };
  }

  #holder(authorization: unknown): string | undefined {
    const token = String(authorization).replace(/^Bearer /, '');
    return (this.#expiries.get(token) ?? 0) > this.#clock.now() ? this.tokens.get(token) : undefined;
  }
}

/** Eight places. */
function eighths(decimal: string): string {
  const [whole = '0', places = ''] = decimal.split('.');
  return BigInt(whole + places.slice(0, 8).padEnd(8, '0')).toString();
}
