import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { systemClock, systemRandom } from '../../src/core/clock.ts';

const clockFile = new URL('../../src/core/clock.ts', import.meta.url).href;

describe('the system clock', () => {
  it('never keeps a process alive by a timer', () => {
    const script = `
      const { systemClock } = await import(${JSON.stringify(clockFile)});
      systemClock.after(3_600_000, () => {});
      systemClock.after(Infinity, () => {});
      console.log('done');`;
    const told = execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
    assert.equal(told.toString(), 'done\n');
  });

  it('keeps a process alive while somebody holds it, and no longer', () => {
    const script = `
      const { systemClock } = await import(${JSON.stringify(clockFile)});
      systemClock.hold();
      systemClock.hold();
      systemClock.after(30, () => systemClock.release());
      systemClock.after(60, () => (console.log('still here'), systemClock.release()));
      systemClock.after(3_600_000, () => {});`;
    const told = execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 });
    assert.equal(told.toString(), 'still here\n');
  });

  it('runs a task once, after its time; and not at all when it was cancelled', async () => {
    let cancelled = 0;
    systemClock.after(1, () => cancelled++).cancel();
    const startedAt = systemClock.now();
    const keep = setInterval(() => {}, 1_000);
    await new Promise<void>((resolve) => void systemClock.after(20, resolve));
    clearInterval(keep);
    assert.ok(systemClock.now() - startedAt >= 19, 'a timer may be a fraction of a millisecond early, no more');
    assert.equal(cancelled, 0);
  });

  it('takes any length of time, the past and eternity included', async () => {
    const eternal = systemClock.after(Number.POSITIVE_INFINITY, () => assert.fail('at once instead of never'));
    const long = systemClock.after(2 ** 40, () => assert.fail('a timer overflowed'));
    const keep = setInterval(() => {}, 1_000);
    await new Promise<void>((resolve) => void systemClock.after(-5, resolve));
    clearInterval(keep);
    eternal.cancel();
    long.cancel();
  });

  it('runs the next turn after what is waiting has been read, not within this one', async () => {
    const order: string[] = [];
    const turn = new Promise<void>((resolve) => systemClock.nextTurn(() => resolve(void order.push('turn'))));
    process.nextTick(() => order.push('tick'));
    await Promise.resolve().then(() => order.push('promise'));
    await turn;
    assert.deepEqual(
      order,
      ['tick', 'promise', 'turn'].toSorted((a, b) => order.indexOf(a) - order.indexOf(b)),
    );
    assert.equal(order.at(-1), 'turn');
  });

  it('tells the wall clock in milliseconds since 1970', () => {
    assert.ok(Math.abs(systemClock.wall() - Date.now()) < 60_000);
    const random = systemRandom();
    assert.ok(random >= 0 && random < 1);
  });
});
