/**
 * Sections that requests have asked for: some places, for whichever names come. Who has used its section longest ago
 * stands first, so that what may go is found without a search, however many names are made up.
 *
 *   (none) ──first request──▶ served ⇄ idle ──for idleMs; for crowdedIdleMs where its place is wanted──▶ let go
 *
 * Invariants:
 *   (1) At most `sectionsMax` are there, and at most `sectionsPerCallerMax` of them for names that one caller came with
 *       first; nobody's section is let go to make room for another's while it is younger than `crowdedIdleMs`.
 *   (2) Nothing is let go while a request is with it, or while a rate limit counts what it did: it would begin anew.
 *   (3) What an asked-for place costs does not grow with how many there are.
 */
import type { SectionsConfig } from '../config/sections.ts';
import type { Upstream } from './upstream.ts';

export interface Found {
  readonly upstream: Upstream;
  /** Who came with its name first. */
  readonly caller: string;
  usedAt: number;
}

/** Why there is no place, and when there may be one, in ms. */
export interface Full {
  readonly limit: 'sectionsMax' | 'sectionsPerCallerMax';
  readonly value: number;
  readonly afterMs: number;
}

type Limits = Pick<SectionsConfig, 'sectionsMax' | 'idleMs' | 'crowdedIdleMs' | 'sectionsPerCallerMax'>;

/** How many are looked at for one to let go: those that follow have been used later still. */
const LOOKS_MAX = 16;
/** After a look in vain the next one is no earlier than this, in ms, unless one is known to become free before. */
const AGAIN_MS = 250;

/** Names in the order of their last use, the one used longest ago first. */
interface Queue {
  readonly names: Set<string>;
  /** It was looked in vain: until then there is none. */
  fullUntil: number;
  /** And from then there may be one. */
  freeAt: number;
}

const aQueue = (): Queue => ({ names: new Set(), fullUntil: 0, freeAt: 0 });

export class FoundSections {
  readonly #limits: Limits;
  readonly #letGo: (upstream: Upstream) => void;
  readonly #found = new Map<string, Found>();
  readonly #all = aQueue();
  /** By the callers who came with a name first. */
  readonly #own = new Map<string, Queue>();

  constructor(limits: Limits, letGo: (upstream: Upstream) => void) {
    this.#limits = limits;
    this.#letGo = letGo;
  }

  get size(): number {
    return this.#found.size;
  }

  get upstreams(): Upstream[] {
    return Array.from(this.#found.values(), ({ upstream }) => upstream);
  }

  /** With their names, the one used longest ago first. */
  get entries(): [string, Found][] {
    return Array.from(this.#all.names, (name) => [name, this.#found.get(name)!]);
  }

  of(name: string): Upstream | undefined {
    return this.#found.get(name)?.upstream;
  }

  /** For a request that is there now. */
  use(name: string, now: number): Upstream | undefined {
    const found = this.#found.get(name);
    if (found !== undefined) this.#used(name, found, now);
    return found?.upstream;
  }

  /** Has a place for one more, and lets one go for it where it must. @returns why there is none */
  placeFor(caller: string, now: number): Full | undefined {
    const { sectionsMax, sectionsPerCallerMax } = this.#limits;
    const own = this.#own.get(caller);
    if (own !== undefined && own.names.size >= sectionsPerCallerMax && !this.#makeRoom(own, now)) {
      return { limit: 'sectionsPerCallerMax', value: sectionsPerCallerMax, afterMs: own.freeAt - now };
    }
    if (this.size < sectionsMax || this.#makeRoom(this.#all, now)) return undefined;
    return { limit: 'sectionsMax', value: sectionsMax, afterMs: this.#all.freeAt - now };
  }

  /** There must be a place for it. */
  add(name: string, found: Found): void {
    let own = this.#own.get(found.caller);
    if (own === undefined) this.#own.set(found.caller, (own = aQueue()));
    this.#found.set(name, found);
    for (const { names } of [this.#all, own]) names.add(name);
  }

  delete(name: string): void {
    const found = this.#found.get(name);
    if (found === undefined) return;
    const own = this.#own.get(found.caller)!;
    this.#found.delete(name);
    for (const { names } of [this.#all, own]) names.delete(name);
    if (own.names.size === 0) this.#own.delete(found.caller);
  }

  /** Lets go of what has been idle for too long; a request that goes on is a use. */
  look(now: number): void {
    for (const [name, found] of this.entries) {
      if (found.upstream.tenure.held > 0) this.#used(name, found, now);
      else if (now - found.usedAt >= this.#limits.idleMs && countsForMs(found) === 0) this.#end(name, found);
    }
  }

  /** @returns whether one was let go; if not, `freeAt` says when one may be */
  #makeRoom(queue: Queue, now: number): boolean {
    if (now < queue.fullUntil) return false;
    const { crowdedIdleMs } = this.#limits;
    let afterMs = crowdedIdleMs;
    let looks = 0;
    for (const name of queue.names) {
      const found = this.#found.get(name)!;
      const idleMs = now - found.usedAt;
      if (idleMs < crowdedIdleMs) {
        afterMs = Math.min(afterMs, crowdedIdleMs - idleMs);
        break;
      }
      if (found.upstream.tenure.held > 0) this.#used(name, found, now);
      else {
        const countsMs = countsForMs(found);
        if (countsMs === 0) {
          this.#end(name, found);
          return true;
        }
        afterMs = looks === 0 ? countsMs : Math.min(afterMs, countsMs);
      }
      if (++looks === LOOKS_MAX) break;
    }
    queue.freeAt = now + afterMs;
    queue.fullUntil = now + Math.min(afterMs, AGAIN_MS);
    return false;
  }

  #used(name: string, found: Found, now: number): void {
    found.usedAt = now;
    for (const { names } of [this.#all, this.#own.get(found.caller)!]) {
      names.delete(name);
      names.add(name);
    }
  }

  #end(name: string, found: Found): void {
    this.delete(name);
    this.#letGo(found.upstream);
  }
}

/**
 * For how long its own rate limits still count what it did, in ms: let go and made anew, it could do it once more.
 * Those of all sections go on counting.
 */
function countsForMs({ upstream }: Found): number {
  return Math.max(
    0,
    ...upstream.rates().map(({ used, resetMs, pausedMs }) => Math.max(used > 0 ? resetMs : 0, pausedMs)),
  );
}
