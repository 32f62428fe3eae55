/** Clients people have, unmodified, subscribe through the gateway: viem, ethers and web3.js. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { Connection, type SlotInfo } from '@solana/web3.js';
import { WebSocketProvider } from 'ethers';
import { createPublicClient, webSocket } from 'viem';
import { foundry } from 'viem/chains';
import { ANode } from './a-node.ts';
import { startAnvil } from './an-anvil.ts';
import { Opened, startGateway, until } from './fixtures.ts';

const TEN = Array.from({ length: 10 }, (_, i) => i + 1);

/** A way to a node that can be closed, and everybody on it cut off. */
class Way {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  blocked = false;

  constructor(url: string) {
    this.#server = createServer((near) => {
      const far = connect(Number(new URL(url).port), '127.0.0.1');
      for (const socket of [near, far]) this.#sockets.add(socket.on('error', () => {}));
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
      if (this.blocked) near.destroy();
      else near.pipe(far).pipe(near);
    });
  }

  async start(): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    const address = this.#server.address();
    assert(address !== null && typeof address === 'object');
    return `http://127.0.0.1:${address.port}/`;
  }

  cut(): void {
    this.blocked = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

describe('clients by WebSocket', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('viem and ethers see every head once and in order, though the node’s connections are lost', async () => {
    const anvil = opened.add(await startAnvil());
    const way = opened.add(new Way(anvil.url));
    const endpoints = [{ url: await way.start(), name: 'a' }];
    const gateway = opened.add(await startGateway({ eth: { jsonrpc: 'evm', endpoints, freshness: false } }));
    const url = `ws://127.0.0.1:${gateway.port}/eth`;

    const viem = createPublicClient({ chain: foundry, transport: webSocket(url, { retryCount: 0 }) });
    const heads: number[] = [];
    const failures: unknown[] = [];
    viem.watchBlocks({ onBlock: ({ number }) => heads.push(Number(number)), onError: (error) => failures.push(error) });
    const provider = new WebSocketProvider(url);
    opened.add({ close: async () => void (await provider.destroy()) });
    const raw: number[] = [];
    const told = await provider.send('eth_subscribe', ['newHeads']);
    provider._register(told, { _handleMessage: ({ number }: { number: string }) => raw.push(Number(number)) } as never);
    const blocks: number[] = [];
    await provider.on('block', (number: number) => blocks.push(number));

    assert.equal(await viem.getChainId(), 31_337);
    assert.equal((await provider.getBlock('latest'))!.number, 0);
    const mine = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await anvil.mine();
    };
    await until(() => subscriptions() === 3);
    await mine(3);
    await until(() => heads.length === 3 && raw.length === 3);
    way.cut();
    await mine(4);
    way.blocked = false;
    await until(() => heads.length === 7);
    await mine(3);
    await until(() => heads.length === 10 && raw.length === 10 && blocks.length === 10);
    heads.sort((a, b) => a - b); // viem asks for the whole block at each head, and tells in the order of the answers
    assert.deepEqual([heads, raw, blocks], [TEN, TEN, TEN]);
    assert.deepEqual(failures, []);
    const client = await viem.transport.getRpcClient();
    client.close();
    await provider.destroy();
    await until(() => subscriptions() === 0);

    function subscriptions(): number {
      const [upstream] = gateway.gateway.upstreams;
      return upstream !== undefined && 'rpc' in upstream ? upstream.callers.stats().subscriptions : -1;
    }
  });

  it('web3.js keeps onSlotChange through the loss of a node, and reads on the same URL', async () => {
    const nodes = [opened.add(await ANode.start()), opened.add(await ANode.start())];
    for (const node of nodes) {
      node.idOf = (count) => count + 500;
      node.answer = ({ method }) => ({ result: method === 'getSlot' ? 77 : null });
    }
    const endpoints = nodes.map(({ url }, i) => ({ url, name: `node-${i}` }));
    const gateway = opened.add(await startGateway({ sol: { jsonrpc: 'solana', endpoints, freshness: false } }));
    const connection = new Connection(`${gateway.url}/sol`, { wsEndpoint: `ws://127.0.0.1:${gateway.port}/sol` });
    assert.equal(await connection.getSlot(), 77);
    const slots: number[] = [];
    const listener = connection.onSlotChange(({ slot }: SlotInfo) => slots.push(slot));
    const tell = (slot: number): void => {
      for (const node of nodes) node.tell('slotNotification', { slot, parent: slot - 1, root: slot - 32 });
    };
    const standing = (): number => nodes.reduce((sum, { subscriptions }) => sum + subscriptions, 0);
    await until(() => standing() === 1);
    for (const slot of [1, 2, 3]) tell(slot);
    await until(() => slots.length === 3);
    nodes.find(({ subscriptions }) => subscriptions === 1)!.cut();
    await until(() => standing() === 1 && nodes[0]!.subscribes + nodes[1]!.subscribes === 2);
    for (const slot of [4, 5]) tell(slot);
    await until(() => slots.length === 5);
    assert.deepEqual(slots, [1, 2, 3, 4, 5]);
    await connection.removeSlotChangeListener(listener);
    await until(() => standing() === 0);
    const { _rpcWebSocket: peer } = connection as unknown as { _rpcWebSocket: { close(): void } };
    peer.close();
  });
});
