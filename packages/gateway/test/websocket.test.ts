/** JSON-RPC by WebSocket through the gateway: calls, subscriptions, and what a caller may not do. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, describe, it } from 'node:test';
import type { RpcUpstream } from '../src/data/rpc-upstream.ts';
import { ANode } from './a-node.ts';
import { ASocket, type Told } from './a-socket.ts';
import { ask, Opened, raw, startGateway, until } from './fixtures.ts';

const head = (number: number, fork = '') => ({
  number: `0x${number.toString(16)}`,
  hash: `0xh${number}${fork}`,
  parentHash: `0xh${number - 1}`,
});

describe('JSON-RPC by WebSocket', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  async function aGateway(more: object = {}, nodes = 1, kind = 'evm') {
    const started = await Promise.all(Array.from({ length: nodes }, () => ANode.start()));
    for (const node of started) opened.add(node);
    const endpoints = started.map(({ url }, i) => ({ url, name: `node-${i}` }));
    const options = { jsonrpc: kind, endpoints, freshness: false, ...more };
    const gateway = opened.add(await startGateway({ chain: options }));
    const upstream = gateway.gateway.upstreams[0] as RpcUpstream;
    const url = `${gateway.url}/chain`;
    return { gateway, nodes: started, node: started[0]!, url, told: () => upstream.callers.stats() };
  }

  it('answers calls with their own ids, batches in their order, and notifications not at all', async () => {
    const { url, node } = await aGateway();
    const wide = '{"jsonrpc":"2.0","id":90071992547409931234,"method":"eth_call","params":[{},"latest"]}';
    const socket = opened.add(await ASocket.open(url));
    assert.deepEqual(await socket.ask('eth_chainId'), { jsonrpc: '2.0', id: 'c1', result: 'eth_chainId' });
    const texts: string[] = [];
    socket.peer.on('message', (data) => texts.push(String(data)));
    socket.peer.send(`[{"jsonrpc":"2.0","id":7,"method":"eth_gasPrice"},{"jsonrpc":"2.0","method":"eth_x"},3,${wide}]`);
    await until(() => texts.length === 1);
    const batch = socket.told[1] as Told[];
    assert.deepEqual([batch[0]!.id, batch[1]!.error!.code, batch[2]!.result], [7, -32600, 'eth_call']);
    assert.match(texts[0]!, /"id":90071992547409931234/);
    socket.peer.send('{');
    await until(() => texts.length === 2);
    assert.equal((socket.told[2] as Told).error!.code, -32700);
    assert.equal(node.posted('eth_x'), 1);
  });

  it('keeps a subscription and its id when its node is lost, with what was missed', async () => {
    const { url, nodes, told, gateway } = await aGateway({}, 2);
    let height = 0;
    const blocks = ({ method, params }: { method: string; params?: readonly unknown[] }): object => {
      if (method === 'eth_getBlockByNumber') {
        const [which] = params as [string];
        return { result: which === 'latest' ? head(height) : head(Number(which)) };
      }
      if (method === 'eth_getBlockByHash') return { result: head(Number((params as string[])[0]!.slice(3))) };
      return { result: method };
    };
    for (const node of nodes) node.answer = blocks;
    const mine = (): void => {
      height++;
      for (const node of nodes) node.tell('eth_subscription', head(height));
    };
    const socket = opened.add(await ASocket.open(url));
    const other = opened.add(await ASocket.open(url));
    const { result: id } = await socket.ask('eth_subscribe', ['newHeads']);
    const { result: otherId } = await other.ask('eth_subscribe', ['newHeads']);
    assert.match(String(id), /^0x[0-9a-f]{32}$/);
    assert.notEqual(id, otherId);
    await until(() => nodes.some(({ subscriptions }) => subscriptions === 1));
    assert.equal(nodes[0]!.subscribes + nodes[1]!.subscribes, 1, 'one upstream for both');
    mine();
    mine();
    await until(() => socket.of(id).length === 2);
    const [sick, well] = nodes[0]!.subscriptions === 1 ? nodes : [nodes[1]!, nodes[0]!];
    await sick!.close();
    for (let i = 0; i < 5; i++) mine();
    await until(() => well!.subscriptions === 1);
    mine();
    for (const [one, own] of [
      [socket, id],
      [other, otherId],
    ] as const) {
      await until(() => one.of(own).length === 8);
      assert.deepEqual(
        one.of(own),
        Array.from({ length: 8 }, (_, i) => head(i + 1)),
      );
      assert.equal(one.closed, undefined);
    }
    assert.equal(told().gaps, 0);
    const stats = await ask(`http://127.0.0.1:${gateway.adminPort}/api/stats`);
    const { upstreams } = JSON.parse(stats.body.toString()) as { upstreams: { websocket: object }[] };
    assert.deepEqual(upstreams[0]!.websocket, told());
    assert.deepEqual((await socket.ask('eth_unsubscribe', [id])).result, true);
    assert.equal((await socket.ask('eth_unsubscribe', [id])).error!.code, -32602);
    other.peer.terminate();
    await until(() => told().subscriptions === 0 && told().open === 1);
    await until(() => well!.subscriptions === 0);
  });

  it('passes on a refusal, and takes no more subscriptions than it may', async () => {
    const { url, node } = await aGateway({ websocket: { subscriptionsMax: 1 } });
    const socket = opened.add(await ASocket.open(url));
    node.refused = { code: -32602, message: 'no "bogus" subscription', data: 'whole' };
    const { error } = await socket.ask('eth_subscribe', ['bogus']);
    assert.deepEqual(error, node.refused);
    node.refused = undefined;
    const mixed = { jsonrpc: '2.0', method: 'eth_subscribe', params: ['logs', {}] };
    socket.peer.send(JSON.stringify([{ ...mixed, id: 1 }, { jsonrpc: '2.0', id: 2, method: 'eth_chainId' }, mixed]));
    await until(() => socket.told.length === 3);
    const second = await socket.ask('eth_subscribe', ['newHeads']);
    assert.equal(second.error!.data!.limit, 'websocket.subscriptionsMax');
  });

  it('tells numbers of Solana to the last digit, under ids that are numbers', async () => {
    const { url, node } = await aGateway({}, 1, 'solana');
    node.idOf = (count) => count + 1_000;
    const socket = opened.add(await ASocket.open(url));
    const { result: id } = await socket.ask('accountSubscribe', ['key']);
    assert.equal(id, 1);
    await until(() => node.subscriptions === 1);
    let text = '';
    socket.peer.on('message', (data) => (text = String(data)));
    const exact = JSON as unknown as { rawJSON(text: string): unknown };
    node.tell('accountNotification', { value: { rentEpoch: exact.rawJSON('18446744073709551615') } });
    await until(() => text !== '');
    assert.match(text, /"method":"accountNotification","params":\{"subscription":1,.*18446744073709551615/);
  });

  it('holds each caller to its limits: methods, rates, batches, messages, calls at once', async () => {
    const more = { methodsDenied: ['debug_*'], requestsMax: 2, requestBodyBytesMax: 500, websocket: { callsMax: 2 } };
    const { url, node, told } = await aGateway({
      ...more,
      callerRate: { limit: 9, windowMs: 60_000 },
      coalesce: false,
    });
    const socket = opened.add(await ASocket.open(url));
    assert.equal((await socket.ask('debug_traceCall')).error!.code, -32601);
    const one = { jsonrpc: '2.0', id: 1, method: 'eth_chainId' };
    socket.peer.send(JSON.stringify([one, one, one]));
    await until(() => socket.told.length === 2);
    assert.match(JSON.stringify(socket.told[1]), /requestsMax/);
    let running = 0;
    let most = 0;
    node.answer = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
      return { result: 1 };
    };
    await Promise.all([0, 1, 2, 3, 4, 5].map((each) => socket.ask('eth_getBalance', [`0x${each}`, 'latest'])));
    assert.equal(most, 2);
    const { error } = await socket.ask('eth_chainId');
    assert.deepEqual([error!.code, error!.data!.limit], [-32005, 'callerRate']);
    socket.peer.send('x'.repeat(501));
    await until(() => socket.closed !== undefined);
    assert.match(socket.closed!, /^1009 .*messageBytesMax 500/);
    await until(() => told().open === 0);
  });

  it('declines what is no WebSocket, pages of other hosts, and more than it holds', async () => {
    const { url, gateway } = await aGateway({ websocket: { callersMax: 1, origins: ['https://app.example.com'] } });
    const asking = 'GET /chain HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n';
    assert.match(
      await raw(gateway.port, `${asking}Upgrade: echo\r\n\r\n`),
      /^HTTP\/1\.1 426 .*sec-websocket-version: 13/is,
    );
    const keyless = await raw(gateway.port, `${asking}Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n`);
    assert.match(keyless, /^HTTP\/1\.1 400 /);
    assert.equal(await ASocket.declined(url, { headers: { origin: 'https://evil.example' } }), 403);
    const allowed = opened.add(await ASocket.open(url, { headers: { origin: 'https://app.example.com' } }));
    assert.equal(await ASocket.declined(url), 503);
    assert.equal((await allowed.ask('eth_chainId')).result, 'eth_chainId');
    const none = await aGateway({ websocket: false });
    assert.equal(await ASocket.declined(none.url), 503);
  });

  it('ends a caller that breaks the protocol, and one that is silent when asked', async () => {
    const { gateway, told } = await aGateway({ websocket: { pingMs: 30 } });
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const asking = `GET /chain HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`;
    const bare = await raw(gateway.port, asking, '\x81\x01x');
    assert.match(bare, /s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n\r\n\x88.\x03\xea.*without a mask/s);
    const silent = connect(gateway.port, '127.0.0.1');
    silent.write(asking);
    silent.resume();
    await once(silent, 'close');
    await until(() => told().open === 0);
  });

  it('takes no caller for gone whose messages it does not read as it has calls enough', async () => {
    const { url, node } = await aGateway({ websocket: { pingMs: 30, callsMax: 1 }, coalesce: false });
    const socket = opened.add(await ASocket.open(url));
    let answer = (): void => {};
    node.answer = () => new Promise((resolve) => (answer = () => resolve({ result: 'late' })));
    const asked = ['0x1', '0x2'].map((each) => socket.ask('eth_getBalance', [each, 'latest']));
    await until(() => node.posted('eth_getBalance') === 1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(socket.closed, undefined);
    answer();
    await until(() => node.posted('eth_getBalance') === 2);
    answer();
    assert.deepEqual(
      (await Promise.all(asked)).map(({ result }) => result),
      ['late', 'late'],
    );
  });

  it('closes one that does not take what is sent, and counts it, while others go on', async () => {
    const { url, node, told } = await aGateway({ websocket: { queueMax: 5 } });
    const slow = opened.add(await ASocket.open(url));
    const quick = opened.add(await ASocket.open(url));
    const ids = await Promise.all([slow, quick].map((each) => each.ask('eth_subscribe', ['newPendingTransactions'])));
    await until(() => node.subscriptions === 1);
    slow.peer.pause();
    let count = 0;
    while (told().slow === 0) {
      for (let i = 0; i < 4; i++) node.tell('eth_subscription', { hash: `0x${count++}`, input: 'x'.repeat(200_000) });
      await until(() => quick.of(ids[1]!.result).length === count);
    }
    assert.deepEqual([told().slow, told().subscriptions], [1, 1]);
    await until(() => told().open === 1);
  });

  it('tells of what is missing as it was told to', async () => {
    for (const [gaps, expected] of [
      ['tell', /keepwarm_gap.*"reason":"lost"/],
      ['close', /^1012 .*\(lost\)/],
    ] as const) {
      const { url, node } = await aGateway({ websocket: { gaps } });
      const socket = opened.add(await ASocket.open(url));
      const { result: id } = await socket.ask('eth_subscribe', ['newPendingTransactions']);
      await until(() => node.subscriptions === 1);
      node.tell('eth_subscription', '0xa');
      await until(() => socket.of(id).length === 1);
      node.cut();
      await until(() => node.subscribes === 2);
      await until(() => socket.closed !== undefined || socket.told.length === 3);
      assert.match(socket.closed ?? JSON.stringify(socket.told[2]), expected);
    }
  });

  it('lets go of callers when it stops: what was asked is answered, then 1012', async () => {
    const { url, node, gateway } = await aGateway();
    const busy = opened.add(await ASocket.open(url));
    const idle = opened.add(await ASocket.open(url));
    await idle.ask('eth_subscribe', ['newHeads']);
    let answer = (): void => {};
    node.answer = () => new Promise((resolve) => (answer = () => resolve({ result: 'late' })));
    const asked = busy.ask('eth_gasPrice');
    await until(() => node.posted('eth_gasPrice') === 1);
    const stopped = gateway.gateway.stop(5_000);
    await until(() => idle.closed !== undefined);
    assert.match(idle.closed!, /^1012 /);
    assert.equal(busy.closed, undefined);
    answer();
    assert.equal((await asked).result, 'late');
    await until(() => busy.closed !== undefined);
    await stopped;
  });
});
