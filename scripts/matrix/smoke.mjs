/**
 * The built package under another runtime: every kind of call once, against servers on loopback that run in Node.js.
 *
 *   <runtime> smoke.mjs <package folder> <origin h1> <origin h2> <proxy> <ca file>
 *
 * Plain JavaScript, since not every runtime strips types. Prints one line per promise, `ok NAME` or `FAIL NAME: why`,
 * and leaves with 1 when one failed.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const [folder, h1, h2, proxy, caFile] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(join(folder, 'dist', path)).href);
const ca = readFileSync(caFile, 'utf8');

const same = (a, b, what) => {
  if (JSON.stringify(a) !== JSON.stringify(b))
    throw new Error(`${what}: ${JSON.stringify(a)}, not ${JSON.stringify(b)}`);
};

const { createClient, NetError } = await load('index.js');
const { createRpc, evm } = await load('jsonrpc.js');
const { createGrpcClient, createGrpcPool, rawMethod } = await load('grpc.js');
const { keepwarmAgents } = await load('interop/node-http/index.js');

/** One call by the runtime's own client, through an agent of ours. */
const byNode = (module, url, agent) =>
  new Promise((resolve, reject) => {
    const request = module.request(url, { agent, method: 'POST' }, async (response) => {
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += part;
      resolve(JSON.parse(text));
    });
    request.on('error', reject);
    request.end('text');
  });

/** Each opens what it needs, and closes it. */
const promises = {
  'GET, POST and reuse over HTTP/1.1': async () => {
    const api = createClient({ origin: h1 });
    same((await api.get('/a').json()).path, '/a', 'path');
    same((await api.post('/b', { side: 'buy' }).json()).body, '{"side":"buy"}', 'body');
    const large = await api.get('/large').bytes();
    same(large.byteLength, 300_000, 'length');
    const { reuse, sockets } = api.stats();
    same(reuse.fresh, 1, 'fresh connections');
    if (sockets.live[0].bytesIn < 300_000) throw new Error(`${sockets.live[0].bytesIn} bytes in are too few`);
    await api.close();
  },
  'compressed replies': async () => {
    const api = createClient({ origin: h1 });
    same((await api.get('/gzip').json()).path, '/gzip', 'path');
    await api.close();
  },
  'TLS and HTTP/2 by ALPN': async () => {
    const api = createClient({ origin: h2, tls: { ca } });
    await api.warmUp();
    const replies = await Promise.all(['/a', '/b', '/c'].map((path) => api.get(path).json()));
    same(
      replies.map(({ path, version }) => [path, version]),
      ['/a', '/b', '/c'].map((path) => [path, '2.0']),
      'replies',
    );
    same((await api.post('/d', { n: 1 }).json()).body, '{"n":1}', 'body');
    await api.close();
  },
  'HTTP/1.1 over TLS': async () => {
    const api = createClient({ origin: h2, tls: { ca }, http2: 'never' });
    same((await api.get('/a').json()).version, '1.1', 'version');
    same((await api.post('/b', 'text').json()).body, 'text', 'body');
    same(api.stats().reuse.fresh, 1, 'fresh connections');
    await api.close();
  },
  'a hundred calls at once': async () => {
    const api = createClient({ origin: h1, pool: { socketsMax: 7 } });
    const paths = Array.from({ length: 100 }, (_, n) => `/${n}`);
    const replies = await Promise.all(paths.map((path) => api.get(path).json()));
    same(
      replies.map(({ path }) => path),
      paths,
      'replies',
    );
    same(api.stats().reuse.fresh, 7, 'fresh connections');
    await api.close();
  },
  'a large reply, read slowly': async () => {
    for (const origin of [h1, h2]) {
      const api = createClient({ origin, tls: { ca } });
      let bytes = 0;
      for await (const part of await api.get('/huge').stream()) {
        if (bytes < 3_000_000) await new Promise((done) => setTimeout(done, 1));
        bytes += part.byteLength;
      }
      same(bytes, 8_000_000, 'length');
      same((await api.get('/after').json()).path, '/after', 'path');
      await api.close();
    }
  },
  'a connection that was closed while idle': async () => {
    const api = createClient({ origin: h1 });
    for (let round = 0; round < 3; round++) same((await api.get('/last').json()).path, '/last', 'path');
    await api.close();
  },
  'a caller that leaves': async () => {
    const api = createClient({ origin: h1 });
    const caller = new AbortController();
    const call = api.get('/slow', { signal: caller.signal }).then(
      () => undefined,
      (error) => error,
    );
    setTimeout(() => caller.abort(), 20);
    same((await call)?.code, 'ABORTED', 'code');
    same((await api.get('/a').json()).path, '/a', 'path');
    await api.close();
  },
  'a peer that is not there': async () => {
    const api = createClient({ origin: 'http://127.0.0.1:1', retry: false });
    const error = await api.get('/').then(
      () => undefined,
      (error) => error,
    );
    same([error?.code, error?.reach], ['CONNECT', 'unsent'], 'error');
    await api.close();
  },
  fetch: async () => {
    const api = createClient({ origin: h1 });
    const response = await api.fetch(`${h1}/f`, { method: 'PUT', body: 'text', headers: { 'x-a': '1' } });
    same([response.status, (await response.json()).body], [200, 'text'], 'response');
    await api.close();
  },
  'fetch, bodies as streams': async () => {
    const api = createClient({ origin: h1 });
    let bytes = 0;
    for await (const part of (await api.fetch(`${h1}/huge`)).body) bytes += part.byteLength;
    same(bytes, 8_000_000, 'length');
    const body = new Blob(['in ', 'parts']).stream();
    const response = await api.fetch(`${h1}/up`, { method: 'POST', body, duplex: 'half' });
    same((await response.json()).body, 'in parts', 'body');
    await api.close();
  },
  'agents for the client of node:http and node:https': async () => {
    for (const [module, origin, secure] of [
      [http, h1, false],
      [https, h2, true],
    ]) {
      const api = createClient({ tls: { ca } });
      const { httpAgent, httpsAgent } = keepwarmAgents(api);
      for (const path of ['/a', '/b', '/c']) {
        const { path: asked, body } = await byNode(module, origin + path, secure ? httpsAgent : httpAgent);
        same([asked, body], [path, 'text'], 'reply');
      }
      same(api.stats().reuse.fresh, 1, 'fresh connections');
      await api.close();
    }
  },
  'proxies, and tunnels through them': async () => {
    const api = createClient({ proxy, tls: { ca } });
    for (const origin of [h1, h2]) {
      for (const path of ['/a', '/b']) same((await api.get(origin + path).json()).path, path, 'path');
    }
    same(api.stats().reuse.fresh, 2, 'fresh connections');
    await api.close();
  },
  limits: async () => {
    const api = createClient({ origin: h1, rateLimit: { limit: 2, windowMs: 400 } });
    const begun = performance.now();
    await Promise.all([1, 2, 3].map((n) => api.get(`/${n}`).json()));
    if (performance.now() - begun < 390) throw new Error('the third call did not wait for the window');
    const error = await api.get('/slow', { deadlineMs: 100 }).then(
      () => undefined,
      (error) => error,
    );
    if (!(error instanceof NetError)) throw new Error(`a deadline gave ${error}`);
    same(error.code, 'DEADLINE', 'code');
    await api.close();
  },
  'JSON-RPC': async () => {
    const rpc = createRpc({ adapter: evm, endpoints: [{ url: `${h1}/rpc` }], freshness: false });
    same(await rpc.call('eth_chainId'), '0x1', 'result');
    await rpc.close();
  },
  'gRPC, unary': async () => {
    const client = createGrpcClient({ target: h2, tls: { ca } });
    const echo = rawMethod('/test.Echo/Unary');
    const reply = await client.unary(echo, new TextEncoder().encode('hello'));
    same(new TextDecoder().decode(reply.message ?? reply), 'hello', 'message');
    await client.close();
  },
  'gRPC, streams over a pool': async () => {
    const connectionRate = { limit: 60, windowMs: 60_000, assumed: 'empty' };
    const pool = createGrpcPool({ target: h2, tls: { ca }, connectionRate });
    const { client } = await pool.lease('monitor');
    const words = ['a', 'b', 'c'];
    const said = (async function* () {
      for (const word of words) yield new TextEncoder().encode(word);
    })();
    const heard = [];
    for await (const message of client.bidi(rawMethod('/test.Echo/Bidi'), said)) {
      heard.push(new TextDecoder().decode(message));
    }
    same(heard, words, 'messages');
    await pool.close({ deadlineMs: 0 });
  },
};

let failed = 0;
let under = 'start';
// A runtime whose sockets fail beneath a call would leave it waiting.
process.on('uncaughtException', (error) => {
  console.log(`FAIL ${under}: ${error?.stack ?? error}`);
  process.exit(1);
});
for (const [name, promise] of Object.entries(promises)) {
  under = name;
  try {
    await promise();
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error?.stack ?? error} ${error?.cause ?? ''}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
