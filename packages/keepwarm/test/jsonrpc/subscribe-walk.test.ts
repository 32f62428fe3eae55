/**
 * Walks over losses, silences, skipped and reordered messages, reorganisations and refusals: whatever happens, a
 * subscriber to heads is told none twice, misses none in silence, and ends when it is aborted.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { evmSubscriptions } from '../../src/adapters/evm/subscriptions.ts';
import type { Data, Gap, Message } from '../../src/core/subscribe.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { type Asked, aStreamPool, brief, type Line, reader, StreamNode } from './a-stream-pool.ts';

interface Head {
  readonly number: string;
  readonly hash: string;
  readonly parentHash: string;
}

/** A chain all nodes agree on, and which may change its mind about its last blocks. */
class Chain {
  readonly heads: Head[] = [];
  readonly all = new Map<string, Head>();
  #made = 0;

  constructor() {
    this.mine();
  }

  mine(): Head {
    const parentHash = this.heads.at(-1)?.hash ?? '0xorigin';
    const number = `0x${this.heads.length.toString(16)}`;
    const head = { number, hash: `0xh${++this.#made}`, parentHash };
    this.heads.push(head);
    this.all.set(head.hash, head);
    return head;
  }

  /** The last `depth` blocks never were; others are instead. @returns them */
  reorganise(depth: number): Head[] {
    const gone = Math.min(depth, this.heads.length - 1);
    this.heads.length -= gone;
    return Array.from({ length: gone + 1 }, () => this.mine());
  }
}

interface World {
  readonly chain: Chain;
  readonly nodes: readonly StreamNode[];
  readonly clock: FakeClock;
  /** Subscription ids by line. */
  readonly subscribed: Map<Line, Set<string>>;
  /** Notifications a node has put aside, to send later. */
  readonly held: (() => void)[];
  /** Whether questions are answered by an error, or never; or cost the connection, some of them or all. */
  mood: 'well' | 'refusing' | 'mute' | 'cutting';
  /** So many questions for what was missed cost the connection yet. */
  cuts: number;
}

function serve(world: World, line: Line, { id, method, params }: Asked): void {
  const { chain, subscribed } = world;
  if (method === 'eth_subscribe') {
    if (world.mood === 'mute') return;
    const own = subscribed.get(line) ?? new Set();
    subscribed.set(line, own);
    const name = `0x${own.size}`; // every connection gives the same ids
    own.add(name);
    return line.answer(id, name);
  }
  if (method === 'eth_unsubscribe') {
    subscribed.get(line)?.delete(String(params[0]));
    return line.answer(id, true);
  }
  if (world.mood === 'mute') return;
  if (world.mood === 'refusing') return line.refuse(id, -32_005);
  const missed = method === 'eth_getBlockByHash' || params[0] !== 'latest';
  if (missed && (world.mood === 'cutting' || world.cuts-- > 0)) return line.cut();
  if (method === 'eth_getBlockByHash') return line.answer(id, chain.all.get(String(params[0])) ?? null);
  const head = params[0] === 'latest' ? chain.heads.at(-1) : chain.heads[Number(params[0])];
  line.answer(id, head ?? null);
}

function aWorld(): World {
  const clock = new FakeClock();
  const nodes: StreamNode[] = [];
  const world: World = { chain: new Chain(), nodes, clock, subscribed: new Map(), held: [], mood: 'well', cuts: 0 };
  for (const name of ['a', 'b', 'c']) nodes.push(new StreamNode(name, (line, asked) => serve(world, line, asked)));
  return world;
}

type How = 'told' | 'skipped' | 'held';

function tell(world: World, head: Head, how: How): void {
  for (const [line, ids] of world.subscribed) {
    for (const id of ids) {
      const send = (): void => line.notify('eth_subscription', id, head);
      if (how === 'told') send();
      else if (how === 'held') world.held.push(send);
    }
  }
}

type Step =
  | { readonly do: 'mine'; readonly how: How }
  | { readonly do: 'reorganise'; readonly depth: number; readonly how: How }
  | { readonly do: 'release' | 'cut' }
  | { readonly do: 'down'; readonly node: number; readonly down: boolean }
  | { readonly do: 'mood'; readonly mood: World['mood'] }
  | { readonly do: 'cuts'; readonly cuts: number }
  | { readonly do: 'wait'; readonly ms: number };

const cuts = fc.record({ do: fc.constant('cuts' as const), cuts: fc.integer({ min: 1, max: 2 }) });
const how = fc.constantFrom<How>('told', 'told', 'told', 'skipped', 'held');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('mine' as const), how }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('reorganise' as const), depth: fc.integer({ min: 1, max: 4 }), how }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('release' as const, 'cut' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('down' as const), node: fc.nat(2), down: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('mood' as const),
      mood: fc.constantFrom<World['mood']>('well', 'refusing', 'mute', 'cutting'),
    }),
  },
  { weight: 2, arbitrary: cuts },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 10, 1_000, 15_000, 130_000) }),
  },
);

/** Losses, one more at a question for what was missed, and several messages in one turn. */
const mended: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('mine' as const), how: fc.constantFrom<How>('told', 'skipped') }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cuts' as const), cuts: fc.constant(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 1_000) }) },
);

async function take(world: World, each: Step): Promise<void> {
  switch (each.do) {
    case 'mine':
      return tell(world, world.chain.mine(), each.how);
    case 'reorganise':
      for (const head of world.chain.reorganise(each.depth)) tell(world, head, each.how);
      return;
    case 'release':
      for (const send of world.held.splice(0)) send();
      return;
    case 'cut':
      for (const node of world.nodes) for (const line of [...node.lines]) line.cut();
      return;
    case 'down':
      world.nodes[each.node]!.down = each.down;
      return;
    case 'mood':
      world.mood = each.mood;
      return;
    case 'cuts':
      world.cuts = each.cuts;
      return;
    case 'wait':
      return world.clock.run(each.ms);
  }
}

const headOf = (message: Data): Head => message.value as Head;

/** Every message either follows one that was told, or stands behind a gap that stays one. */
function assertOrder(before: readonly string[], got: readonly Message[], log: string): void {
  const told = new Set(before);
  let since: Gap | undefined;
  for (const message of got) {
    if (message.kind === 'gap') {
      if (!message.filled) since = message;
      continue;
    }
    const { hash, parentHash } = headOf(message);
    assert(!told.has(hash), `${hash} was told twice: ${log}`);
    assert(told.has(parentHash) || since !== undefined, `${hash} follows nothing: ${log}`);
    told.add(hash);
    since = undefined;
  }
}

/**
 * What is on the chain in the end was told, or lies in a gap that was. Where nobody could be asked, a gap may also hide
 * that heads told before it were replaced.
 */
function assertNothingMissed(world: World, first: number, got: readonly Message[], log: string): void {
  const told = new Set(got.flatMap((message) => (message.kind === 'data' ? [headOf(message).hash] : [])));
  for (const { hash, number } of world.chain.heads.slice(first)) {
    const height = Number(number);
    const covered = got.some((message, i) => {
      if (message.kind === 'data' || message.filled) return false;
      const { from = -1, to = Number.POSITIVE_INFINITY } = message;
      return (
        height <= to &&
        (from <= height || got.slice(0, i).some((each) => each.kind === 'data' && each.height === height))
      );
    });
    assert(told.has(hash) || covered, `${hash} at ${height} was missed in silence: ${log}`);
  }
}

describe('a subscriber to heads, over random losses, reorders, reorganisations and refusals', () => {
  it('is told none twice and misses none in silence, and ends when aborted, with nothing left', async () => {
    const walks = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const world = aWorld();
      const { clock, chain } = world;
      const pool = aStreamPool(world.nodes, { table: evmSubscriptions, clock, limits: { stableMs: 5_000 } });
      const caller = new AbortController();
      const { got, state, done } = reader(pool.subscribe('eth_subscribe', ['newHeads'], caller.signal));
      await clock.run(10);
      const first = chain.heads.length;
      const before = chain.heads.map(({ hash }) => hash);
      for (const each of steps) {
        await take(world, each);
        await clock.settle();
        assert.equal(state.ended, false, `it goes on: ${state.error}`);
      }
      // All is well again: given time and a block, everything must come right.
      world.mood = 'well';
      world.cuts = 0;
      for (const node of world.nodes) node.down = false;
      for (const send of world.held.splice(0)) send();
      await clock.run(200_000);
      tell(world, chain.mine(), 'told');
      await clock.run(1_000);
      const log = `${got.map(brief).join(' ')}`;
      assertOrder(before, got, log);
      assertNothingMissed(world, first, got, log);
      assert.equal((got.at(-1) as Data | undefined)?.height, chain.heads.length - 1, `the newest came: ${log}`);
      caller.abort(new Error('enough'));
      await done;
      assert.match(String(state.error), /aborted by its caller/);
      pool.close();
      await clock.settle();
      assert.equal(clock.sleeping, 0, 'no timer is left');
      assert.equal(
        world.nodes.reduce((sum, node) => sum + node.lines.size, 0),
        0,
        'no connection is left',
      );
    });
    await fc.assert(walks, { numRuns: 300 });
  });

  it('is told every head of the chain, in order, where no gap meets more than two more losses', async () => {
    const walks = fc.asyncProperty(fc.array(mended, { maxLength: 30 }), async (steps) => {
      const world = aWorld();
      const { clock, chain } = world;
      const limits = { backoffBaseMs: 10, backoffCapMs: 50 };
      const pool = aStreamPool(world.nodes, { table: evmSubscriptions, clock, limits });
      const { got } = reader(pool.subscribe('eth_subscribe', ['newHeads']));
      await clock.run(10);
      const before = chain.heads.length;
      for (const each of steps) {
        if (each.do === 'cuts') await clock.run(1_000);
        await take(world, each);
        if (each.do === 'cut') await clock.run(1_000);
      }
      await clock.run(1_000);
      tell(world, chain.mine(), 'told');
      await clock.run(1_000);
      const log = got.map(brief).join(' ');
      assert(!got.some((message) => message.kind === 'gap' && !message.filled), `a gap stays one: ${log}`);
      const told = got.flatMap((message) => (message.kind === 'data' ? [headOf(message).hash] : []));
      assert.deepEqual(
        told,
        chain.heads.slice(before).map(({ hash }) => hash),
        log,
      );
      pool.close();
    });
    await fc.assert(walks, { numRuns: 200 });
  });
});
