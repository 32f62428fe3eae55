/**
 * Which filters a shared stream has, and who wants what each of them matches. Filters that say the same are one filter
 * upstream, whoever wants them and by whatever name.
 *
 *   a want:  active ──its branch asks for something else──▶ retiring ──the new request holds upstream──▶ gone
 *              ▲                                               │
 *              └────────── asked for again ────────────────────┘
 *
 * Invariants:
 *   (1) A filter is in the request if and only if one of its wants is active.
 *   (2) A name stands for one filter for as long as updates with it may come: it is not given to another one.
 *   (3) Names are at most NAME_BYTES_MAX long, and begin with the id of the branch that was first to want the filter.
 *   (4) A branch has at most one want of the same own name and filter.
 *   (5) A retiring want routes on: until upstream has changed over, updates come by the old filters only.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { FiltersMax } from './options.ts';
import { FILTER_KINDS, type Filter, type FilterKind, NAME_BYTES_MAX } from './request.ts';

/** One branch's use of one filter. */
export interface Want<B> {
  readonly branch: B;
  /** As the branch calls it. */
  readonly name: string;
  retiring: boolean;
  /** Updates of slots before this one were not for it. */
  sinceSlot: number;
  /** The first update it got, by which a replay of that slot knows what came before. Statuses of slots aside. */
  firstSlot: number;
  firstKey: string | undefined;
  /** The first slot it was told each status of: statuses come long after what happened in their slots. */
  readonly statuses: Map<string, number>;
  /** The opening of the stream in which a replay has come by that update. */
  passed: number;
}

interface Shared<B> extends Filter {
  readonly wants: Set<Want<B>>;
}

/** Hexadecimal digits that stand for the rest of a name that is too long. */
const DIGEST_CHARS = 12;

export class FilterBook<B extends { readonly id: number }> {
  readonly #max: FiltersMax;
  readonly #byDefinition = new Map<string, Shared<B>>();
  readonly #byName = new Map<string, Shared<B>>();
  readonly #branches = new Set<B>();
  readonly #retired = new Set<string>();

  constructor(max: FiltersMax = {}) {
    this.#max = max;
  }

  get branches(): ReadonlySet<B> {
    return this.#branches;
  }

  /** As the request has them. */
  get filters(): Filter[] {
    return [...this.#byDefinition.values()].filter(isActive);
  }

  /** Whether a branch's filters would be within the limits, those it has now aside. */
  fits(branch: B, filters: readonly Filter[]): boolean {
    for (const kind of Object.keys(this.#max) as FilterKind[]) {
      const definitions = new Set<string>();
      for (const [definition, shared] of this.#byDefinition) {
        if (shared.kind === kind && [...shared.wants].some((want) => !want.retiring && want.branch !== branch)) {
          definitions.add(definition);
        }
      }
      for (const filter of filters) if (filter.kind === kind) definitions.add(definitionOf(filter));
      if (definitions.size > (this.#max[kind] ?? Number.POSITIVE_INFINITY)) return false;
    }
    return true;
  }

  /**
   * These are a branch's filters from now on.
   *
   * @param sinceSlot where the stream is now
   * @returns whether the request has changed by it
   */
  put(branch: B, filters: readonly Filter[], sinceSlot: number): boolean {
    const before = this.#requestKey();
    const kept = new Set<Want<B>>();
    this.#branches.add(branch);
    for (const filter of filters) kept.add(this.#want(branch, filter, sinceSlot));
    for (const shared of [...this.#byDefinition.values()]) {
      const wants = [...shared.wants].filter((want) => want.branch === branch);
      // A filter that goes by another name now changes nothing upstream, and need not wait for it.
      const stays = wants.some((want) => kept.has(want));
      for (const want of wants) {
        if (kept.has(want)) continue;
        if (stays) shared.wants.delete(want);
        else want.retiring = true;
      }
    }
    return this.#requestKey() !== before;
  }

  /** A branch has left. @returns whether the request has changed by it */
  remove(branch: B): boolean {
    if (!this.#branches.delete(branch)) return false;
    const before = this.#requestKey();
    for (const shared of [...this.#byDefinition.values()]) {
      for (const want of [...shared.wants]) if (want.branch === branch) shared.wants.delete(want);
      this.#forgetUnwanted(shared);
    }
    return this.#requestKey() !== before;
  }

  /** The request holds upstream as it is: nothing comes by what was asked for before. */
  settle(): void {
    for (const shared of [...this.#byDefinition.values()]) {
      for (const want of [...shared.wants]) if (want.retiring) shared.wants.delete(want);
      this.#forgetUnwanted(shared);
    }
    this.#retired.clear();
  }

  get retiring(): boolean {
    return [...this.#byDefinition.values()].some(({ wants }) => [...wants].some(({ retiring }) => retiring));
  }

  /** Who wants what matched: nobody what is known no more. */
  wantsOf(names: readonly string[]): Want<B>[] {
    return names.flatMap((name) => [...(this.#byName.get(name)?.wants ?? [])]);
  }

  /** What filters say, by their names here: the same for those that say the same in another stream. */
  definitionsOf(names: readonly string[]): string {
    const known = names.map((name) => this.#byName.get(name)).filter((shared) => shared !== undefined);
    return known.map(definitionOf).sort().join('/');
  }

  *wants(branch: B): Generator<Want<B> & { readonly filter: Filter }> {
    for (const shared of this.#byDefinition.values()) {
      for (const want of shared.wants) if (want.branch === branch) yield { ...want, filter: shared };
    }
  }

  #want(branch: B, filter: Filter, sinceSlot: number): Want<B> {
    const definition = definitionOf(filter);
    const shared = this.#byDefinition.get(definition) ?? this.#share(branch, filter, definition);
    for (const want of shared.wants) {
      if (want.branch !== branch || want.name !== filter.name) continue;
      want.retiring = false;
      return want;
    }
    const { name } = filter;
    const began = { branch, name, retiring: false, sinceSlot, firstSlot: -1, firstKey: undefined };
    const want = { ...began, statuses: new Map<string, number>(), passed: -1 };
    shared.wants.add(want);
    return want;
  }

  #share(branch: B, { kind, name, definition }: Filter, key: string): Shared<B> {
    const shared: Shared<B> = { kind, name: this.#nameFor(`m${branch.id}/`, name), definition, wants: new Set() };
    this.#byDefinition.set(key, shared);
    this.#byName.set(shared.name, shared);
    return shared;
  }

  #nameFor(prefix: string, name: string): string {
    for (let copy = 1; ; copy++) {
      const upstream = shortened(prefix + name + (copy === 1 ? '' : `~${copy}`));
      if (!this.#byName.has(upstream) && !this.#retired.has(upstream)) return upstream;
    }
  }

  #forgetUnwanted(shared: Shared<B>): void {
    if (shared.wants.size > 0) return;
    this.#byDefinition.delete(definitionOf(shared));
    this.#byName.delete(shared.name);
    this.#retired.add(shared.name);
  }

  #requestKey(): string {
    return this.filters.map(({ name }) => name).join('\n');
  }
}

const isActive = <B>({ wants }: Shared<B>): boolean => {
  for (const { retiring } of wants) if (!retiring) return true;
  return false;
};

function definitionOf({ kind, definition }: Filter): string {
  return `${FILTER_KINDS[kind]}/${definition.toString('latin1')}`;
}

/** A name that fits; of those that do not, a beginning and a digest of the whole, the same at every start. */
export function shortened(name: string): string {
  if (Buffer.byteLength(name) <= NAME_BYTES_MAX) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_CHARS);
  let beginning = name;
  while (Buffer.byteLength(beginning) > NAME_BYTES_MAX - DIGEST_CHARS - 1)
    beginning = [...beginning].slice(0, -1).join('');
  return `${beginning}~${digest}`;
}
