/**
 * Walks over losses and reorders with many topics and subscribers on nodes that give the same ids on every connection:
 * nobody gets what is another's, logs are told once each, and what is missing is told.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { evmSubscriptions } from '../../src/adapters/evm/subscriptions.ts';
import type { Message } from '../../src/core/subscribe.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { type Asked, aStreamPool, brief, type Line, reader, StreamNode } from './a-stream-pool.ts';

interface Log {
  readonly address: string;
  readonly blockHash: string;
  readonly blockNumber: string;
  readonly logIndex: string;
}

const ADDRESSES = ['0xa', '0xb', '0xc'];
const hex = (value: number): string => `0x${value.toString(16)}`;

class World {
  readonly logs: Log[] = [];
  height = 10;
  refusing = false;
  /** So many questions for logs cost the connection yet. */
  cuts = 0;
  /** Answers to `eth_subscribe` come after what has been said meanwhile. */
  slow = false;
  readonly waiting: (() => void)[] = [];
  readonly ids = new Map<Line, Map<string, string>>();
  readonly nodes = ['a', 'b'].map((name) => new StreamNode(name, (line, asked) => this.serve(line, asked)));

  serve(line: Line, { id, method, params }: Asked): void {
    const own = this.ids.get(line) ?? new Map<string, string>();
    this.ids.set(line, own);
    if (method === 'eth_subscribe') {
      const name = hex(own.size);
      own.set(name, (params[1] as { address: string }).address);
      if (this.slow) return void this.waiting.push(() => line.answer(id, name));
      return line.answer(id, name);
    }
    if (method === 'eth_unsubscribe') {
      own.set(String(params[0]), '');
      return line.answer(id, true);
    }
    if (this.refusing) return line.refuse(id, -32_005);
    if (method === 'eth_blockNumber') return line.answer(id, hex(this.height));
    if (this.cuts-- > 0) return line.cut();
    const { address, fromBlock, toBlock } = params[0] as { address: string; fromBlock: string; toBlock: string };
    const within = ({ blockNumber }: Log) =>
      Number(blockNumber) >= Number(fromBlock) && Number(blockNumber) <= Number(toBlock);
    line.answer(
      id,
      this.logs.filter((log) => log.address === address && within(log)),
    );
  }

  /** A block with these logs; those who are connected hear of it. */
  mine(addresses: readonly string[]): void {
    this.height++;
    for (const [i, address] of addresses.entries()) {
      const log = { address, blockHash: `0xh${this.height}`, blockNumber: hex(this.height), logIndex: hex(i) };
      this.logs.push(log);
      for (const [line, own] of this.ids) {
        for (const [id, wanted] of own) if (wanted === address) line.notify('eth_subscription', id, log);
      }
    }
  }

  release(): void {
    for (const answer of this.waiting.splice(0)) answer();
  }
}

type Step =
  | { readonly do: 'mine'; readonly addresses: readonly string[] }
  | { readonly do: 'cut'; readonly node: number }
  | { readonly do: 'join' | 'leave'; readonly topic: number }
  | { readonly do: 'slow' | 'release' | 'refuse' | 'answer' }
  | { readonly do: 'cuts'; readonly cuts: number }
  | { readonly do: 'wait'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('mine' as const), addresses: fc.subarray(ADDRESSES) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('cut' as const), node: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('join' as const, 'leave' as const), topic: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('slow', 'release', 'refuse', 'answer') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cuts' as const), cuts: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 5, 500, 2_000) }) },
);

type Reader = ReturnType<typeof reader> & { readonly topic: number };

function assertWell(world: World, { topic, got }: Reader, since: number, whole: boolean): void {
  const address = ADDRESSES[topic]!;
  const log = got.map(brief).join(' ');
  const told = got.flatMap((message) => (message.kind === 'data' ? [message.value as Log] : []));
  for (const each of told) assert.equal(each.address, address, `another's: ${log}`);
  const ids = told.map(({ blockHash, logIndex }) => `${blockHash} ${logIndex}`);
  assert.equal(new Set(ids).size, ids.length, `told twice: ${log}`);
  const heights = told.map(({ blockNumber }) => Number(blockNumber));
  assert.deepEqual(
    heights,
    heights.toSorted((a, b) => a - b),
    `out of order: ${log}`,
  );
  if (!whole) return;
  for (const { blockHash, blockNumber, logIndex, address: from } of world.logs) {
    const height = Number(blockNumber);
    if (from !== address || height <= since) continue;
    const covers = (message: Message): boolean =>
      message.kind === 'gap' && !message.filled && (message.from ?? -1) <= height && height <= (message.to ?? Infinity);
    assert(ids.includes(`${blockHash} ${logIndex}`) || got.some(covers), `${height} was missed in silence: ${log}`);
  }
}

describe('subscribers to logs of several contracts, over random losses', () => {
  it('get their own, in order, once, and are told what is missing', async () => {
    const walks = fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
      const world = new World();
      const clock = new FakeClock();
      const limits = { topicsPerConnectionMax: 2, answerMs: 1_000, stableMs: 1_000 };
      const pool = aStreamPool(world.nodes, { table: evmSubscriptions, clock, limits, share: { lingerMs: 100 } });
      const join = (topic: number): Reader => ({
        topic,
        ...reader(pool.subscribe('eth_subscribe', ['logs', { address: ADDRESSES[topic] }])),
      });
      const all: Reader[] = ADDRESSES.map((_, topic) => join(topic));
      await clock.run(1);
      const since = world.height;
      const guests: Reader[] = [];
      for (const each of steps) {
        if (each.do === 'mine') world.mine(each.addresses);
        else if (each.do === 'cut') for (const line of [...world.nodes[each.node]!.lines]) line.cut();
        else if (each.do === 'join') guests.push(join(each.topic));
        else if (each.do === 'leave')
          await guests.find(({ topic, state }) => topic === each.topic && !state.ended)?.iterator.return?.();
        else if (each.do === 'wait') await clock.run(each.ms);
        else if (each.do === 'cuts') world.cuts = each.cuts;
        else if (each.do === 'slow') world.slow = true;
        else if (each.do === 'release') world.release();
        else world.refusing = each.do === 'refuse';
        await clock.settle();
      }
      world.slow = false;
      world.refusing = false;
      world.cuts = 0;
      world.release();
      await clock.run(100_000);
      world.mine(ADDRESSES);
      await clock.run(100);
      for (const each of all) assertWell(world, each, since, true);
      for (const each of guests) assertWell(world, each, since, false);
      for (const { got } of all)
        assert.equal(
          got.at(-1)?.kind === 'data' && Number((got.at(-1) as { value: Log }).value.blockNumber),
          world.height,
        );
      pool.close();
      await clock.settle();
      assert.equal(clock.sleeping, 0);
    });
    await fc.assert(walks, { numRuns: 300 });
  });
});
