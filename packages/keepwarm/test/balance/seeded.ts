/** Dice that fall the same way every time: a walk that failed can be walked again. */
import type { Random } from '../../src/core/clock.ts';

/** Mulberry32, by Tommy Ettinger: 32 bits of state are enough for any test. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
