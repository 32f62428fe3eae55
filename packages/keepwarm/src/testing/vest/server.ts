/**
 * A stand-in for Vest, made from its published pages; nobody at Vest has looked at it. It checks proofs, signatures,
 * clocks, nonces and keys as they do, refuses with their codes, and loses, repeats or delays what it is told to.
 */
import type { Asked, ExchangeServer, Said } from '../exchange/rules.ts';
import { type ExchangeWords, StandIn, type Stream } from '../exchange/stand-in.ts';
import { no, VestApi } from './api.ts';
import type { BookAccount, BookOrder } from './book.ts';
import type { VestFault, VestServerOptions } from './rules.ts';

export interface VestServer extends ExchangeServer<BookOrder> {
  readonly registrations: number;
  /** Listen keys that were made, and how often one was kept alive. */
  readonly listenKeys: number;
  readonly listenKeysKept: number;
  readonly pings: number;
  /** Listen keys handed out so far are no longer taken. */
  expireListenKeys(): void;
  /** Keys handed out so far are no longer taken. */
  expireKeys(): void;
  /** Says something on a public channel. */
  publish(channel: string, data: unknown): void;
}

const PAGE: Said = { status: 502, body: '<html><body>Bad Gateway</body></html>' };

export async function startVestServer(options: VestServerOptions): Promise<VestServer> {
  const words = new VestWords(options);
  const { api, standIn } = words;
  return standIn.open({
    get orders() {
      return [...api.book.accounts.values()].flatMap(({ orders }) => orders);
    },
    get registrations() {
      return api.registrations;
    },
    get listenKeys() {
      return api.listenKeys;
    },
    get listenKeysKept() {
      return api.listenKeysKept;
    },
    get pings() {
      return words.pings;
    },
    expireListenKeys: () => api.expireListenKeys(),
    expireKeys: () => api.expireKeys(),
    publish: (channel: string, data: unknown) => standIn.tell(channel, { channel, data }),
  });
}

class VestWords implements ExchangeWords<BookAccount, VestFault> {
  readonly base = '/v2';
  readonly wsPath = '/ws-api';
  readonly tooMany = no(1003, 'too many requests', 429);
  readonly standIn: StandIn<BookAccount, VestFault>;
  readonly api: VestApi;
  pings = 0;

  constructor(options: VestServerOptions) {
    this.standIn = new StandIn(this, options);
    const { standIn } = this;
    const tell = (account: BookAccount, data: object): void =>
      standIn.tell('account_private', { channel: 'account_private', data }, (stream) => stream.account === account);
    this.api = new VestApi(options, () => standIn.wall(), tell);
  }

  say(asked: Asked): Promise<Said> {
    return this.api.say(asked);
  }

  kindOf({ method, path }: Asked) {
    if (method !== 'POST') return undefined;
    if (path === '/orders/cancel') return 'cancel';
    return ['/orders', '/lp', '/transfer/withdraw'].includes(path) ? 'order' : undefined;
  }

  before(fault: VestFault | undefined, asked: Asked): Said | undefined {
    if (fault === 'page before') return PAGE;
    if (fault === 'slow down') return { status: 400, body: { code: 1003, msg: 'slow down' } };
    if (fault === 'key') this.api.expireKeys();
    if (fault === 'other') this.api.intrude(asked);
    return undefined;
  }

  after(fault: VestFault | undefined, said: Said): Said {
    return fault === 'page' ? PAGE : said;
  }

  admits(query: URLSearchParams) {
    const listenKey = query.get('listenKey');
    const account = this.api.book.byListenKey(listenKey);
    return listenKey !== null && account === undefined ? undefined : { account };
  }

  heard({ socket, channels }: Stream<BookAccount>, { method, params, id }: Readonly<Record<string, unknown>>): void {
    if (method === 'PING') {
      this.pings++;
      return socket.say({ id, data: 'PONG' });
    }
    for (const channel of Array.isArray(params) ? (params as string[]) : []) {
      if (method === 'SUBSCRIBE') channels.add(channel);
      else channels.delete(channel);
    }
    socket.say({ result: null, id });
  }
}
