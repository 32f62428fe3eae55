/**
 * Choosing one of several that could all serve. Each takes time and chance from outside, and looks at no more than the
 * weight and the load of a candidate. A weight of 3 stands for three machines behind one address.
 */
import type { Random } from '../core/clock.ts';

export interface Candidate {
  /** Its share of the traffic, relative to the others; above 0. */
  weightAt(now: number): number;
  /** How long a call would take there, by what is known, and for one unit of weight. */
  loadAt(now: number): number;
}

/** There is at least one to choose from. */
export type Choose<T> = (from: readonly T[], now: number, random: Random) => T;

/**
 * The less loaded of two different ones, drawn in proportion to weight; the first drawn when they are equal. Of the
 * simple rules it is the one that does not herd: with exactly two draws nobody is everybody's favourite, and the
 * longest queue still grows with log log n only. Source: M. Mitzenmacher, "The Power of Two Choices in Randomized Load
 * Balancing", 1996; Finagle's P2CPick.
 */
export function powerOfTwo<T extends Candidate>(from: readonly T[], now: number, random: Random): T {
  const first = draw(from, now, random, undefined);
  if (from.length === 1) return first;
  const second = draw(from, now, random, first);
  return second.loadAt(now) < first.loadAt(now) ? second : first;
}

/** One drawn in proportion to weight. */
export function atRandom<T extends Candidate>(from: readonly T[], now: number, random: Random): T {
  return draw(from, now, random, undefined);
}

function draw<T extends Candidate>(from: readonly T[], now: number, random: Random, except: T | undefined): T {
  if (from.length === 1) return from[0]!;
  if (from.length === 2 && except !== undefined) return except === from[0] ? from[1]! : from[0]!;
  let total = 0;
  for (const each of from) if (each !== except) total += each.weightAt(now);
  let left = random() * total;
  let last = from[0]!;
  for (const each of from) {
    if (each === except) continue;
    last = each;
    left -= each.weightAt(now);
    if (left < 0) break;
  }
  return last; // also where rounding left a rest of nothing
}

/** For `inTurn`: how far a candidate is ahead of its turn. Its own; starts at 0. */
export interface TakesTurns extends Candidate {
  turn: number;
}

/**
 * Each in its turn, a weight of 3 three times as often, and spread out rather than in a row: a, a, b, a, c and not a,
 * a, a, b, c. Source: nginx's smooth weighted round-robin.
 */
export function inTurn<T extends TakesTurns>(from: readonly T[], now: number): T {
  let total = 0;
  let chosen = from[0]!;
  for (const each of from) {
    const weight = each.weightAt(now);
    each.turn += weight;
    total += weight;
    if (each.turn > chosen.turn) chosen = each;
  }
  chosen.turn -= total;
  return chosen;
}
