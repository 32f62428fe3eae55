/**
 * The admin API from the other side, with types: for the command line, assistants, and programs of one's own. It knows
 * where the gateway of the same person leaves its token.
 */
import { type Client, createClient, NetError } from 'keepwarm';
import { type Address, showAddress } from '../config/address.ts';
import type { FeedEvent } from '../figures/feed.ts';
import type { RangeName } from '../history/ranges.ts';
import type { HistoryTold } from '../history/told.ts';
import type { CallsTold } from './calls.ts';
import type { BreakersTold, EndpointsTold, LimitsTold } from './endpoints.ts';
import { readKey, runtimeFolder } from './key-file.ts';
import type { Snapshot } from './snapshot.ts';
import type { SocketsTold } from './sockets.ts';

export interface AdminClientOptions {
  /** Of the admin listener; the same as the gateway's `admin`. */
  readonly address: Address;
  /** Left out, it is the one the gateway of the same person has left in its runtime folder. */
  readonly token?: string | undefined;
}

/** What the gateway would not do, in its own words. */
export class AdminError extends Error {
  override readonly name = 'AdminError';
  readonly status: number;
  /** Of the table in docs/reference/admin.md; `UNREACHABLE` when there was no answer. */
  readonly code: string;

  constructor(status: number, code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.status = status;
    this.code = code;
  }
}

type Query = Readonly<Record<string, string | number | undefined>>;

export class AdminClient {
  readonly #client: Client;
  readonly #where: string;
  readonly #token: string | undefined;

  constructor({ address, token = readKey(runtimeFolder(), address) }: AdminClientOptions) {
    this.#where = showAddress(address);
    this.#token = token;
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const origin = `http://${this.#where}`;
    this.#client = createClient({ origin, headers, retry: false, breaker: false, deadlineMs: 10_000 });
  }

  /** HOST:PORT. */
  get where(): string {
    return this.#where;
  }

  /** Whether there is a token to act with. */
  get hasToken(): boolean {
    return this.#token !== undefined;
  }

  /** @param sockets told of each upstream */
  stats = (sockets = 0, signal?: AbortSignal): Promise<Snapshot> => this.#get('stats', { sockets }, signal);
  sockets = (query: Query = {}, signal?: AbortSignal): Promise<SocketsTold> => this.#get('sockets', query, signal);
  endpoints = (query: Query = {}, signal?: AbortSignal): Promise<EndpointsTold> =>
    this.#get('endpoints', query, signal);
  limits = (query: Query = {}, signal?: AbortSignal): Promise<LimitsTold> => this.#get('limits', query, signal);
  breakers = (query: Query = {}, signal?: AbortSignal): Promise<BreakersTold> => this.#get('breakers', query, signal);
  calls = (query: Query = {}, signal?: AbortSignal): Promise<CallsTold> => this.#get('calls', query, signal);
  history = (range: RangeName, upstream?: string, signal?: AbortSignal): Promise<HistoryTold> =>
    this.#get('history', { range, upstream }, signal);

  /** @throws AdminError with what the gateway said, such as that there is no such endpoint */
  async act(action: string, inputs: object = {}, signal?: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    return this.#asked('POST', `/api/actions/${encodeURIComponent(action)}`, inputs, signal);
  }

  /** A code that lets one browser act, once. */
  async code(): Promise<string> {
    const { code } = await this.#asked<{ code: string }>('POST', '/api/session/code', {});
    return code;
  }

  /** What happens from now on, until the loop is left or the signal fires. @param since the id of an event seen */
  async *events(options: { readonly since?: string; readonly signal?: AbortSignal } = {}): AsyncGenerator<FeedEvent> {
    const { since, signal } = options;
    const reply = await this.#client.get('/api/events', {
      query: since === undefined ? {} : { since },
      headers: { accept: 'text/event-stream' },
      signal,
      deadlineMs: Number.POSITIVE_INFINITY,
      betweenBytesMs: SILENCE_MS,
    });
    if (reply.status !== 200) throw problem(reply.status, await reply.text());
    let text = '';
    for await (const chunk of reply.stream().pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        // What has a name of its own is about the stream, and not an event of the gateway.
        const data = /^data: (.*)$/m.exec(block)?.[1];
        if (data !== undefined && !/^event: /m.test(block)) yield JSON.parse(data);
      }
    }
  }

  close(): Promise<void> {
    return this.#client.close({ deadlineMs: 0 });
  }

  #get<T>(path: string, query: Query, signal?: AbortSignal): Promise<T> {
    const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, `${value}`]]));
    const search = new URLSearchParams(Object.fromEntries(given)).toString();
    return this.#asked('GET', `/api/${path}${search === '' ? '' : `?${search}`}`, undefined, signal);
  }

  async #asked<T>(method: string, path: string, body?: object, signal?: AbortSignal): Promise<T> {
    try {
      const reply = await this.#client.request(path, { method, body, signal });
      if (reply.ok) return (await reply.json()) as T; // it is the gateway's own answer to this path
      throw problem(reply.status, await reply.text());
    } catch (error) {
      if (error instanceof AdminError || signal?.aborted === true) throw error;
      const { code } = NetError.from(error);
      throw new AdminError(0, 'UNREACHABLE', `no gateway answers at ${this.#where} (${code}); is it running?`, error);
    }
  }
}

/** Longer than the gateway is ever silent on a stream of events. */
const SILENCE_MS = 45_000;

function problem(status: number, text: string): AdminError {
  try {
    const { code, detail } = JSON.parse(text);
    return new AdminError(status, String(code), String(detail));
  } catch {
    return new AdminError(
      status,
      'ANSWER',
      `status ${status}, and no words of a gateway: is it one that listens there?`,
    );
  }
}
