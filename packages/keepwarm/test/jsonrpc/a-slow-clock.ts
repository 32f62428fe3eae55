/**
 * Time that passes more slowly than it does: on a machine that is busy, what takes no time in principle may take a
 * second, and a test about what happens within one would fail.
 */
import { type Clock, systemClock } from '../../src/core/clock.ts';

/** @param factor by which everything takes longer */
export function aSlowClock(factor = 10): Clock {
  return {
    ...systemClock,
    now: () => systemClock.now() / factor,
    after: (ms, task) => systemClock.after(ms * factor, task),
  };
}
