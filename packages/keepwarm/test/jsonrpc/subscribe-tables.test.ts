/** What subscriptions mean on Solana and EVM: places, gaps and fillings, in the shapes nodes send. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { evmSubscriptions } from '../../src/adapters/evm/subscriptions.ts';
import { solanaSubscriptions } from '../../src/adapters/solana/subscriptions.ts';
import type { SubscriptionTable } from '../../src/clients/jsonrpc/subscription-traits.ts';
import type { Found, Missing } from '../../src/core/continuity.ts';
import { type Asked, agreeing, aStreamPool, type Line, reader, StreamNode } from './a-stream-pool.ts';

const placeOf = (table: SubscriptionTable, name: string, value: unknown) => table.topics[name]?.place?.(value);

const NOTHING: Missing = {
  ...{ params: [], floor: undefined, from: undefined, to: undefined, next: undefined },
  known: () => false,
};

const filled = (
  table: SubscriptionTable,
  name: string,
  missing: Partial<Missing>,
  answers: Record<string, unknown>,
) => {
  const asked: unknown[] = [];
  const ask = async (method: string, params: unknown): Promise<unknown> => {
    asked.push([method, params]);
    const answer = answers[method];
    return typeof answer === 'function' ? answer(params) : answer;
  };
  const found = table.topics[name]!.fill!({ ...NOTHING, ...missing }, ask);
  return found.then((each: Found) => ({ ...each, asked }));
};

/** A stream over one cut: what is sent before and after it, each on a connection of its own. */
async function overACut(
  table: SubscriptionTable,
  method: string,
  params: unknown,
  before: unknown[],
  after: unknown[],
) {
  const answers = (line: Line, asked: Asked): void => {
    if (asked.method === 'eth_blockNumber') line.answer(asked.id, '0x5');
    else if (asked.method === 'eth_getLogs') line.answer(asked.id, []);
    else agreeing(line, asked);
  };
  const node = new StreamNode('a', answers);
  const pool = aStreamPool([node], { table, random: () => 0 });
  const { brief, got } = reader(pool.subscribe(method, params));
  const { notification } = table.words(method)!;
  await pool.clock.settle();
  for (const [i, values] of [before, after].entries()) {
    for (const value of values) node.line.notify(notification, 1, value);
    await pool.clock.settle();
    if (i === 0) node.line.cut();
    await pool.clock.run(1);
  }
  pool.close();
  return { brief: brief(), got };
}

describe('Solana', () => {
  it('slots follow their parents: a skipped slot is no gap, a missed one is', async () => {
    const of = (slot: number, parent: number) => ({ slot, parent, root: 1 });
    const table = solanaSubscriptions;
    const { brief } = await overACut(table, 'slotSubscribe', [], [of(5, 4), of(8, 5), of(7, 6)], [of(8, 5), of(9, 8)]);
    assert.deepEqual(brief, ['5', '8', '7', '9'], 'a fork and a repeat');
    const lost = await overACut(table, 'slotSubscribe', [], [of(5, 4)], [of(9, 8)]);
    assert.deepEqual(lost.brief, ['5', 'gap 6-8 lost', '9']);
  });

  it('an account that changes twice in a slot is told twice, and what it is already once', async () => {
    const of = (slot: number, lamports: number) => ({ context: { slot }, value: { lamports } });
    const { brief } = await overACut(
      solanaSubscriptions,
      'accountSubscribe',
      ['k'],
      [of(5, 1), of(5, 2)],
      [of(5, 2), of(6, 2)],
    );
    assert.deepEqual(brief, ['5', '5', 'gap 5-? lost', '6']);
  });

  it('logs of one transaction in two slots are two, in one slot one', () => {
    const of = (slot: number) => ({ context: { slot }, value: { signature: 's', err: null, logs: [] } });
    const place = (slot: number) => placeOf(solanaSubscriptions, 'logsSubscribe', of(slot));
    assert.notEqual(place(1)?.id, place(2)?.id);
    assert.deepEqual(place(1), place(1));
  });

  it('roots are filled by the finalized blocks between, up to a bound, and it is said where that begins', async () => {
    const answers = { getSlot: 5_000, getBlocks: ([first, last]: [number, number]) => [first, last] };
    const { asked, ...found } = await filled(solanaSubscriptions, 'rootSubscribe', { from: 10 }, answers);
    assert.deepEqual(found, { values: [4_001, 5_000], from: 4_001, to: 5_000, complete: true, joins: false });
    assert.deepEqual(asked[1], ['getBlocks', [4_001, 5_000, { commitment: 'finalized' }]]);
    const near = await filled(solanaSubscriptions, 'rootSubscribe', { from: 4_999 }, answers);
    assert.deepEqual([near.values, near.joins], [[4_999, 5_000], true]);
    const behind = await filled(solanaSubscriptions, 'rootSubscribe', { from: 6_000 }, answers);
    assert.deepEqual([behind.values, behind.joins], [[], true], 'a node that lags is not believed');
  });

  for (const [commitment, status, told] of [
    ['processed', 'processed', true],
    ['confirmed', 'processed', false],
    [undefined, 'confirmed', false],
    [undefined, 'finalized', true],
  ] as const) {
    it(`a signature wanted ${commitment ?? 'by default'} and found ${status} is ${told ? 'over' : 'not'}`, async () => {
      const value = [{ confirmationStatus: status, err: { InstructionError: [0, 'Custom'] } }];
      const params = ['sig', ...(commitment === undefined ? [] : [{ commitment }])];
      const answers = { getSignatureStatuses: { context: { slot: 3 }, value } };
      const found = await filled(solanaSubscriptions, 'signatureSubscribe', { params }, answers);
      const message = { context: { slot: 3 }, value: { err: value[0]!.err } };
      assert.deepEqual(found.values, told ? [message] : []);
      assert(found.complete && found.joins);
    });
  }

  it('a signature is over with its result, not with the news that it was received', () => {
    const { ends } = solanaSubscriptions.topics['signatureSubscribe']!;
    assert.equal(ends!({ context: { slot: 1 }, value: 'receivedSignature' }), false);
    assert.equal(ends!({ context: { slot: 1 }, value: { err: null } }), true);
  });

  it('methods that are in no table are subscribed to by the words they suggest; others are not', () => {
    const words = { unsubscribe: 'fooBarUnsubscribe', notification: 'fooBarNotification' };
    assert.deepEqual(solanaSubscriptions.words('fooBarSubscribe'), words);
    for (const method of ['getSlot', 'Subscribe', 'slotUnsubscribe', 'eth_subscribe']) {
      assert.equal(solanaSubscriptions.words(method), undefined, method);
    }
  });
});

describe('EVM', () => {
  it('a log that is taken back may come again, on the same connection and after another', async () => {
    const log = { blockHash: '0xb', logIndex: '0x0', blockNumber: '0x5', removed: false };
    const gone = { ...log, removed: true };
    const { brief } = await overACut(
      evmSubscriptions,
      'eth_subscribe',
      ['logs', {}],
      [log, gone, log],
      [log, gone, log],
    );
    assert.deepEqual(brief, ['5', '5', '5', '5', '5'], 'the repeat after the loss alone is dropped');
  });

  it('logs are asked for with the filter of the topic, in a range that providers allow', async () => {
    const params = ['logs', { address: '0xa', topics: [null, '0x1'], fromBlock: '0x0' }];
    const answers = { eth_blockNumber: '0x2710', eth_getLogs: [] };
    const { asked, ...found } = await filled(evmSubscriptions, 'eth_subscribe logs', { params, from: 16 }, answers);
    const filter = { fromBlock: '0x1f41', toBlock: '0x2710', address: '0xa', topics: [null, '0x1'] };
    assert.deepEqual(asked[1], ['eth_getLogs', [filter]]);
    assert.deepEqual(found, { values: [], from: 8_001, to: 10_000, complete: true, joins: false });
  });

  it('heads whose hashes do not belong together are not filled in', async () => {
    const liar = { hash: '0xliar', parentHash: '0x0', number: '0x2' };
    const missing = { from: 2, to: 2, next: { hash: '0x3', parentHash: '0x2', number: '0x3' }, floor: 0 };
    const answers = { eth_getBlockByNumber: liar, eth_getBlockByHash: liar };
    const found = await filled(evmSubscriptions, 'eth_subscribe newHeads', missing, answers);
    assert.deepEqual([found.values, found.complete, found.joins], [[], false, false]);
  });

  it('kinds of topics are named; whatever else stands in their place is not', () => {
    assert.equal(evmSubscriptions.nameOf('eth_subscribe', ['newHeads']), 'eth_subscribe newHeads');
    for (const params of [[], undefined, [{}], ['a secret with spaces']]) {
      assert.equal(evmSubscriptions.nameOf('eth_subscribe', params), 'eth_subscribe');
    }
  });
});

describe('messages that are not what they should be', () => {
  const odd = [
    null,
    7,
    'x',
    [],
    {},
    { slot: -1 },
    { slot: 'x' },
    { context: null },
    { context: { slot: 1.5 } },
    { hash: 5 },
  ];
  for (const [name, table] of Object.entries({ solana: solanaSubscriptions, evm: evmSubscriptions })) {
    it(`have no place on ${name}, and do no harm`, () => {
      for (const traits of Object.values(table.topics)) {
        for (const value of odd) {
          const place = traits.place?.(value);
          assert(place === undefined || typeof place.id === 'string');
          assert.equal(typeof (traits.ends?.(value) ?? false), 'boolean');
        }
      }
    });
  }
});
