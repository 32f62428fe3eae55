/**
 * The block `sections` of an upstream: tenants, each served as by an upstream of its own, with its own connections,
 * limits, breaker, budget and figures. This is how a request says whose it is, how many there may be, and what of
 * theirs differs.
 */

import { type CallRows, parseCallRows } from './call-patterns.ts';
import type { UpstreamConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import { checkRuled } from './header-rules.ts';
import { flag, type Json, milliseconds, object, show, text, whole as wholeNumber } from './values.ts';
import { wholeOf, withWhole } from './whole-limit.ts';

/** Served with all others who have no section of their own, or answered that it is not. */
export type Outcome = 'common' | 'refuse';

export interface SectionsConfig {
  /** Where the name of the section stands: a header, a segment of the path (from 1), or a table of requests. */
  readonly by: { readonly header: string } | { readonly segment: number } | { readonly routes: CallRows<string> };
  /** The upstream does not see the name. */
  readonly strip: boolean;
  /** Sections at once beside those in `named`. */
  readonly sectionsMax: number;
  /** Of them, those that one caller, by its address, came with first. */
  readonly sectionsPerCallerMax: number;
  /** One that is not in `named`, and that nobody has used for so long, is let go, in ms. */
  readonly idleMs: number;
  /** The same where all places are taken and one is wanted, in ms. No more than `idleMs`. */
  readonly crowdedIdleMs: number;
  /** Requests that name none. */
  readonly unnamed: Outcome;
  /** Those that name one which is not in `named`; `serve` gives it a section. */
  readonly unlisted: Outcome | 'serve';
  /** Those for which there is no room. */
  readonly beyond: Outcome;
  /** What a section is served with that is not in `named`. */
  readonly each: UpstreamConfig;
  readonly named: ReadonlyMap<string, UpstreamConfig>;
}

export const SECTIONS_DEFAULTS = {
  sectionsMax: 100, // some 300 KiB each, most of it figures, and 170 series of metrics
  sectionsPerCallerMax: 'unlimited', // callers of many tenants often share an address
  idleMs: 600_000,
  crowdedIdleMs: 60_000,
  unnamed: 'common',
  unlisted: 'serve',
  beyond: 'common',
} as const;

export const SECTIONS_NAMES: readonly string[] = [
  ...['by', 'strip', 'routes', ...Object.keys(SECTIONS_DEFAULTS), 'each', 'named'],
];

export const OUTCOMES: readonly Outcome[] = ['common', 'refuse'];
export const UNLISTED: readonly (Outcome | 'serve')[] = ['serve', ...OUTCOMES];

/** Options of an upstream that a section may have for itself. */
export const SECTION_NAMES: readonly string[] = [
  ...['deadlineMs', 'tls', 'pool', 'limits', 'connect', 'breaker', 'rateLimit', 'budget', 'retry', 'hedge'],
  ...['concurrency', 'coalesce', 'cache', 'compress', 'headers', 'requestBodyBytesMax', 'upgrades'],
];

/** What a section says over what the upstream says: of these groups one by one. */
const GROUPS: readonly string[] = ['tls', 'pool', 'limits', 'connect'];

/** Visible characters that need no encoding in a path or a label. */
const SECTION = /^[A-Za-z0-9][A-Za-z0-9._~@:+-]{0,63}$/;
const SECTION_ALLOWED = 'a letter or digit, then letters, digits and . _ ~ @ : + -, up to 64';
export const isSectionName = (name: string): boolean => SECTION.test(name);

const SECTIONS_MAX = 10_000;
const SEGMENT_MAX = 8;
const BY = /^(?:header:(.+)|path(?::([1-9]))?|(routes))$/;
/** What stands in fields of these names is no name, and would be shown. */
const SECRET = /auth|cookie|token|secret|key|sign|session|password/;

/** An upstream as it serves those without a section, with its sections. @throws ConfigError */
export function withSections(
  { sections: input, ...outer }: Json,
  path: string,
  parse: (given: Json, path: string) => UpstreamConfig,
): UpstreamConfig {
  const where = `${path}.sections`;
  const given = object(input, where, SECTIONS_NAMES);
  const { rateLimit, ...own } = outer;
  const whole = rateLimit === undefined || rateLimit === false ? undefined : wholeOf(parse(outer, path), path);
  const by = byOf(given, where);
  const strip = stripOf(given['strip'], by, `${where}.strip`);
  const served = (options: Json, at: string): UpstreamConfig =>
    withWhole(stripped(parse(options, at), strip ? by : undefined), whole, at);
  const { hosts: _, paths: __, callerRate: ___, healthCheck: ____, ...inner } = own;
  const each = optionsOf(given['each'], `${where}.each`);
  const named = new Map<string, UpstreamConfig>();
  for (const [name, options] of Object.entries(object(given['named'] ?? {}, `${where}.named`))) {
    const at = `${where}.named.${checkedName(name, `${where}.named`)}`;
    named.set(name, served(over(over(inner, each), optionsOf(options, at)), at));
  }
  const common = served(over(own, each), path);
  const config = {
    by,
    strip,
    ...figuresOf(given, where),
    each: served(over(inner, each), `${where}.each`),
  };
  if ('routes' in by) for (const [, name] of by.routes) if (!named.has(name)) named.set(name, config.each);
  return { ...common, sections: { ...config, named } };
}

function figuresOf(given: Json, path: string) {
  const { sectionsMax, sectionsPerCallerMax, crowdedIdleMs, unnamed, unlisted, beyond } = {
    ...SECTIONS_DEFAULTS,
    ...given,
  } as Json;
  const perCaller = sectionsPerCallerMax === 'unlimited' ? SECTIONS_MAX : sectionsPerCallerMax;
  const idleMs = milliseconds(given['idleMs'] ?? SECTIONS_DEFAULTS.idleMs, `${path}.idleMs`, 1_000);
  return {
    sectionsMax: wholeNumber(sectionsMax, `${path}.sectionsMax`, 0, SECTIONS_MAX),
    sectionsPerCallerMax: wholeNumber(perCaller, `${path}.sectionsPerCallerMax`, 1, SECTIONS_MAX),
    idleMs,
    crowdedIdleMs: Math.min(idleMs, milliseconds(crowdedIdleMs, `${path}.crowdedIdleMs`, 1_000)),
    unnamed: oneOf(OUTCOMES, unnamed, `${path}.unnamed`),
    unlisted: oneOf(UNLISTED, unlisted, `${path}.unlisted`),
    beyond: oneOf(OUTCOMES, beyond, `${path}.beyond`),
  };
}

function oneOf<T>(allowed: readonly T[], value: unknown, path: string): T {
  const found = allowed.find((each) => each === value);
  if (found !== undefined) return found;
  throw new ConfigError(path, `is ${show(value)}; allowed: ${allowed.join(', ')}`);
}

function byOf({ by, routes }: Json, path: string): SectionsConfig['by'] {
  const [whole, header, segment, table] = BY.exec(text(by, `${path}.by`)) ?? [];
  if (whole === undefined || Number(segment ?? 1) > SEGMENT_MAX) {
    throw new ConfigError(
      `${path}.by`,
      `is ${show(by)}; allowed: header:NAME, path, path:2 to path:${SEGMENT_MAX}, routes`,
    );
  }
  if (table !== undefined) {
    return { routes: parseCallRows(routes, `${path}.routes`, (name, at) => checkedName(text(name, at), at)) };
  }
  if (routes !== undefined) throw new ConfigError(`${path}.routes`, `is for by: routes, and by is ${show(by)}`);
  if (header === undefined) return { segment: Number(segment ?? 1) };
  checkRuled(header, `${path}.by`);
  if (SECRET.test(header.toLowerCase())) {
    const why = 'names of sections are shown; allowed: a header that holds no secret';
    throw new ConfigError(`${path}.by`, `is ${show(by)}, and ${why}`);
  }
  return { header: header.toLowerCase() };
}

/** A segment is ours to read, as the upstream's own name is; a header is passed on, as all are. */
function stripOf(value: unknown, by: SectionsConfig['by'], path: string): boolean {
  if (value === undefined) return 'segment' in by;
  if ('routes' in by) throw new ConfigError(path, 'has no meaning with by: routes, where nothing names the section');
  return flag(value, path);
}

function stripped(config: UpstreamConfig, by: SectionsConfig['by'] | undefined): UpstreamConfig {
  if (by === undefined || !('header' in by)) return config;
  const { request, reply } = config.headers ?? { request: undefined, reply: undefined };
  const removed = new Set([...(request?.removed ?? []), by.header]);
  return { ...config, headers: { request: { removed, added: request?.added ?? [] }, reply } };
}

function checkedName(name: string, path: string): string {
  if (isSectionName(name)) return name;
  throw new ConfigError(path, `has ${show(name)}, which is no name of a section; allowed: ${SECTION_ALLOWED}`);
}

function optionsOf(input: unknown, path: string): Json {
  return input === undefined || input === null ? {} : object(input, path, SECTION_NAMES);
}

/** What a section says goes before what the upstream says. Rules of headers come to those there are. */
function over(own: Json, section: Json): Json {
  const merged: Record<string, unknown> = { ...own };
  for (const [name, value] of Object.entries(section)) {
    merged[name] = GROUPS.includes(name)
      ? joined(own[name], value)
      : name === 'headers'
        ? ruled(own[name], value)
        : value;
  }
  return merged;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is no group is for the parser to refuse. */
const joined = (own: unknown, section: unknown): unknown =>
  isObject(own) && isObject(section) ? { ...own, ...section } : section;

/** Fields are the same in any case of letters. */
function renamed(own: unknown, section: unknown): unknown {
  if (!isObject(own) || !isObject(section)) return section;
  const names = new Set(Object.keys(section).map((name) => name.toLowerCase()));
  const others = Object.entries(own).filter(([name]) => !names.has(name.toLowerCase()));
  return { ...Object.fromEntries(others), ...section };
}

function ruled(own: unknown, section: unknown): unknown {
  if (!isObject(own) || !isObject(section)) return section;
  const directions = ['request', 'reply'].flatMap((direction) => {
    const [before, after] = [own[direction], section[direction]];
    if (!isObject(before) || !isObject(after)) return [[direction, after ?? before]] as const;
    const remove = [before['remove'], after['remove']].flatMap((names) => names ?? []);
    const set = renamed(before['set'] ?? {}, after['set'] ?? {});
    const append = joined(before['append'] ?? {}, after['append'] ?? {});
    return [[direction, { ...before, ...after, set, append, remove }]] as const;
  });
  return { ...own, ...section, ...Object.fromEntries(directions) };
}

/** What an upstream may be served with: its own, and that of its sections. */
export function allOf(upstream: UpstreamConfig): readonly UpstreamConfig[] {
  const { sections } = upstream;
  return sections === undefined ? [upstream] : [upstream, sections.each, ...sections.named.values()];
}
