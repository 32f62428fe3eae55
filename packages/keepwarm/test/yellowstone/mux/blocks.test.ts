/** Blocks come once for each filter that matches, by names that differ from stream to stream. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { LinkEvents } from '../../../src/adapters/yellowstone/mux/link.ts';
import { Multiplexer } from '../../../src/adapters/yellowstone/mux/multiplexer.ts';
import { readRequest } from '../../../src/adapters/yellowstone/mux/request.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';
import {
  SlotStatus,
  SubscribeRequestSchema,
  type SubscribeUpdate,
  SubscribeUpdateSchema,
} from '../../../src/wire/geyser/generated/geyser_pb.js';
import { type Asked, requestOf } from './subscribers.ts';

/** An upstream in which blocks are made by hand: each stream is told of each, once for each of its filters. */
class Blocks {
  readonly #streams = new Map<LinkEvents, { names: string[]; slots: string[] }>();
  readonly #told: number[] = [];

  readonly open = (first: Uint8Array, events: LinkEvents) => {
    const write = (bytes: Uint8Array): void => {
      const { ping, filters, fromSlot } = readRequest(bytes);
      if (ping !== undefined) {
        const { ping: asked } = fromBinary(SubscribeRequestSchema, bytes);
        this.#say(events, [], { case: 'pong', value: { id: asked!.id } });
        return;
      }
      const named = (kind: string) => filters.filter((each) => each.kind === kind).map(({ name }) => name);
      this.#streams.set(events, { names: named('blocks'), slots: named('slots') });
      if (fromSlot !== undefined) for (const slot of this.#told) if (slot >= fromSlot) this.#tell(events, slot);
    };
    queueMicrotask(() => write(first));
    return {
      write: (bytes: Uint8Array) => queueMicrotask(() => write(bytes)),
      close: () => void this.#streams.delete(events),
    };
  };

  get streams(): number {
    return this.#streams.size;
  }

  block(slot: number): void {
    this.#told.push(slot);
    for (const events of [...this.#streams.keys()]) this.#tell(events, slot);
  }

  lose(): void {
    const lost = [...this.#streams.keys()];
    this.#streams.clear();
    for (const events of lost) events.ended(undefined);
  }

  #tell(events: LinkEvents, slot: number): void {
    const { names, slots } = this.#streams.get(events)!;
    for (const name of names) {
      this.#say(events, [name], { case: 'block', value: { slot: BigInt(slot), blockhash: `hash ${slot}` } });
    }
    const value = { slot: BigInt(slot), parent: BigInt(slot - 1), status: SlotStatus.SLOT_PROCESSED };
    this.#say(events, slots, { case: 'slot', value });
  }

  #say(events: LinkEvents, filters: string[], updateOneof: object): void {
    const update = create(SubscribeUpdateSchema, {
      filters,
      updateOneof: updateOneof as SubscribeUpdate['updateOneof'],
    });
    events.update(Buffer.from(toBinary(SubscribeUpdateSchema, update)));
  }
}

it('a monitor of blocks that asked for the past comes to share with others, each block once, over losses', async () => {
  const clock = new FakeClock();
  const blocks = new Blocks();
  const mux = new Multiplexer({ open: blocks.open, clock, random: () => 0 });
  const told = (asked: Asked): string[] => {
    const got: string[] = [];
    const monitor = mux.monitor();
    monitor.attend(() => {
      for (let next = monitor.read(); next !== undefined; next = monitor.read()) {
        const { updateOneof } = fromBinary(SubscribeUpdateSchema, Buffer.concat([next.told.head, next.body]));
        if (updateOneof.case === 'block') got.push(`${updateOneof.value.slot} by ${next.told.names}`);
      }
    });
    monitor.write(requestOf(asked));
    return got;
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  let slot = 100;
  const pass = async (count: number): Promise<void> => {
    for (const end = slot + count; slot < end; slot++) {
      blocks.block(slot);
      await turn();
    }
  };
  const [one, other] = [{ accountInclude: ['one'] }, { accountInclude: ['other'] }];
  const first = told({ blocks: { mine: one, more: other } });
  await clock.run(10);
  await pass(20);
  const late = told({ blocks: { ours: one, others: other }, fromSlot: 105n });
  await turn();
  await pass(20);
  await clock.run(1_000);
  await pass(20);
  assert.deepEqual([mux.stats().streams.length, blocks.streams], [1, 1], 'they share');
  blocks.lose();
  await clock.run(1_000);
  await pass(20);
  const each = (from: number, names: string[]) =>
    Array.from({ length: slot - from }, (_, i) => names.map((name) => `${from + i} by ${name}`)).flat();
  assert.deepEqual(first, each(100, ['mine', 'more']));
  assert.deepEqual(late.toSorted(), each(105, ['ours', 'others']).toSorted());
  mux.close();
});
