/**
 * Rendezvous hashing: every key has its own order of preference among all places, so that it stays where it is until
 * its place goes, and moves back when that returns. Nobody else's key moves meanwhile, and there is no ring to keep.
 * Sources: D. Thaler and C. Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996; the logarithm that makes
 * the shares follow the weights is that of J. Resch, "New Hashing Algorithms for Data Storage", 2015.
 */
import type { Candidate } from './p2c.ts';

export interface Place extends Candidate {
  /** The hash of its name. */
  readonly hash: number;
}

/** FNV-1a over UTF-16 units, its bits then mixed: names that differ in one letter are nowhere near each other. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    hash = Math.imul(hash ^ (unit & 0xff), 0x01000193);
    hash = Math.imul(hash ^ (unit >>> 8), 0x01000193);
  }
  return mixed(hash);
}

/** How much a key prefers a place; a place whose weight grows only ever gains keys by it. */
export function preference(place: Place, keyHash: number, now: number): number {
  // In (0, 1): neither end has a logarithm to divide by.
  const even = (mixed(keyHash ^ Math.imul(place.hash, 0x9e3779b1)) + 0.5) / 2 ** 32;
  return place.weightAt(now) / -Math.log(even);
}

/** The place a key prefers. There is at least one. */
export function preferred<T extends Place>(from: readonly T[], keyHash: number, now: number): T {
  let best = from[0]!;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (const place of from) {
    const score = preference(place, keyHash, now);
    if (score <= bestScore) continue;
    best = place;
    bestScore = score;
  }
  return best;
}

/** MurmurHash3's finaliser: every bit of the input turns over about half of those of the result. */
function mixed(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
