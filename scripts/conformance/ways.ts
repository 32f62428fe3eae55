/** The four ways into the library, with one face: ask, and look at what came. */
import { request as requestHttps } from 'node:https';
import { Readable } from 'node:stream';
import { type Client, createClient } from 'keepwarm';
import { keepwarmAgents } from 'keepwarm/node-http';
import { keepwarmDispatcher } from 'keepwarm/undici';
import { request as requestUndici } from 'undici';

export interface Asked {
  /** Default GET. */
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
}

export interface Answered {
  readonly status: number;
  header(name: string): string | undefined;
  /** To be read once, to its end or not. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Once the body has been read; nothing where the way has no place for them. */
  trailers(): Promise<Readonly<Record<string, string>> | undefined>;
}

export interface Lane {
  ask(asked: Asked): Promise<Answered>;
  readonly client: Client;
  close(): Promise<void>;
}

export type Protocol = 'h1' | 'h2';

export interface Way {
  readonly name: string;
  readonly protocols: readonly Protocol[];
  /** Whether bodies come out of their content coding. */
  readonly decodes: boolean;
  /** Whether it goes where a redirect leads. */
  readonly follows: boolean;
  open(url: string, protocol: Protocol, ca: string): Lane;
}

/** Connections a lane may have, as an operator would set them. */
export const SOCKETS_MAX = 4;

const settings = (protocol: Protocol, ca: string) =>
  ({
    tls: { ca },
    http2: protocol === 'h2' ? 'prefer' : 'never',
    pool: { socketsMax: SOCKETS_MAX },
    retry: false,
    breaker: false,
  }) as const;

const api: Way = {
  name: 'client',
  protocols: ['h1', 'h2'],
  decodes: true,
  follows: true,
  open(url, protocol, ca) {
    const client = createClient({ origin: url, redirectsMax: 5, ...settings(protocol, ca) });
    return {
      client,
      close: () => client.close({ deadlineMs: 0 }),
      async ask({ path, ...options }) {
        const reply = await client.request(path, options);
        return {
          status: reply.status,
          header: (name) => reply.headers.get(name) ?? undefined,
          body: reply.stream(),
          trailers: async () => Object.fromEntries(await reply.trailerFields()),
        };
      },
    };
  },
};

const fetchWay: Way = {
  name: 'fetch',
  protocols: ['h1', 'h2'],
  decodes: true,
  follows: true,
  open(url, protocol, ca) {
    const client = createClient(settings(protocol, ca));
    return {
      client,
      close: () => client.close({ deadlineMs: 0 }),
      async ask({ path, body, ...init }) {
        const response = await client.fetch(url + path, { ...init, ...(body === undefined ? {} : { body }) });
        return {
          status: response.status,
          header: (name) => response.headers.get(name) ?? undefined,
          body: response.body ?? Readable.from([]),
          trailers: async () => undefined,
        };
      },
    };
  },
};

const dispatcherWay: Way = {
  name: 'undici',
  protocols: ['h1', 'h2'],
  decodes: false,
  follows: false,
  open(url, protocol, ca) {
    const dispatcher = keepwarmDispatcher(settings(protocol, ca));
    return {
      client: dispatcher.client,
      close: () => dispatcher.destroy(),
      async ask({ path, method = 'GET', body, headers = {}, signal }) {
        const sent =
          body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : Readable.from(body);
        const options = { dispatcher, method: method as 'GET', headers, body: sent ?? null, signal: signal ?? null };
        const { statusCode, headers: fields, body: got, trailers } = await requestUndici(url + path, options);
        return {
          status: statusCode,
          header: (name) => textOf(fields[name]),
          body: got,
          trailers: async () => trailers,
        };
      },
    };
  },
};

const agentWay: Way = {
  name: 'agent',
  protocols: ['h1'],
  decodes: false,
  follows: false,
  open(url, protocol, ca) {
    const agents = keepwarmAgents(settings(protocol, ca));
    return {
      client: agents.client,
      close: () => agents.close(),
      ask: ({ path, method = 'GET', body, headers = {}, signal }) =>
        new Promise((resolve, reject) => {
          const options = { agent: agents.httpsAgent, method, headers, ...(signal === undefined ? {} : { signal }) };
          const request = requestHttps(url + path, options, (response) =>
            resolve({
              status: response.statusCode ?? 0,
              header: (name) => textOf(response.headers[name]),
              body: response,
              trailers: async () => response.trailers as Record<string, string>,
            }),
          );
          request.on('error', reject);
          if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) request.end(body);
          else Readable.from(body).pipe(request);
        }),
    };
  },
};

export const WAYS: readonly Way[] = [api, fetchWay, dispatcherWay, agentWay];

const textOf = (value: string | string[] | undefined): string | undefined =>
  value === undefined ? undefined : [value].flat().join(', ');
