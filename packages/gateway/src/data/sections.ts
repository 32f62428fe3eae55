/**
 * The sections of an upstream: tenants, each an upstream of its own to whoever serves, watches or operates it, so that
 * none of them can use up what another needs. Those that are listed are there from the start; others are made when
 * they are first asked for, and let go when nobody has used them for a while.
 *
 * Invariants:
 *   (1) Beside those that are listed there are as many as found-sections.ts lets come, whatever names requests make up.
 *   (2) Nothing is let go while a request is with it.
 *   (3) A section has its own client: pools, limits, queues, breaker, budget and cache are shared with nobody.
 */

import { isDeepStrictEqual } from 'node:util';
import type { UpstreamConfig } from '../config/config.ts';
import type { SectionsConfig } from '../config/sections.ts';
import type { CallerRequest } from './caller.ts';
import { networkOf } from './caller-key.ts';
import { FoundSections, type Full } from './found-sections.ts';
import { type Problem, refusal } from './problem.ts';
import { sectionNamed } from './section-name.ts';
import { Upstream } from './upstream.ts';

export interface SectionsTold {
  /** There now, those that are listed too. */
  readonly open: number;
  readonly listed: number;
  readonly sectionsMax: number;
  /** Made for a request, and let go, since the start. */
  readonly opened: number;
  readonly letGo: number;
  /** Requests served with others who have no section, and refused, because of the name they had, or had not. */
  readonly common: number;
  readonly refused: number;
}

export interface SectionsParts {
  /** Serves whoever has no section of its own. */
  readonly common: Upstream;
  make(name: string, config: UpstreamConfig, before?: Upstream): Upstream;
  /** Nobody is with it, and nobody will be. */
  letGo(section: Upstream): void;
  readonly now?: () => number;
}

export interface Place {
  readonly upstream: Upstream;
  /** Path and query for it, below its base path. */
  readonly path: string;
}

/** How often it is looked for idle ones, in ms, at most and at least. */
const LOOK_MS_MAX = 60_000;
const LOOK_MS_MIN = 250;

export class Sections {
  readonly config: SectionsConfig;
  readonly #parts: SectionsParts;
  readonly #now: () => number;
  readonly #listed = new Map<string, Upstream>();
  readonly #found: FoundSections;
  readonly #timer: NodeJS.Timeout;
  #closed = false;
  readonly #counts = { opened: 0, letGo: 0, common: 0, refused: 0 };

  /** @param before whose place these take: sections that are served as before go over with their connections */
  constructor(config: SectionsConfig, parts: SectionsParts, before?: Sections) {
    this.config = config;
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
    this.#found = new FoundSections(config, (section) => {
      this.#counts.letGo++;
      parts.letGo(section);
    });
    for (const [name, each] of config.named) {
      const known = before?.of(name);
      const kept = known !== undefined && isDeepStrictEqual(known.config, each);
      this.#listed.set(name, kept ? before!.#give(name)! : parts.make(name, each, known));
    }
    if (before !== undefined) this.#takeOver(before);
    const lookMs = Math.min(Math.max(config.crowdedIdleMs / 4, LOOK_MS_MIN), LOOK_MS_MAX);
    this.#timer = setInterval(() => this.#found.look(this.#now()), lookMs);
    this.#timer.unref();
  }

  /** Those there are now, the listed ones first. */
  get all(): readonly Upstream[] {
    return [...this.#listed.values(), ...this.#found.upstreams];
  }

  /** Those there are as long as the configuration is this one. */
  get listed(): readonly Upstream[] {
    return [...this.#listed.values()];
  }

  of(name: string): Upstream | undefined {
    return this.#listed.get(name) ?? this.#found.of(name);
  }

  /** @param path below the upstream @returns where the request goes, or why nowhere */
  find(request: CallerRequest, path: string): Place | Problem {
    const named = sectionNamed(this.config, request, path);
    if ('status' in named) return this.#refuse(named);
    const { name } = named;
    const { unnamed, unlisted, beyond } = this.config;
    if (name === undefined) {
      return unnamed === 'common' ? this.#common(named.path) : this.#refuse(UNNAMED);
    }
    const listed = this.#listed.get(name);
    if (listed !== undefined) return { upstream: listed, path: named.path };
    if (unlisted === 'refuse') return this.#refuse(UNLISTED);
    if (unlisted === 'common' || this.#closed) return this.#common(named.path);
    const upstream = this.#serve(name, request);
    if (upstream instanceof Upstream) return { upstream, path: named.path };
    return beyond === 'common' ? this.#common(named.path) : this.#refuse(tooMany(upstream));
  }

  stats(): SectionsTold {
    const listed = this.#listed.size;
    return { open: listed + this.#found.size, listed, sectionsMax: this.config.sectionsMax, ...this.#counts };
  }

  /** Nothing is made or let go any more. @returns those that are left. Twice is harmless */
  close(): readonly Upstream[] {
    this.#closed = true;
    clearInterval(this.#timer);
    return this.all;
  }

  #serve(name: string, { socket }: CallerRequest): Upstream | Full {
    const now = this.#now();
    const known = this.#found.use(name, now);
    if (known !== undefined) return known;
    const caller = networkOf(socket.remoteAddress ?? '');
    const full = this.#found.placeFor(caller, now);
    if (full !== undefined) return full;
    const upstream = this.#parts.make(name, this.config.each);
    this.#counts.opened++;
    this.#found.add(name, { upstream, caller, usedAt: now });
    return upstream;
  }

  #takeOver(before: Sections): void {
    Object.assign(this.#counts, before.#counts);
    if (this.config.unlisted !== 'serve') return;
    const now = this.#now();
    // Nobody has come with a name that was listed.
    const unlisted = Array.from(
      before.#listed,
      ([name, upstream]) => [name, { upstream, caller: '', usedAt: now }] as const,
    );
    for (const [name, found] of [...before.#found.entries, ...unlisted]) {
      if (this.#found.size >= this.config.sectionsMax || this.#listed.has(name)) continue;
      if (!isDeepStrictEqual(found.upstream.config, this.config.each)) continue;
      before.#give(name);
      this.#found.add(name, found);
    }
  }

  /** It is another's from now on. */
  #give(name: string): Upstream | undefined {
    const given = this.of(name);
    this.#found.delete(name);
    this.#listed.delete(name);
    return given;
  }

  #common(path: string): Place {
    this.#counts.common++;
    return { upstream: this.#parts.common, path };
  }

  #refuse(problem: Problem): Problem {
    this.#counts.refused++;
    return problem;
  }
}

const UNNAMED = refusal(400, 'REFUSED', 'the request names no section, and only those that do are served', {
  limit: 'sections.unnamed',
});

const UNLISTED = refusal(403, 'REFUSED', 'the section that the request names is not served here', {
  proxyError: 'http_request_denied',
  limit: 'sections.unlisted',
});

function tooMany({ limit, value, afterMs }: Full): Problem {
  const what = limit === 'sectionsMax' ? 'sections are in use already' : 'sections of this caller are in use already';
  const detail = `${value} ${what} (limit sections.${limit})`;
  const more = { proxyError: 'connection_limit_reached', limit: `sections.${limit}`, value };
  return refusal(503, 'SATURATED', detail, { ...more, reach: 'unsent', retryAfterMs: Math.max(afterMs, 0) });
}
