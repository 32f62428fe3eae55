/**
 * What is told of orders while connections are lost, lists come late and messages wait: each order goes through its
 * states in their order, its last one is told, and a final one is never taken back.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { asItStands } from '../../src/adapters/exchange/feed.ts';
import { onward, type Standing } from '../../src/adapters/exchange/onward.ts';
import { paradexPlace, paradexStanding } from '../../src/adapters/paradex/streams.ts';
import { vestPlace, vestStanding } from '../../src/adapters/vest/streams.ts';
import type { Found, Place } from '../../src/core/continuity.ts';
import { NetError } from '../../src/core/error.ts';
import { Mailbox } from '../../src/core/mailbox.ts';
import type { Message, Stream } from '../../src/core/subscribe.ts';
import { resume } from '../../src/policies/resume.ts';
import { FakeClock } from '../../src/testing/index.ts';

interface Exchange {
  /** The states of an order, one after the other; the last is final. */
  readonly states: readonly Readonly<Record<string, unknown>>[];
  readonly told: (id: string, state: Readonly<Record<string, unknown>>) => unknown;
  readonly place: (value: unknown) => Place | undefined;
  readonly standing: (value: unknown) => Standing | undefined;
}

const EXCHANGES: Readonly<Record<string, Exchange>> = {
  vest: {
    states: [
      { status: 'NEW' },
      { status: 'PARTIALLY_FILLED', lastFilledSize: '0.1' },
      { status: 'PARTIALLY_FILLED', lastFilledSize: '0.2' },
      { status: 'FILLED', lastFilledSize: '0.7' },
    ],
    told: (id, state) => ({ event: 'ORDER', args: { id, ...state } }),
    place: vestPlace,
    standing: vestStanding,
  },
  paradex: {
    states: [
      { status: 'NEW', remaining_size: '5', seq_no: 1 },
      { status: 'OPEN', remaining_size: '5', seq_no: 2 },
      { status: 'OPEN', remaining_size: '5', price: '7', seq_no: 3 }, // modified
      { status: 'OPEN', remaining_size: '2', price: '7', seq_no: 4 },
      { status: 'CLOSED', remaining_size: '2', price: '7', seq_no: 5 },
    ],
    told: (id, state) => ({ id, ...state }),
    place: paradexPlace,
    standing: paradexStanding,
  },
};

const ORDERS = 3;
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('change' as const), order: fc.nat({ max: ORDERS - 1 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('arrive' as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('lose' as const) }) },
  // Of the moment it was asked for, or of the moment it is answered.
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('list' as const), early: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const) }) },
);

class World {
  readonly exchange: Exchange;
  /** How far each order is; -1 where it is not there. */
  readonly at: number[] = new Array(ORDERS).fill(-1);
  readonly seen: Message[] = [];
  #mailbox: Mailbox | undefined;
  /** Told by the exchange, on its way here. */
  #under: unknown[] = [];
  #lists: { readonly early: readonly unknown[]; readonly answer: PromiseWithResolvers<Found> }[] = [];
  readonly #leaving = new AbortController();

  constructor(exchange: Exchange) {
    this.exchange = exchange;
    const resumed = resume({
      open: (_topic, _resumed, signal) => this.#open(signal),
      continuityOf: () => ({ place: exchange.place, fill: () => this.#list() }),
      clock: new FakeClock(),
      observer: {},
    });
    const topic = { key: 'orders', name: 'orders', method: 'orders', params: undefined };
    const messages = onward((_, value) => exchange.standing(value))(resumed)(topic, this.#leaving.signal);
    void (async () => {
      for await (const message of messages) this.seen.push(message);
    })().catch(() => undefined);
  }

  get lists(): number {
    return this.#lists.length;
  }

  change(order: number): void {
    const at = Math.min(this.at[order]! + 1, this.exchange.states.length - 1);
    if (at === this.at[order]) return;
    this.at[order] = at;
    this.#under.push(this.#told(order));
  }

  arrive(count: number): void {
    for (const value of this.#under.splice(0, count)) {
      this.#mailbox?.push({ kind: 'data', value, height: undefined, filled: false });
    }
  }

  lose(): void {
    this.#under = [];
    this.#mailbox?.end(new NetError('RESET', 'lost', { reach: 'unknown' }));
  }

  answerList(early: boolean): void {
    const list = this.#lists.shift();
    list?.answer.resolve(asItStands(early ? list.early : this.#standing()));
  }

  failList(): void {
    this.#lists.shift()?.answer.reject(new Error('no list'));
  }

  leave(): void {
    this.#leaving.abort();
    this.lose();
  }

  #open(signal: AbortSignal | undefined): Promise<Stream> {
    signal?.throwIfAborted();
    const mailbox = new Mailbox(1_000);
    this.#mailbox = mailbox;
    this.#under = []; // subscribed from now on
    return Promise.resolve({
      endpoint: 'exchange',
      over: false,
      ask: () => Promise.reject(new Error('not asked')),
      leave: () => mailbox.drop(),
      [Symbol.asyncIterator]: () => ({ next: () => mailbox.next() }),
    });
  }

  #list(): Promise<Found> {
    const answer = Promise.withResolvers<Found>();
    this.#lists.push({ early: this.#standing(), answer });
    return answer.promise;
  }

  #standing(): unknown[] {
    return this.at.flatMap((at, order) => (at < 0 ? [] : [this.#told(order)]));
  }

  #told(order: number): unknown {
    return this.exchange.told(`order-${order}`, this.exchange.states[this.at[order]!]!);
  }
}

const settled = async (): Promise<void> => {
  for (let i = 0; i < 3; i++) await turn();
};

function verify({ exchange, seen, at }: World, whole: boolean): void {
  const data = seen.flatMap((message) => (message.kind === 'data' ? [message.value] : []));
  for (const [order, reached] of at.entries()) {
    const told = data.filter((value) => exchange.standing(value)?.thing === `order-${order}`);
    const story = JSON.stringify(told);
    const stages = told.map((value) => exchange.standing(value)!.stage!);
    assert.deepEqual(
      stages,
      stages.toSorted((a, b) => a - b),
      `no state comes back: ${story}`,
    );
    const finals = stages.filter((stage) => stage === Number.POSITIVE_INFINITY);
    assert(finals.length <= 1, `a final state is told once: ${story}`);
    if (!whole || reached < 0) continue;
    const last = exchange.told(`order-${order}`, exchange.states[reached]!);
    const { stage, version } = exchange.standing(last)!;
    // Vest does not count its changes: of two partial fills, nobody can tell which was the later.
    if (stage !== Number.POSITIVE_INFINITY && version === undefined)
      assert(
        told.some((value) => isDeepStrictEqual(value, last)),
        story,
      );
    else assert.deepEqual(told.at(-1), last, `the last state is told last: ${story}`);
  }
}

describe('what is told of orders, whatever is lost and late', { concurrency: true }, () => {
  for (const [name, exchange] of Object.entries(EXCHANGES)) {
    it(`goes on, and comes to its end (${name})`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
          const world = new World(exchange);
          await settled();
          for (const each of steps) {
            if (each.kind === 'change') world.change(each.order);
            else if (each.kind === 'arrive') world.arrive(each.count);
            else if (each.kind === 'lose') world.lose();
            else if (each.kind === 'list') world.answerList(each.early);
            else world.failList();
            await settled();
            verify(world, false);
          }
          // Once more all is lost, and this time a list comes: whatever was missed before is in it.
          world.lose();
          await settled();
          while (world.lists > 0) {
            world.answerList(false);
            await settled();
          }
          world.arrive(1_000);
          await settled();
          verify(world, true);
          world.leave();
          await settled();
        }),
        { numRuns: 150 },
      );
    });
  }
});
