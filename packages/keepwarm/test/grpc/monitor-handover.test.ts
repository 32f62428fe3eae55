/** What happens to a monitor while its next stream is being opened is heard once that is there, silent or not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Handover } from '../../src/clients/grpc/monitor-handover.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { leavesNothing } from '../engine/setup.ts';

leavesNothing();

/** Says what it is given, then nothing until it is ended. */
class Quiet implements AsyncIterator<number> {
  ended = false;
  readonly #messages: number[];
  readonly #end = Promise.withResolvers<IteratorResult<number>>();

  constructor(messages: number[]) {
    this.#messages = messages;
  }

  next(): Promise<IteratorResult<number>> {
    const value = this.#messages.shift();
    return value === undefined ? this.#end.promise : Promise.resolve({ done: false, value });
  }

  async return(): Promise<IteratorResult<number>> {
    this.ended = true;
    this.#end.resolve({ done: true, value: undefined });
    return { done: true, value: undefined };
  }
}

function aReading(keyed = true) {
  const keyOf = keyed ? (each: number): number => each : undefined;
  const handover = new Handover<number>({ overlapMs: 1_000, keysMax: 100, keyOf, clock: new FakeClock(), againMs: 10 });
  const ending = new AbortController();
  const openings: { give: (messages: number[]) => Quiet }[] = [];
  const open = (): Promise<Quiet> => {
    const { promise, resolve } = Promise.withResolvers<Quiet>();
    openings.push({
      give(messages) {
        const stream = new Quiet(messages);
        resolve(stream);
        return stream;
      },
    });
    return promise;
  };
  const got: number[] = [];
  const over = (async () => {
    for await (const each of handover.read(open, ending.signal)) got.push(each);
  })();
  over.catch(() => undefined);
  return { handover, ending, openings, got, over };
}

describe('a monitor whose next stream is being opened', () => {
  it('ends when it is told to, though that stream says nothing and knows of no signal', async () => {
    for (const first of [true, false]) {
      const { handover, ending, openings, over } = aReading();
      await settle();
      if (!first) {
        openings[0]!.give([1]);
        await settle();
        handover.wanted(false);
        await settle();
      }
      ending.abort(new Error('stopped'));
      const stream = openings.at(-1)!.give([]);
      await assert.rejects(over, /stopped/);
      assert(stream.ended);
    }
  });

  it('hands over again when that one is to go as well, before it has said anything', async () => {
    const { handover, ending, openings, got, over } = aReading();
    await settle();
    openings[0]!.give([1]);
    await settle();
    handover.wanted(false);
    await settle();
    handover.wanted(false);
    const second = openings[1]!.give([]);
    await settle();
    assert(second.ended);
    openings[2]!.give([2]);
    await settle();
    assert.deepEqual(got, [1, 2]);
    ending.abort(new Error('stopped'));
    await assert.rejects(over, /stopped/);
  });

  it('hands over again once two were read side by side, if that was wanted meanwhile', async () => {
    const { handover, ending, openings, got, over } = aReading(false);
    await settle();
    const first = openings[0]!.give([1]);
    await settle();
    handover.wanted(true);
    await settle();
    openings[1]!.give([2]);
    handover.wanted(true);
    await settle();
    assert(first.ended);
    assert.equal(openings.length, 3, 'the third is being opened');
    openings[2]!.give([3]);
    await settle();
    assert.deepEqual(got, [1, 2, 3]);
    ending.abort(new Error('stopped'));
    await assert.rejects(over, /stopped/);
  });
});

/** All that can happen without anything from outside has happened. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await turn();
}
