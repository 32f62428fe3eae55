/** Subscriptions to anvil, a node that is not ours: heads and logs over losses, reorganisations and hangs. */
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { evm } from '../../src/adapters/evm/index.ts';
import { createSubscriptions } from '../../src/clients/jsonrpc/subscribe.ts';
import type { SubscriptionsOptions } from '../../src/clients/jsonrpc/subscribe-options.ts';
import { leavesNothing, until } from '../engine/setup.ts';
import { reader } from '../jsonrpc/a-stream-pool.ts';
import { Anvil } from './an-anvil.ts';

leavesNothing();

async function anAnvil(t: TestContext): Promise<Anvil> {
  const anvil = await Anvil.start();
  t.after(() => anvil.stop());
  return anvil;
}

/** A way to a node that can be cut, and closed for a while. */
async function aWay(t: TestContext, anvil: Anvil) {
  const sockets = new Set<Socket>();
  const way = { url: '', blocked: false, cut: () => sockets.forEach((socket) => void socket.destroy()) };
  const server = createServer((near) => {
    const far = connect(Number(new URL(anvil.url).port), '127.0.0.1');
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}));
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    if (way.blocked) near.destroy();
    else near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    way.cut();
    server.close();
  });
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  way.url = `http://127.0.0.1:${address.port}/?key=secret-key`;
  return way;
}

function subscriptionsTo(t: TestContext, urls: readonly string[], options: Partial<SubscriptionsOptions> = {}) {
  let opened = 0;
  const subscriptions = createSubscriptions({
    adapter: evm,
    endpoints: urls.map((url) => ({ url })),
    limits: { backoffBaseMs: 50, backoffCapMs: 200 },
    ...options,
    observer: { ...options.observer, streamOpened: () => opened++ },
  });
  t.after(() => {
    const { endpoints } = subscriptions.stats();
    assert(!JSON.stringify(endpoints).includes('secret-key'));
    subscriptions.close();
    assert.equal(subscriptions.stats().sockets.live.length, 0);
  });
  /** So many subscriptions were agreed to. */
  const standing = (count: number) => until(() => opened >= count, `${count} subscriptions`);
  return { subscriptions, standing };
}

describe('heads', () => {
  it('come as they are mined; after a loss the missed ones come too, not only with the next', async (t) => {
    const anvil = await anAnvil(t);
    const way = await aWay(t, anvil);
    const { subscriptions, standing } = subscriptionsTo(t, [way.url]);
    const heads = reader(subscriptions.subscribe('eth_subscribe', ['newHeads']));
    await standing(1);
    const mined = async (count: number, upTo: string) => {
      for (let i = 0; i < count; i++) await anvil.mine();
      await until(() => heads.brief().some((each) => each.startsWith(upTo)), `head ${upTo}`);
    };
    await mined(2, '2');
    way.blocked = true;
    way.cut();
    for (let i = 0; i < 40; i++) await anvil.mine();
    way.blocked = false;
    await until(() => heads.brief().includes('42+'), 'the newest');
    await mined(1, '43');
    const filled = Array.from({ length: 40 }, (_, i) => `${i + 3}+`);
    assert.deepEqual(heads.brief(), ['1', '2', 'gap 3-41 lost filled', ...filled, '43']);
    const fields = heads.got.flatMap((head) =>
      head.kind === 'data' ? [new Set(Object.keys(head.value as object))] : [],
    );
    const [told, found] = [fields.at(-1)!, fields.at(-2)!];
    const more = ['size', 'totalDifficulty', 'transactions', 'uncles', 'withdrawals']; // anvil tells the whole block
    assert.deepEqual([...told.difference(found)].sort(), more, 'a head that was asked for has what heads have');
  });

  it('of one number and two hashes are both told; a reorganisation is filled from its fork', async (t) => {
    const anvil = await anAnvil(t);
    const way = await aWay(t, anvil);
    const { subscriptions, standing } = subscriptionsTo(t, [way.url]);
    const heads = reader(subscriptions.subscribe('eth_subscribe', ['newHeads']));
    await standing(1);
    await anvil.mine();
    await until(() => heads.got.length === 1, 'the first');
    const fork = await anvil.rpc<string>('evm_snapshot');
    await anvil.mine();
    await anvil.mine();
    await until(() => heads.got.length === 3, 'the fork that will not be');
    await anvil.rpc('evm_revert', [fork]);
    const again = await anvil.rpc<string>('evm_snapshot');
    await anvil.mine(1_700_100_000);
    await until(() => heads.got.length === 4, 'another second head');
    assert.deepEqual(heads.brief(), ['1', '2', '3', '2']);
    way.blocked = true;
    way.cut();
    await anvil.rpc('evm_revert', [again]);
    for (let i = 0; i < 4; i++) await anvil.mine(1_700_200_000 + i);
    way.blocked = false;
    await until(() => heads.brief().includes('5+'), 'the newest of the fork that is');
    assert.deepEqual(heads.brief().slice(4), ['gap 2-4 lost filled', '2+', '3+', '4+', '5+']);
  });

  it('go on at another node when theirs hangs, and none is told twice', async (t) => {
    const [one, other] = [await anAnvil(t), await anAnvil(t)];
    const lost: string[] = [];
    const { subscriptions, standing } = subscriptionsTo(t, [one.url, other.url], {
      websocket: { pingMs: 50, pongMs: 1_500, closeMs: 50 },
      observer: { streamLost: ({ error }) => lost.push(`${error.code} ${error.limit}`) },
    });
    const heads = reader(subscriptions.subscribe('eth_subscribe', ['newHeads']));
    await standing(1);
    const at = (height: number) => 1_700_000_000 + 10 * height;
    for (let height = 1; height <= 3; height++) {
      await one.mine(at(height));
      await other.mine(at(height));
    }
    await until(() => heads.got.length === 3, 'three heads');
    one.pause();
    await other.mine(at(4));
    await until(() => heads.brief().includes('4+'), 'the head of the other node');
    await other.mine(at(5));
    await until(() => heads.got.length === 5, 'the next');
    one.resume();
    // A machine that is busy with other things loses the first node, or the other, by itself: each head is told once.
    const told = heads.brief().map((each) => each.replace('+', ''));
    assert.deepEqual(told, ['1', '2', '3', '4', '5']);
    assert.deepEqual(new Set(lost), new Set(['TIMEOUT pongMs']));
  });
});

describe('logs', () => {
  it('that came while away are asked for and told once, though the node tells the last of them as well', async (t) => {
    const anvil = await anAnvil(t);
    const way = await aWay(t, anvil);
    const address = '0x00000000000000000000000000000000000000aa';
    await anvil.rpc('anvil_setCode', [address, '0x60006000a000']); // emits one empty log a call
    const [from] = await anvil.rpc<string[]>('eth_accounts');
    const emit = async (): Promise<void> => {
      await anvil.rpc('eth_sendTransaction', [{ from, to: address, gas: '0x186a0' }]);
      await anvil.mine();
    };
    const { subscriptions, standing } = subscriptionsTo(t, [way.url]);
    const logs = reader(subscriptions.subscribe('eth_subscribe', ['logs', { address }]));
    const other = reader(subscriptions.subscribe('eth_subscribe', ['newPendingTransactions']));
    await standing(2);
    await emit();
    await until(() => logs.got.length === 1 && other.got.length === 1, 'log and transaction');
    way.blocked = true;
    way.cut();
    for (let i = 0; i < 3; i++) await emit();
    way.blocked = false;
    await until(() => logs.got.length === 5, 'the missed logs');
    await standing(4); // who only hears of what is new must be back as well
    await emit();
    await until(() => logs.got.length === 6 && other.got.length === 3, 'the next');
    assert.deepEqual(logs.brief(), ['1', 'gap 1-4 lost filled', '2+', '3+', '4+', '5']);
    assert.equal(other.brief()[1], 'gap ?-? lost');
  });
});
