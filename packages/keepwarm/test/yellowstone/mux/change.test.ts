/** Monitors that change what holds for all their filters: nothing is missing, nothing comes twice. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import type { Monitor } from '../../../src/adapters/yellowstone/mux/monitor.ts';
import { SlotStatus, SubscribeUpdateSchema } from '../../../src/wire/geyser/generated/geyser_pb.js';
import { aBench } from './a-bench.ts';
import { type Asked, requestOf, until } from './subscribers.ts';

/** What a monitor is told: writes of accounts, by their versions, with as many bytes as came of each; and statuses. */
class Told {
  readonly writes: {
    readonly version: number;
    readonly slot: number;
    readonly bytes: number;
    readonly by: string[];
  }[] = [];
  readonly statuses: string[] = [];
  readonly monitor: Monitor;

  constructor(monitor: Monitor, asked: Asked) {
    this.monitor = monitor;
    monitor.attend(() => this.#read());
    this.ask(asked);
  }

  ask(asked: Asked): void {
    this.monitor.write(requestOf(asked));
  }

  get versions(): number[] {
    return this.writes.map(({ version }) => version).toSorted((a, b) => a - b);
  }

  #read(): void {
    for (let next = this.monitor.read(); next !== undefined; next = this.monitor.read()) {
      const { filters, updateOneof } = fromBinary(SubscribeUpdateSchema, Buffer.concat([next.told.head, next.body]));
      if (updateOneof.case === 'account') {
        const { slot, account } = updateOneof.value;
        const { writeVersion, data } = account!;
        this.writes.push({ version: Number(writeVersion), slot: Number(slot), bytes: data.length, by: filters });
      } else if (updateOneof.case === 'slot') {
        this.statuses.push(`${updateOneof.value.slot} ${SlotStatus[updateOneof.value.status]}`);
      }
    }
  }
}

const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const slice = (length: number): Asked => ({
  accounts: { a: {} },
  accountsDataSlice: [{ offset: 0n, length: BigInt(length) }],
});

/** Slots go by, with a breath between them. */
async function pass(geyser: { advance(): void }, slots: number): Promise<void> {
  for (let i = 0; i < slots; i++) {
    geyser.advance();
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}

it('other data slices take hold without a gap, and nothing comes in both forms', async () => {
  const { geyser, mux, settle } = await aBench();
  const told = new Told(mux.monitor(), slice(1));
  await until('it is told', () => {
    geyser.advance();
    return told.writes.length > 0;
  });
  for (const length of [2, 3, 4, 5]) {
    told.ask(slice(length));
    await until(`slices of ${length} come`, () => {
      geyser.advance();
      return told.writes.some(({ bytes }) => bytes === length);
    });
    await pass(geyser, 5);
  }
  await settle();
  const [first] = told.versions;
  const last = Math.max(...told.versions);
  assert.deepEqual(told.versions, upTo(first!, last), 'each once');
  const forms = new Map<number, Set<number>>();
  for (const { slot, bytes } of told.writes) forms.set(slot, (forms.get(slot) ?? new Set()).add(bytes));
  assert.ok(
    [...forms.values()].every((each) => each.size === 1),
    'a slot comes in one form',
  );
  await until('the streams that were left are closed', () => mux.stats().streams.length === 2);
});

it('a higher commitment tells again what was told before it was confirmed, and misses nothing', async () => {
  const { geyser, mux, settle } = await aBench();
  const told = new Told(mux.monitor(), { accounts: { a: {} }, slots: { all: {} } });
  await until('it is told', () => {
    geyser.advance();
    return told.writes.length > 0;
  });
  told.ask({ accounts: { b: {} }, slots: { all: {} }, commitment: 1 });
  await until('confirmed slots come', () => {
    geyser.advance();
    return told.writes.at(-1)!.by[0] === 'b' && told.writes.length > 200;
  });
  await settle();
  const versions = [...new Set(told.versions)];
  assert.deepEqual(versions, upTo(versions[0]!, versions.at(-1)!));
  const [before, after] = [
    told.writes.filter(({ by }) => by[0] === 'a'),
    told.writes.filter(({ by }) => by[0] === 'b'),
  ];
  for (const part of [before, after]) assert.equal(new Set(part.map(({ version }) => version)).size, part.length);
  assert.equal(new Set(told.statuses).size, told.statuses.length, 'each status once');
  await until('the stream that was left is closed', () => mux.stats().streams.length === 2);
});

it('a lower commitment leaves no hole where a server would: each once, whatever it came by', async () => {
  const { geyser, mux, settle } = await aBench();
  const told = new Told(mux.monitor(), { accounts: { a: {} }, commitment: 2 });
  await until('it is told', () => {
    geyser.advance();
    return told.writes.length > 0;
  });
  told.ask({ accounts: { b: {} }, commitment: 0 });
  await until('processed slots come', () => {
    geyser.advance();
    return told.writes.some(({ by }) => by[0] === 'b');
  });
  await pass(geyser, 50);
  await settle();
  assert.deepEqual(told.versions, upTo(told.versions[0]!, told.versions.at(-1)!), 'each once');
  await until('the stream that was left is closed', () => mux.stats().streams.length === 1);
});

it('changes in a row, and losses in the middle of them, leave nothing out', async () => {
  const { geyser, mux, links, settle } = await aBench();
  const told = new Told(mux.monitor(), slice(1));
  await until('it is told', () => {
    geyser.advance();
    return told.writes.length > 0;
  });
  for (let i = 0; i < 24; i++) {
    told.ask(slice(2 + (i % 5)));
    await pass(geyser, i % 4);
    if (i % 5 === 2) links.at(-1)!.lose();
    if (i % 7 === 3) links[0]!.lose();
  }
  told.ask(slice(8));
  await until('the last takes hold', () => {
    geyser.advance();
    return told.writes.some(({ bytes }) => bytes === 8);
  });
  await pass(geyser, 10);
  await settle();
  assert.deepEqual(told.versions, upTo(told.versions[0]!, told.versions.at(-1)!), 'each once');
  await until('the streams that were left are closed', () => mux.stats().streams.length === 2);
});

it('a change that upstream refuses ends its monitor, and nobody else', async () => {
  const { geyser, mux, settle } = await aBench();
  const told = new Told(mux.monitor(), slice(1));
  const other = new Told(mux.monitor(), slice(1));
  await until('both are told', () => {
    geyser.advance();
    return told.writes.length > 0 && other.writes.length > 0;
  });
  told.ask({ accounts: { a: { account: ['no address'] } }, commitment: 1 });
  await until('it is told so', () => {
    geyser.advance();
    return told.monitor.error !== undefined;
  });
  assert.match(String(told.monitor.error), /INVALID_ARGUMENT/);
  await settle();
  assert.deepEqual(other.versions, upTo(other.versions[0]!, other.versions.at(-1)!));
  assert.equal(mux.stats().streams.length, 2);
});
