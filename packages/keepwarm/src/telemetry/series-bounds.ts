/**
 * How many series one client may make. What traffic names (origins, sections, keys, endpoints, limits) has no end, and
 * every new value is a series Prometheus keeps for hours.
 *
 * Invariants:
 *   (1) Of each set of open labels, at most `seriesMax` combinations are written, and one in which each is `other`.
 *   (2) A combination that was written once under its own name always is, so that no counter changes its series.
 *   (3) A counter of `other` never falls, although those summed in it may be forgotten: while the sum is below what it
 *       was, it stays.
 */
import { OPEN_LABELS } from './catalog.ts';
import type { Labels } from './text.ts';

/** Characters of a label's value; the rest is cut. */
const CHARS_MAX = 200;
export const OTHER = 'other';

export class SeriesBounds {
  readonly #seriesMax: number;
  /** Combinations admitted, by the names of their labels. */
  readonly #admitted = new Map<string, Set<string>>();
  /** What counters of `other` were last; as many as there are metrics and closed labels. */
  readonly #floors = new Map<string, number>();

  constructor(seriesMax: number) {
    this.#seriesMax = seriesMax;
  }

  /** The labels to write. Labels without a value are left out, which is how Prometheus reads them anyway. */
  admit(labels: Labels): { readonly labels: Labels; readonly other: boolean } {
    const given = Object.entries(labels).filter(([, value]) => value !== '');
    const clean = given.map(([name, value]) => [name, cut(value.toWellFormed())] as const);
    const open = clean.filter(([name]) => isOpen(name));
    const other = open.length > 0 && !this.#takes(open);
    const bounded = other ? clean.map(([name, value]) => [name, isOpen(name) ? OTHER : value] as const) : clean;
    return { labels: Object.fromEntries(bounded), other };
  }

  /** @param series what tells it from all others */
  neverFalling(series: string, value: number): number {
    const floor = Math.max(this.#floors.get(series) ?? 0, value);
    this.#floors.set(series, floor);
    return floor;
  }

  #takes(open: readonly (readonly [string, string])[]): boolean {
    const names = open.map(([name]) => name).join(' ');
    const values = JSON.stringify(open.map(([, value]) => value));
    let admitted = this.#admitted.get(names);
    if (admitted === undefined) this.#admitted.set(names, (admitted = new Set()));
    if (admitted.has(values)) return true;
    if (admitted.size >= this.#seriesMax) return false;
    admitted.add(values);
    return true;
  }
}

const isOpen = (name: string): boolean => (OPEN_LABELS as readonly string[]).includes(name);

/** Cutting may split a pair of surrogates, hence again: what is written must be UTF-8. */
function cut(value: string): string {
  return value.length <= CHARS_MAX ? value : `${value.slice(0, CHARS_MAX - 1).toWellFormed()}…`;
}
