/**
 * Who gets an update, and by which names: worked out once for each set of filters that match together, and kept until
 * the filters change. In a replay, also whether it is theirs: what came before a want began was never meant for it.
 *
 * Invariants:
 *   (1) A branch gets an update once, however many of its filters match, with its own names and no others.
 *   (2) Whatever came after a branch's first update, in the order of the stream, is its; whatever came before is not.
 */
import type { Buffer } from 'node:buffer';
import type { FilterBook, Want } from './filters.ts';
import { isPerFilter, namesIn, namesPart, type Update } from './update.ts';

/** Whom a stream tells its updates to. */
export interface Branch {
  readonly id: number;
  take(update: Update, told: Told): void;
}

/** What a branch is told with an update: its own names of the filters that matched. */
export interface Told {
  readonly names: readonly string[];
  /** The same as the part of an update that has them. */
  readonly head: Buffer;
}

interface Delivery extends Told {
  readonly branch: Branch;
  readonly wants: readonly Want<Branch>[];
}

export interface Plan {
  /** Whether a filter of the stream's own is among those that matched. */
  readonly own: boolean;
  readonly deliveries: readonly Delivery[];
  /** Whether all wants have had their first update. */
  begun: boolean;
  /** What the filters say that matched, by whatever names. */
  readonly filters: string;
}

/** Sets of filters that are remembered. Combinations of many filters are many: then they are worked out again. */
const PLANS_MAX = 4_096;

export class Routes {
  readonly #book: FilterBook<Branch>;
  readonly #own: Branch;
  #plans = new Map<string, Plan>();

  constructor(book: FilterBook<Branch>, own: Branch) {
    this.#book = book;
    this.#own = own;
  }

  /** The filters have changed. */
  clear(): void {
    this.#plans = new Map();
  }

  /** Who gets it. An update that is one of several is told from the others by what its filter says, from now on. */
  find(update: Update): Plan {
    const plan = this.#planOf(update.route);
    if (isPerFilter(update)) update.key += plan.filters;
    return plan;
  }

  #planOf(route: string): Plan {
    let plan = this.#plans.get(route);
    if (plan === undefined) {
      if (this.#plans.size >= PLANS_MAX) this.clear();
      this.#plans.set(route, (plan = this.#make(route)));
    }
    return plan;
  }

  /** @param epoch which opening of the stream it comes by @param again whether it was told before */
  replay(update: Update, { deliveries }: Plan, epoch: number, again: boolean): void {
    for (const delivery of deliveries) {
      const wants = delivery.wants.filter((want) => isFor(want, update, epoch));
      if (again || wants.length === 0) continue;
      for (const want of wants) begin(want, update);
      delivery.branch.take(update, wants.length === delivery.wants.length ? delivery : told(wants));
    }
  }

  deliver(update: Update, plan: Plan): void {
    const { deliveries } = plan;
    if (update.slot >= 0 && (!plan.begun || update.kind === 'slot')) {
      for (const { wants } of deliveries) for (const want of wants) begin(want, update);
      plan.begun ||= update.kind !== 'slot';
    }
    for (const delivery of deliveries) delivery.branch.take(update, delivery);
  }

  #make(route: string): Plan {
    const byBranch = new Map<Branch, Want<Branch>[]>();
    const names = namesIn(route);
    for (const want of this.#book.wantsOf(names)) {
      const wants = byBranch.get(want.branch);
      if (wants === undefined) byBranch.set(want.branch, [want]);
      else wants.push(want);
    }
    const own = byBranch.delete(this.#own);
    return {
      own,
      deliveries: [...byBranch].map(([branch, wants]) => ({ branch, wants, ...told(wants) })),
      begun: false,
      filters: this.#book.definitionsOf(names),
    };
  }
}

function told(wants: readonly Want<Branch>[]): Told {
  const names = [...new Set(wants.map(({ name }) => name))];
  return { names, head: namesPart(names) };
}

function begin(want: Want<Branch>, { kind, slot, key }: Update): void {
  if (kind === 'slot') {
    if (!want.statuses.has(key)) want.statuses.set(key, slot);
  } else if (want.firstKey === undefined) {
    want.firstSlot = slot;
    want.firstKey = key;
  }
}

/** Servers replay the updates of a slot in the order in which they came. */
function isFor(want: Want<Branch>, { kind, slot, key }: Update, epoch: number): boolean {
  if (slot < 0) return true;
  if (kind === 'slot') return slot >= (want.statuses.get(key) ?? want.sinceSlot);
  if (want.firstKey === undefined) return slot >= want.sinceSlot;
  if (slot === want.firstSlot && key === want.firstKey) want.passed = epoch;
  return slot > want.firstSlot || (slot === want.firstSlot && want.passed === epoch);
}
