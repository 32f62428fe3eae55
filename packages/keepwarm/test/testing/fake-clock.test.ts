import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../../src/testing/fake-clock.ts';

function aLog() {
  const clock = new FakeClock();
  const log: string[] = [];
  const note = (what: string) => () => void log.push(`${what}@${clock.now()}`);
  return { clock, log, note };
}

describe('advance', () => {
  it('runs timers by instant, those of one instant in the order they were set', () => {
    const { clock, log, note } = aLog();
    clock.after(20, note('c'));
    clock.after(10, note('a'));
    clock.after(10, note('b'));
    clock.after(31, note('d'));
    clock.advance(30);
    assert.deepEqual(log, ['a@10', 'b@10', 'c@20']);
    assert.deepEqual([clock.now(), clock.sleeping, clock.nextMs], [30, 1, 1]);
  });

  it('runs what is started on the way if it falls due', () => {
    const { clock, log, note } = aLog();
    clock.after(10, () => {
      clock.after(5, note('inside'));
      clock.after(50, note('beyond'));
    });
    clock.advance(20);
    assert.deepEqual([log, clock.nextMs], [['inside@15'], 40]);
  });

  it('runs turns before time moves on', () => {
    const { clock, log, note } = aLog();
    clock.nextTurn(note('before'));
    clock.after(10, () => clock.nextTurn(note('turn')));
    clock.after(20, note('later'));
    clock.advance(20);
    assert.deepEqual(log, ['before@0', 'turn@10', 'later@20']);
  });

  it('does not run what was cancelled, even by a timer of the same instant', () => {
    const { clock, log, note } = aLog();
    clock.after(10, () => other.cancel());
    const other = clock.after(10, note('other'));
    clock.after(-5, note('at once'));
    clock.advance(0);
    assert.deepEqual(log, ['at once@0'], 'a negative delay is none');
    clock.advance(10);
    other.cancel();
    assert.deepEqual([log, clock.sleeping], [['at once@0'], 0]);
  });

  it('treats an endless delay as the system does, and refuses one that is no number', () => {
    const { clock, log, note } = aLog();
    clock.after(Number.POSITIVE_INFINITY, note('24.8 days'));
    assert.throws(() => clock.after(Number.NaN, note('never')), RangeError);
    assert.throws(() => clock.advance(-1), RangeError);
    clock.advance(2 ** 31 - 1);
    assert.equal(log.length, 1);
  });

  it('ends with an error when timers or turns start each other for ever', () => {
    const { clock } = aLog();
    const again = () => void clock.after(0, again);
    clock.after(5, again);
    assert.throws(() => clock.advance(5), /for ever/);
    const turns = new FakeClock();
    const turn = () => turns.nextTurn(turn);
    turns.nextTurn(turn);
    assert.throws(() => turns.advance(0), /for ever/);
  });
});

it('turn runs only what was waiting', () => {
  const { clock, log, note } = aLog();
  clock.nextTurn(() => clock.nextTurn(note('second')));
  clock.turn();
  assert.deepEqual([log, clock.turning], [[], 1]);
  clock.turn();
  assert.deepEqual(log, ['second@0']);
});

it('run lets promises continue between instants', async () => {
  const { clock, log, note } = aLog();
  const sleep = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const work = async () => {
    for (let n = 1; n <= 3; n++) {
      await sleep(10);
      note(`step ${n}`)();
    }
  };
  const done = work();
  await clock.run(30);
  await done;
  assert.deepEqual([log, clock.now()], [['step 1@10', 'step 2@20', 'step 3@30'], 30]);
});

it('settle runs turns and promises without moving time', async () => {
  const { clock, log, note } = aLog();
  clock.nextTurn(() => void Promise.resolve().then(() => clock.nextTurn(note('deep'))));
  await clock.settle();
  assert.deepEqual(log, ['deep@0']);
});

it('the wall clock moves with time and can be set alone', () => {
  const clock = new FakeClock(5, 1_000);
  clock.advance(10);
  assert.deepEqual([clock.now(), clock.wall()], [15, 1_010]);
  clock.setWall(500);
  clock.advance(1);
  assert.deepEqual([clock.now(), clock.wall()], [16, 501]);
});
