/** Upstreams that take a subscription and drop it again, on a clock that is moved: how often they are asked. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LinkEvents } from '../../../src/adapters/yellowstone/mux/link.ts';
import { Multiplexer } from '../../../src/adapters/yellowstone/mux/multiplexer.ts';
import { readRequest } from '../../../src/adapters/yellowstone/mux/request.ts';
import { lengthField, varintField } from '../../../src/adapters/yellowstone/mux/wire.ts';
import { GrpcError } from '../../../src/grpc.ts';
import { FakeClock } from '../../../src/testing/fake-clock.ts';

const SLOTS = lengthField(2, lengthField(1, Buffer.from('mine')));
/** By whatever filters were asked for: a slot that is processed. */
const slotUpdate = (request: Uint8Array, slot: number): Buffer =>
  Buffer.concat([
    ...readRequest(request).filters.map(({ name }) => lengthField(1, Buffer.from(name))),
    lengthField(3, varintField(1, slot)),
  ]);

/** What upstream may say on one opening of a stream. */
interface Told {
  slot(slot: number): void;
  drop(): void;
}

/** @param serve what each opening of a stream comes to */
function aMultiplexer(serve: (tell: Told, opening: number, clock: FakeClock) => void) {
  const clock = new FakeClock();
  let openings = 0;
  const open = (request: Uint8Array, events: LinkEvents) => {
    const opening = ++openings;
    let over = false;
    const told: Told = {
      slot: (slot) => over || events.update(slotUpdate(request, slot)),
      drop() {
        if (!over) events.ended(new GrpcError('UNAVAILABLE', 'dropped', { reach: 'answered' }));
        over = true;
      },
    };
    clock.nextTurn(() => over || serve(told, opening, clock));
    return { write: () => undefined, close: () => void (over = true) };
  };
  const mux = new Multiplexer(
    { open, clock, random: () => 0.9 },
    { backoffMs: 100, backoffMsMax: 10_000, downMs: 60_000 },
  );
  const monitor = mux.monitor();
  monitor.write(SLOTS);
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 50) await clock.advance(Math.min(left, 50));
  };
  return { mux, monitor, pass, openings: () => openings };
}

describe('a stream that upstream begins and drops', () => {
  it('again and again, without getting further, is opened ever less often, and given up after downMs', async () => {
    const { mux, monitor, pass, openings } = aMultiplexer((tell) => {
      tell.slot(7);
      tell.drop();
    });
    await pass(5_000);
    assert(openings() >= 3 && openings() <= 10, `${openings()} times within 5 s`);
    await pass(70_000);
    assert(openings() <= 20, `${openings()} times in all`);
    while (monitor.read() !== undefined);
    assert.match(String(monitor.error), /out of reach/);
    mux.close();
  });

  it('but each time further than before, is opened again soon for as long as that goes on', async () => {
    const { mux, monitor, pass, openings } = aMultiplexer((tell, opening) => {
      tell.slot(opening);
      tell.drop();
    });
    await pass(120_000);
    assert(openings() > 600, `${openings()} times`);
    assert.equal(monitor.over, false);
    mux.close();
  });

  it('after it was well for long, and is quiet by nature, is opened again soon', async () => {
    const { mux, monitor, pass, openings } = aMultiplexer((tell, _, clock) => {
      tell.slot(7);
      clock.after(20_000, () => tell.drop());
    });
    await pass(200_000);
    assert(openings() >= 9, `${openings()} times`);
    assert.equal(monitor.over, false);
    mux.close();
  });
});
