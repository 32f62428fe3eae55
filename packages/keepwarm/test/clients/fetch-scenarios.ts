/**
 * What code that calls APIs does with `fetch`, as scenarios that return what it can observe. `fetch.test.ts` runs each
 * with the global fetch and with ours; where they agree nothing more needs to be said.
 */
import type { Echo } from './api-server.ts';

export type Fetch = typeof globalThis.fetch;

export interface Place {
  readonly origin: string;
  /** Another origin: the same routes on another port. */
  readonly elsewhere: string;
  /** A port nobody listens on. */
  readonly nowhere: string;
}

export type Scenario = (fetch: Fetch, place: Place) => Promise<unknown>;

/** What can be told of a failure without knowing whose it is. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { succeeded: await promise };
  } catch (error) {
    if (!(error instanceof Error)) return { thrown: error };
    const kind = error instanceof TypeError ? 'TypeError' : error instanceof SyntaxError ? 'SyntaxError' : error.name;
    const told = /^(?:fetch failed|terminated)$/.test(error.message);
    return {
      kind,
      dom: error instanceof DOMException,
      ...(told ? { message: error.message, cause: 'cause' in error } : {}),
    };
  }
}

/** What the server saw, without what clients say about themselves. */
async function seen(response: Response, ...names: string[]): Promise<unknown> {
  const { method, url, headers, body } = (await response.json()) as Echo;
  return { method, url, body, headers: Object.fromEntries(names.map((name) => [name, headers[name]])) };
}

const post = (body: unknown, headers?: Record<string, string>): RequestInit =>
  ({ method: 'POST', body, duplex: 'half', ...(headers === undefined ? {} : { headers }) }) as RequestInit;

const typeAndLength = ['content-type', 'content-length', 'transfer-encoding'];

const sent =
  (make: () => unknown, headers?: Record<string, string>): Scenario =>
  async (fetch, { origin }) =>
    seen(await fetch(`${origin}/echo`, post(make(), headers)), ...typeAndLength);

const refused =
  (init: RequestInit, path = '/echo'): Scenario =>
  (fetch, { origin }) =>
    failure(fetch(origin + path, init));

const read =
  (path: string, look: (response: Response) => unknown, init?: RequestInit): Scenario =>
  async (fetch, { origin }) =>
    look(await fetch(origin + path, init));

async function* generated(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('one,');
  yield Buffer.from('two');
}

export const REQUESTS: Record<string, Scenario> = {
  'a string URL': async (fetch, { origin }) => seen(await fetch(`${origin}/echo?a=1`)),
  'a URL object': async (fetch, { origin }) => seen(await fetch(new URL('/echo?b=2', origin))),
  'a URL to be normalised': async (fetch, { origin }) => {
    const response = await fetch(`${origin}/a/../b c/%7e?q=ü#fragment`);
    return { url: response.url.replace(origin, ''), ...((await seen(response)) as object) };
  },
  'a Request': async (fetch, { origin }) => {
    const request = new Request(`${origin}/echo`, { ...post('text'), headers: { 'x-a': '1' } });
    return [await seen(await fetch(request), 'x-a', ...typeAndLength), request.bodyUsed];
  },
  'a Request with everything overridden': async (fetch, { origin }) => {
    const request = new Request(`${origin}/echo`, post('old', { 'x-a': 'old' }));
    const init = { method: 'PUT', body: 'new', headers: { 'x-b': 'new' } };
    return seen(await fetch(request, init), 'x-a', 'x-b', ...typeAndLength);
  },
  'a Request whose init says null': async (fetch, { origin }) =>
    seen(await fetch(new Request(`${origin}/echo`, post('kept')), { body: null }), ...typeAndLength),
  'a Request with much text': async (fetch, { origin }) => {
    const { headers, body } = (await (
      await fetch(new Request(`${origin}/echo`, post('x'.repeat(300_000))))
    ).json()) as Echo;
    return [headers['content-length'], headers['transfer-encoding'], body.length];
  },
  'a Request with a stream': async (fetch, { origin }) => {
    const slow = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('one,');
      await new Promise((resolve) => setTimeout(resolve, 20));
      yield Buffer.alloc(200_000, 'x');
    };
    const { headers, body } = (await (
      await fetch(new Request(`${origin}/echo`, post(ReadableStream.from(slow()))))
    ).json()) as Echo;
    return [headers['content-length'], headers['transfer-encoding'], body.length];
  },
  'a Request with a form': async (fetch, { origin }) => {
    const form = new FormData();
    form.append('a', new Blob(['file']), 'a.txt');
    const response = await fetch(new Request(`${origin}/echo`, post(form)));
    const { headers, body } = (await response.json()) as Echo;
    return [headers['content-length'] === String(body.length), headers['transfer-encoding']];
  },
  'a Request that was read': async (fetch, { origin }) => {
    const request = new Request(`${origin}/echo`, post('text'));
    await request.text();
    return failure(fetch(request));
  },
  'methods in lower case': async (fetch, { origin }) =>
    Promise.all(
      ['get', 'post', 'put', 'delete', 'options'].map(async (method) => seen(await fetch(origin, { method }))),
    ),
  'methods of other specifications': async (fetch, { origin }) => seen(await fetch(origin, { method: 'PROPFIND' })),
  'headers as an object': async (fetch, { origin }) =>
    seen(await fetch(origin, { headers: { 'X-A': '1', 'x-b': 2 as unknown as string } }), 'x-a', 'x-b'),
  'headers as pairs': async (fetch, { origin }) =>
    seen(await fetch(origin, { headers: [['x-a', '1'], ['x-a', '2']] }), 'x-a'), // biome-ignore format: pairs
  'headers as Headers': async (fetch, { origin }) =>
    seen(await fetch(origin, { headers: new Headers({ a: 'b' }) }), 'a'),
  'header values with white space around them': async (fetch, { origin }) =>
    seen(await fetch(origin, { headers: { authorization: ' Bearer key\r\n' } }), 'authorization'),
  'a Host of its own': async (fetch, { origin }) =>
    seen(await fetch(origin, { headers: { host: 'example.com' } }), 'host'),
  'accept and user-agent of its own': async (fetch, { origin }) =>
    seen(await fetch(origin, { headers: { accept: 'a/b', 'User-Agent': 'me' } }), 'accept', 'user-agent'),
  'a body: text': sent(() => 'tëxt'),
  'a body: empty text': sent(() => ''),
  'a body: null': sent(() => null),
  'a body: bytes': sent(() => new Uint8Array([1, 2, 3])),
  'a body: an ArrayBuffer': sent(() => new Uint8Array([1, 2, 3]).buffer),
  'a body: a part of a buffer': sent(() => new DataView(new Uint8Array([1, 2, 3, 4]).buffer, 1, 2)),
  'a body: a typed blob': sent(() => new Blob(['{}'], { type: 'application/json' })),
  'a body: an untyped blob': sent(() => new Blob(['x'])),
  'a body: a file': sent(() => new File(['x'], 'a.txt', { type: 'text/css' })),
  'a body: search parameters': sent(() => new URLSearchParams({ a: 'x y', b: 'ü' })),
  'a body: a stream': sent(() => ReadableStream.from(generated())),
  'a body: an async iterable': sent(generated),
  'a body: a number': sent(() => 1),
  'a body: an object': sent(() => ({ a: 1 })),
  'a body: text with a type': sent(() => '{}', { 'Content-Type': 'application/json' }),
  'a body: a form': async (fetch, { origin }) => {
    const form = new FormData();
    form.append('a "quoted"\nname', 'lines\nof\r\ntext');
    form.append('a', 'again');
    form.append('file', new File(['content'], 'ä.bin', { type: 'image/png' }));
    form.append('blob', new Blob(['blob']));
    const response = await fetch(`${origin}/echo`, post(form));
    const { headers, body } = (await response.json()) as Echo;
    const type = String(headers['content-type']);
    const boundary = /boundary=(.+)/.exec(type)![1]!;
    return [body.replaceAll(boundary, 'B'), headers['content-length'] === String(body.length), type.split(';')[0]];
  },
};

export const REFUSALS: Record<string, Scenario> = {
  'GET with a body': refused({ body: 'x' }),
  'HEAD with a body': refused({ method: 'HEAD', body: 'x' }),
  'a URL that is none': (fetch) => failure(fetch('http://')),
  'a URL with credentials': (fetch, { origin }) => failure(fetch(origin.replace('//', '//user:secret@'))),
  'a method that is none': refused({ method: 'A B' }),
  'CONNECT, TRACE and TRACK': async (fetch, { origin }) =>
    Promise.all(['CONNECT', 'trace', 'Track'].map((method) => failure(fetch(origin, { method })))),
  'a header name that is none': refused({ headers: { 'a b': '1' } }),
  'a header value with a line break within': refused({ headers: { a: '1\r\nb: 2' } }),
  'a header value that is not Latin-1': refused({ headers: { a: '☃' } }),
  'an unknown redirect mode': refused({ redirect: 'sometimes' as 'follow' }),
  'a signal that is none': refused({ signal: {} as AbortSignal }),
  'a stream that is being read': async (fetch, { origin }) => {
    const stream = ReadableStream.from(generated());
    stream.getReader();
    return failure(fetch(origin, post(stream)));
  },
  'nobody there': (fetch, { nowhere }) => failure(fetch(nowhere)),
  'a connection lost before the reply': refused(post('x'), '/break-head'),
  'a body that breaks while it is sent': async (fetch, { origin }) => {
    const body = (async function* () {
      yield Buffer.from('x');
      throw new RangeError('mine');
    })();
    return (await failure(fetch(origin, post(body)))) !== undefined;
  },
};

const facts = async (response: Response, origin: string): Promise<unknown> => ({
  status: response.status,
  url: response.url.replace(origin, ''),
  redirected: response.redirected,
  text: await response.text(),
});

const redirected =
  (path: string, init?: RequestInit): Scenario =>
  async (fetch, { origin }) =>
    facts(await fetch(origin + path, init), origin);

const redirectedTo =
  (code: number, init: RequestInit): Scenario =>
  async (fetch, { origin }) =>
    seen(await fetch(`${origin}/redirect?code=${code}&to=/echo`, init), ...typeAndLength, 'x-a');

export const REDIRECTS: Record<string, Scenario> = {
  'followed, and told': redirected('/redirect?to=/text'),
  'followed, with a fragment': redirected('/redirect?to=/text%23part'),
  'without a location': redirected('/redirect?code=302'),
  'to what is no URL': refused({}, '/redirect?to=http://%5B'),
  'to another scheme': refused({}, '/redirect?to=ftp://127.0.0.1/'),
  '301 of a POST': redirectedTo(301, post('x', { 'x-a': '1' })),
  '302 of a POST': redirectedTo(302, post('x', { 'x-a': '1' })),
  '303 of a PUT': redirectedTo(303, { ...post('x'), method: 'PUT' }),
  '307 of a POST': redirectedTo(307, post('x', { 'x-a': '1' })),
  '308 of a form': async (fetch, { origin }) => {
    const form = new FormData();
    form.append('a', new Blob(['b']));
    const response = await fetch(`${origin}/redirect?code=308&to=/echo`, post(form));
    return ((await response.json()) as Echo).body.length > 100;
  },
  '307 of a stream': (fetch, { origin }) =>
    failure(fetch(`${origin}/redirect?code=307&to=/echo`, post(ReadableStream.from(generated())))),
  '303 of a HEAD': redirected('/redirect?code=303&to=/text', { method: 'HEAD' }),
  'twenty of them': redirected('/loop?left=20'),
  'more than twenty': refused({}, '/loop?left=21'),
  manual: read('/redirect?to=/text', async (response) => [
    response.status,
    response.headers.get('location'),
    response.redirected,
    await response.text(),
  ], { redirect: 'manual' }), // biome-ignore format: one look
  error: refused({ redirect: 'error' }, '/redirect?to=/text'),
  'error, and none came': redirected('/text', { redirect: 'error' }),
  'credentials and another origin': async (fetch, { origin, elsewhere }) => {
    const headers = { authorization: 'secret', cookie: 'a=1', 'proxy-authorization': 'b', accept: 'a/b' };
    const response = await fetch(`${origin}/redirect?to=${elsewhere}/echo`, { headers });
    const { url, redirected } = response;
    return [url === `${elsewhere}/echo`, redirected, await seen(response, ...Object.keys(headers))];
  },
};
