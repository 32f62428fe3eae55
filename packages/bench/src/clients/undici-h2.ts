/**
 * undici over HTTP/2: its own pool, which fills a session before it opens another, with windows as large as ours; and
 * its fetch over that and over our dispatcher.
 */
import { keepwarmDispatcher } from 'keepwarm/undici';
import { Agent, type Dispatcher, Pool, fetch as undiciFetch } from 'undici';
import { bodyOf, CALL_HEADERS, type Client, expectOk, type OpenClient, type RpcReply, type Target } from './client.ts';
import { settings } from './keepwarm.ts';

const KEEP_ALIVE_MS = 600_000;
const WINDOW_BYTES = 1_048_576;

const options = ({ ca, socketsMax }: Target, allowH2 = true): Pool.Options => ({
  connections: socketsMax,
  allowH2,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connect: { ca },
  initialWindowSize: WINDOW_BYTES,
  connectionWindowSize: WINDOW_BYTES,
});

export const openRequest: OpenClient = (target) => {
  const pool = new Pool(target.origin, options(target));
  const body = bodyOf(target);
  const call = { path: target.path, method: 'POST', headers: CALL_HEADERS, body } as const;
  return {
    call: async () => {
      const reply = await pool.request(call);
      expectOk(reply.statusCode);
      return (await reply.body.json()) as RpcReply;
    },
    close: () => pool.destroy(),
  };
};

const fetching = (target: Target, dispatcher: Dispatcher): Client => {
  const url = target.origin + target.path;
  const body = bodyOf(target);
  return {
    call: async () => {
      const response = await undiciFetch(url, { method: 'POST', headers: CALL_HEADERS, body, dispatcher });
      expectOk(response.status);
      return (await response.json()) as RpcReply;
    },
    close: () => dispatcher.destroy(),
  };
};

export const openFetch: OpenClient = (target) => fetching(target, new Agent(options(target)));

export const openFetchPooled: OpenClient = (target) =>
  fetching(target, keepwarmDispatcher({ ...settings(target), http2: 'prefer' }));

/** The same two over HTTP/1.1. */
export const openFetchHttp1: OpenClient = (target) => fetching(target, new Agent(options(target, false)));

export const openFetchPooledHttp1: OpenClient = (target) =>
  fetching(target, keepwarmDispatcher({ ...settings(target), http2: 'never' }));
