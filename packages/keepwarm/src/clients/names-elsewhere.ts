/**
 * Options by the names that other clients have for them. Somebody who comes from there types them first; with nothing
 * but a list of ours to read they would guess, and a call that silently ignores its `timeout` waits for half a minute.
 */
const BODY = 'the second argument of post, put and patch, or body of request';

/** Of undici, axios, got, node:http and fetch. */
export const CALLED_HERE: Readonly<Record<string, string>> = {
  timeout: 'deadlineMs',
  timeoutMs: 'deadlineMs',
  params: 'query',
  searchParams: 'query',
  body: BODY,
  json: BODY,
  data: BODY,
  form: `a URLSearchParams as ${BODY}`,
  responseType: 'json(), text(), bytes() or stream() of what the call returns',
  validateStatus: 'await the call itself, which takes every status',
  throwHttpErrors: 'await the call itself, which takes every status',
  method: 'request, which takes any',
  baseURL: 'origin',
  baseUrl: 'origin',
  prefixUrl: 'origin',
  url: 'origin',
  maxRedirects: 'redirectsMax',
  maxRedirections: 'redirectsMax',
  retries: 'retry.attemptsMax, of the client',
  maxSockets: 'pool.socketsMax',
  connections: 'pool.socketsMax',
  maxTotalSockets: 'pool.socketsTotalMax',
  maxFreeSockets: 'pool.idleMax',
  keepAliveTimeout: 'pool.idleMs',
  clientTtl: 'pool.ageMs',
  connectTimeout: 'connect.connectMs',
  headersTimeout: 'limits.firstByteMs',
  bodyTimeout: 'limits.betweenBytesMs',
  maxContentLength: 'limits.bodyBytesMax',
  maxResponseSize: 'limits.bodyBytesMax',
  allowH2: 'http2',
  auth: 'headers, or sign of the client',
  beforeRequest: 'sign, of the client',
  agent: 'nothing: a client has pools of its own (pool, tls, proxy)',
  httpAgent: 'nothing: a client has pools of its own (pool, tls, proxy)',
  httpsAgent: 'nothing: a client has pools of its own (pool, tls, proxy)',
  dispatcher: 'nothing: a client has pools of its own (pool, tls, proxy)',
};
