/**
 * Endpoints as they are in the wild, on a clock that is moved by hand: how long a call takes there at an instant, and
 * how it ends. An endpoint has so many workers; calls beyond those wait their turn.
 */
import { failure, type Later, later } from 'keepwarm/testing';

export type Random = () => number;

/** Mulberry32, by Tommy Ettinger: every run of a seed is the same run. */
export function dice(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What an endpoint does with a call that arrives at `now`, the `count`-th it gets. */
export interface Doing {
  /** Median of a log-normal service time, in ms. */
  readonly medianMs: number;
  readonly workers: number;
  readonly ends: 'well' | 'broken' | 'refused' | 'lost';
}

export type Behaviour = (now: number, count: number, random: Random) => Doing;

/** A service time of 20 ms, of which one in a hundred takes 80: log-normal with σ = 0.6. */
const SIGMA = 0.6;
export const STEADY: Doing = { medianMs: 20, workers: 50, ends: 'well' };
/** A connection to nowhere is given up after this long. */
const LOST_MS = 1_000;
/** A refusal needs no thought. */
const REFUSED_MS = 1;

export class Server {
  count = 0;
  readonly #behaviour: Behaviour;
  readonly #random: Random;
  /** When each worker is free again. */
  readonly #freeAt: number[] = [];

  constructor(behaviour: Behaviour, random: Random) {
    this.#behaviour = behaviour;
    this.#random = random;
  }

  serve(now: number): Later {
    const doing = this.#behaviour(now, this.count++, this.#random);
    if (doing.ends === 'lost') return later(LOST_MS, failure('CONNECT', 'unsent'));
    if (doing.ends === 'refused') return later(REFUSED_MS, 429);
    if (doing.ends === 'broken') return later(REFUSED_MS, 503);
    return later(this.#queue(now, doing), 200);
  }

  #queue(now: number, { medianMs, workers }: Doing): number {
    while (this.#freeAt.length < workers) this.#freeAt.push(0);
    let first = 0;
    for (let i = 1; i < workers; i++) if (this.#freeAt[i] < this.#freeAt[first]) first = i;
    const endsAt = Math.max(now, this.#freeAt[first]) + medianMs * Math.exp(SIGMA * normal(this.#random));
    this.#freeAt[first] = endsAt;
    return endsAt - now;
  }
}

/** Box and Muller's transform. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
