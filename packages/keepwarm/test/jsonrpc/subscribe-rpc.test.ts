/** Subscriptions of a pool: calls and streams to the same endpoints, over real sockets. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { describe, it, type TestContext } from 'node:test';
import { type Peer, WebSocketServer } from 'ws';
import { createRpc, createSubscriptions, NetError, type RpcClient, solana } from '../../src/jsonrpc.ts';
import { type KeyPair, makeAuthority, selfSigned } from '../../src/testing/certificates.ts';
import { leavesNothing, until } from '../engine/setup.ts';
import { aProxy } from '../net/a-proxy.ts';
import { aSocksProxy } from '../net/a-socks-proxy.ts';
import { reader } from './a-stream-pool.ts';

leavesNothing();

/** A node that answers calls over HTTP and agrees to subscriptions over WebSocket, on one port. */
async function aNode(t: TestContext, answer: (method: string) => unknown = () => null, tls?: KeyPair) {
  const node = {
    url: '',
    asked: [] as string[],
    subscribed: [] as string[],
    headers: [] as object[],
    paths: [] as string[],
  };
  const peers = new Set<Peer>();
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { id, method } = JSON.parse(text);
    node.asked.push(method);
    response.end(JSON.stringify({ jsonrpc: '2.0', id, result: answer(method) }));
  };
  const server = tls === undefined ? createServer(serve) : createSecureServer(tls, serve);
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    node.headers.push(request.headers);
    node.paths.push(request.url ?? '');
    sockets.handleUpgrade(request, socket, head, (peer) => {
      peers.add(peer);
      peer.on('message', (data) => {
        const { id, method } = JSON.parse(data.toString());
        node.subscribed.push(method);
        peer.send(JSON.stringify({ jsonrpc: '2.0', id, result: method.includes('unsub') ? true : 7 }));
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const peer of peers) peer.terminate();
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  node.url = `http${tls === undefined ? '' : 's'}://127.0.0.1:${address.port}/v1/secret-key?api=secret-key`;
  const notify = (method: string, result: unknown): void => {
    const message = JSON.stringify({ jsonrpc: '2.0', method, params: { subscription: 7, result } });
    for (const peer of peers) peer.send(message);
  };
  const cut = (): void => {
    for (const peer of peers) peer.terminate();
    peers.clear();
  };
  return { node, notify, cut };
}

function aPool(t: TestContext, urls: readonly string[]): RpcClient {
  const endpoints = urls.map((url) => ({ url, headers: { 'x-token': 'secret-token' } }));
  const rpc = createRpc({ adapter: solana, endpoints, freshness: false });
  t.after(() => rpc.close({ deadlineMs: 0 }));
  return rpc;
}

describe('a pool of nodes', () => {
  it('subscribes at the path and with the headers of its endpoints, and shows neither', async (t) => {
    const { node, notify } = await aNode(t);
    const rpc = aPool(t, [node.url]);
    const slots = reader(rpc.subscribe('slotSubscribe'));
    await until(() => node.subscribed.length === 1, 'the subscription');
    notify('slotNotification', { slot: 5, parent: 4, root: 1 });
    await until(() => slots.got.length === 1, 'a slot');
    assert.deepEqual(slots.brief(), ['5']);
    assert.equal((node.headers[0] as Record<string, string>)['x-token'], 'secret-token');
    assert.deepEqual(node.paths, ['/v1/secret-key?api=secret-key']);
    assert.doesNotMatch(JSON.stringify(rpc.subscriptions.stats()), /secret/);
  });

  it('asks itself for what was missed, over HTTP', async (t) => {
    const { node, notify, cut } = await aNode(t, () => ({ context: { slot: 9 }, value: { lamports: 3 } }));
    const rpc = aPool(t, [node.url]);
    const account = reader(rpc.subscribe('accountSubscribe', ['key', { encoding: 'base64' }]));
    await until(() => node.subscribed.length === 1, 'the subscription');
    notify('accountNotification', { context: { slot: 5 }, value: { lamports: 1 } });
    await until(() => account.got.length === 1, 'a change');
    cut();
    await until(() => account.got.length === 3, 'what it is by now');
    assert.deepEqual(account.brief(), ['5', 'gap 5-9 lost', '9+']);
    assert.deepEqual(node.asked, ['getAccountInfo']);
  });

  for (const secure of [false, true]) {
    it(`goes through a proxy with its calls and its ${secure ? 'wss' : 'ws'}: streams alike`, async (t) => {
      const tls = secure ? selfSigned({ names: ['node.test'] }) : undefined;
      const { node, notify } = await aNode(t, () => 5, tls);
      const proxy = await aProxy(t);
      const socks = await aSocksProxy(t);
      for (const way of [proxy.url, `socks5://127.0.0.1:${socks.port}`]) {
        const rpc = createRpc({
          adapter: solana,
          endpoints: [{ url: node.url.replace('127.0.0.1', 'node.test') }],
          proxy: way,
          ...(tls && { tls: { ca: tls.cert } }),
        });
        t.after(() => rpc.close({ deadlineMs: 0 }));
        assert.equal(await rpc.call('getSlot'), 5);
        const subscribed = node.subscribed.length + 1;
        const slots = reader(rpc.subscribe('slotSubscribe'));
        await until(() => node.subscribed.length === subscribed, 'the subscription');
        for (let slot = 5; slot < 1_005; slot++) notify('slotNotification', { slot, parent: slot - 1, root: 1 });
        await until(() => slots.got.length === 1_000, 'all slots');
        await rpc.close({ deadlineMs: 0 });
      }
      assert.equal(proxy.requests.length, 2, 'one way for calls, one for streams');
      assert.equal(socks.requests.length, 2);
    });
  }

  it('shows another identity once that is reloaded, to calls and to streams', async (t) => {
    const clients = makeAuthority('of clients');
    const server = selfSigned();
    const tls = { ...server, ca: clients.cert, requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' };
    const { node } = await aNode(t, () => 5, tls);
    const rpc = createRpc({
      adapter: solana,
      endpoints: [{ url: node.url }],
      breaker: false,
      tls: { ca: server.cert, ...makeAuthority('of strangers').issue() },
    });
    t.after(() => rpc.close({ deadlineMs: 0 }));
    await assert.rejects(rpc.call('getSlot', [], { deadlineMs: 500 }));
    reader(rpc.subscribe('slotSubscribe'));
    rpc.reloadTls(clients.issue());
    assert.equal(await rpc.call('getSlot'), 5);
    await until(() => node.subscribed.length === 1, 'the subscription');
  });

  it('ends its subscriptions when it is closed, and makes no more', async (t) => {
    const { node } = await aNode(t);
    const rpc = aPool(t, [node.url]);
    const slots = reader(rpc.subscribe('slotSubscribe'));
    await until(() => node.subscribed.length === 1, 'the subscription');
    await rpc.close({ deadlineMs: 0 });
    await slots.done;
    assert.equal((slots.state.error as NetError).code, 'CLOSED');
    const late = reader(rpc.subscribe('slotSubscribe'));
    await late.done;
    assert.equal((late.state.error as NetError).code, 'CLOSED');
  });
});

describe('an address', () => {
  for (const scheme of ['ws', 'http']) {
    it(`may begin with ${scheme}:, and one for subscriptions goes before the other`, async (t) => {
      const { node } = await aNode(t);
      const wsUrl = node.url.replace('http', scheme);
      await using subscriptions = createSubscriptions({
        adapter: solana,
        endpoints: [{ url: 'http://[::1]:1', wsUrl }],
      });
      reader(subscriptions.subscribe('slotSubscribe'));
      await until(() => node.subscribed.length === 1, 'the subscription');
    });
  }

  for (const scheme of ['wss', 'https']) {
    it(`may begin with ${scheme}:, and TLS is verified`, async (t) => {
      const tls = selfSigned();
      const { node } = await aNode(t, undefined, tls);
      const url = node.url.replace('https', scheme);
      const lost: NetError[] = [];
      await using strict = createSubscriptions({
        adapter: solana,
        endpoints: [{ url }],
        observer: { socketOpenFailed: ({ error }) => lost.push(error) },
      });
      const refused = reader(strict.subscribe('slotSubscribe'));
      await refused.done;
      assert.equal((refused.state.error as NetError).code, 'TLS');
      assert(lost.length > 0);
      await using trusting = createSubscriptions({ adapter: solana, endpoints: [{ url }], tls: { ca: tls.cert } });
      reader(trusting.subscribe('slotSubscribe'));
      await until(() => node.subscribed.length === 1, 'the subscription');
    });
  }
});

describe('what cannot be subscribed to is refused by name', () => {
  const ok = { adapter: solana, endpoints: [{ url: 'wss://node.example.com' }] };
  const cases: Record<string, [options: unknown, message: RegExp]> = {
    'no endpoint': [{ ...ok, endpoints: [] }, /endpoints/],
    'a URL that is none, which is not shown': [
      { ...ok, endpoints: [{ url: 'not a secret-key' }] },
      /^(?!.*secret).*endpoints\[0\]/,
    ],
    'another scheme': [{ ...ok, endpoints: [{ url: 'ftp://node.example.com' }] }, /"ftp:".*allowed/],
    'credentials in a URL': [
      { ...ok, endpoints: [{ url: 'wss://me:secret@node.example.com' }] },
      /^(?!.*secret).*credentials/,
    ],
    'two of one name': [
      {
        ...ok,
        endpoints: [
          { url: 'ws://a', name: 'a' },
          { url: 'ws://b', name: 'a' },
        ],
      },
      /called "a"/,
    ],
    'a header of the handshake': [
      { ...ok, endpoints: [{ url: 'ws://a', headers: { 'Sec-WebSocket-Key': 'x' } }] },
      /Sec-WebSocket-Key/,
    ],
    'a limit that does not exist': [{ ...ok, limits: { idleMax: 5 } }, /limits.idleMax/],
    'no number': [{ ...ok, share: { queueMax: 0 } }, /share.queueMax is 0; allowed: a whole number from 1/],
    'no choice': [{ ...ok, share: { overflow: 'wait' } }, /"wait"; allowed: "drop", "fail"/],
    'an adapter without subscriptions': [{ ...ok, adapter: { name: 'x' } }, /adapter/],
  };
  for (const [what, [options, message]] of Object.entries(cases)) {
    it(what, () => {
      const make = (): unknown => createSubscriptions(options as typeof ok);
      assert.throws(
        make,
        (error) => error instanceof NetError && error.code === 'INVALID' && message.test(error.message),
      );
    });
  }

  it('a method that subscribes to nothing, and parameters that are none', () => {
    using subscriptions = createSubscriptions(ok);
    assert.throws(() => subscriptions.subscribe('getSlot'), { code: 'INVALID', message: /"getSlot"/ });
    assert.throws(() => subscriptions.subscribe('slotSubscribe', 7), { code: 'INVALID', message: /params/ });
  });
});
