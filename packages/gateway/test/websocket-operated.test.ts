/** Callers' subscriptions as an operator sees them, and has them moved. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { UpstreamTold } from '../src/admin/snapshot.ts';
import { ANode } from './a-node.ts';
import { ASocket } from './a-socket.ts';
import { ask, Opened, startGateway, until } from './fixtures.ts';

const TOKEN = 'token-of-a-test-0123456789';

describe('subscriptions under an operator', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  async function aGateway() {
    const nodes = [opened.add(await ANode.start()), opened.add(await ANode.start())] as const;
    const endpoints = nodes.map(({ url }, i) => ({ url, name: `node-${i}` }));
    const chain = { jsonrpc: 'evm', endpoints, freshness: false };
    const { url, adminPort } = opened.add(await startGateway({ chain }, { access: { token: TOKEN } }));
    const admin = `http://127.0.0.1:${adminPort}`;
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` };
    const act = async (action: string, endpoint: string): Promise<void> => {
      const body = JSON.stringify({ endpoint });
      assert.equal((await ask(`${admin}/api/actions/${action}`, { method: 'POST', body, headers })).status, 200);
    };
    const told = async () => {
      const { upstreams } = JSON.parse(String((await ask(`${admin}/api/stats?sockets=0`)).body));
      return (upstreams as UpstreamTold[])[0]!.subscriptions!;
    };
    const metric = async (series: string): Promise<number> => {
      const text = String((await ask(`${admin}/metrics`)).body);
      const line = text.split('\n').find((each) => each.startsWith(`${series} `));
      assert.ok(line !== undefined, `${series} in\n${text}`);
      return Number(line.slice(series.length));
    };
    const socket = opened.add(await ASocket.open(`${url}/chain`));
    return { nodes, act, told, metric, socket };
  }

  it('go to no cordoned node, whether it was cordoned before the first of them or after', async () => {
    const { nodes, act, socket, told } = await aGateway();
    await act('cordon', 'node-0');
    for (const topic of ['newHeads', 'newPendingTransactions']) await socket.ask('eth_subscribe', [topic]);
    assert.deepEqual([nodes[0].subscribes, nodes[1].subscribes], [0, 2]);
    await act('uncordon', 'node-0');
    await act('cordon', 'node-1');
    await socket.ask('eth_subscribe', ['logs', {}]);
    assert.deepEqual([nodes[0].subscribes, nodes[1].subscribes], [1, 2]);
    assert.deepEqual(
      (await told()).endpoints.map(({ name, state, topics }) => [name, state, topics]),
      [
        ['node-0', 'well', 1],
        ['node-1', 'cordoned', 2],
      ],
    );
  });

  it('stay where they are when their node is cordoned, and leave it for good when it is lost', async () => {
    const { nodes, act, socket, told, metric } = await aGateway();
    const { result: id } = await socket.ask('eth_subscribe', ['newPendingTransactions']);
    await until(() => nodes.some(({ subscriptions }) => subscriptions === 1));
    const [mine, other] = nodes[0].subscriptions === 1 ? nodes : [nodes[1], nodes[0]];
    await act('cordon', mine === nodes[0] ? 'node-0' : 'node-1');
    mine.tell('eth_subscription', '0xa');
    await until(() => socket.of(id).length === 1);
    mine.cut();
    await until(() => other.subscriptions === 1);
    other.tell('eth_subscription', '0xb');
    await until(() => socket.of(id).length === 2);
    const { topics, subscribers, opened: begun, resumed, lost, gapsLeft, gapsFilled } = await told();
    assert.deepEqual([topics, subscribers, begun, resumed, lost, gapsLeft, gapsFilled], [1, 1, 1, 1, 1, 1, 0]);
    assert.equal(await metric('keepwarm_gateway_subscriptions_resumed_total{client="chain"}'), 1);
    assert.equal(await metric('keepwarm_gateway_subscription_gaps_total{client="chain",filled="no"}'), 1);
    assert.equal(await metric('keepwarm_gateway_websocket_callers{client="chain"}'), 1);
    assert.equal(await metric('keepwarm_gateway_websocket_notifications_total{client="chain"}'), 2);
    const name = other === nodes[0] ? 'node-0' : 'node-1';
    assert.equal(await metric(`keepwarm_gateway_subscription_connections{client="chain",endpoint="${name}"}`), 1);
  });
});
