/** Where calls go: paths and URLs as callers write them, as an origin and a request target. */
import { checkPath } from '../core/fields.ts';
import { type Origin, originOf } from '../core/origin.ts';
import { isOptions, show } from '../core/refusal.ts';
import { invalid } from './options.ts';

type QueryValue = string | number | boolean | undefined;

/** Parameters to append to a path, encoded as URLSearchParams does. */
export type Query = Readonly<Record<string, QueryValue | readonly QueryValue[]>> | URLSearchParams;

export interface Target {
  readonly origin: Origin;
  /** Path and query. */
  readonly path: string;
}

/** Origins remembered as objects; beyond, those of absolute URLs are parsed anew. */
const ORIGINS_MAX = 1_000;
/** Absolute URLs remembered in each of two generations: parsing one costs more than a microsecond. */
const URLS_MAX = 256;

/** An address that serves the client's only target: paths are relative to its base path. */
export interface Place {
  readonly origin: Origin;
  /** `/v1`, or nothing. */
  readonly basePath?: string;
  /** The one path there is; all others are somewhere else. */
  readonly target?: string;
}

export class Targets {
  /** The only origin there may be, if there is one. */
  readonly home: Origin | undefined;
  readonly #basePath: string;
  readonly #places: readonly Place[];
  readonly #origins = new Map<string, Origin>();
  /** The path asked for last: an RPC client asks for the same one every time. */
  #lastPath: string | undefined;
  #last: Target | undefined;
  #recent = new Map<string, Target>();
  #older = new Map<string, Target>();

  /**
   * @param places several addresses instead of a home. Their home is the first one's origin, as an object of its own:
   *               calls with it are for all of them, calls with any other for that address as it is
   * @throws NetError `INVALID` for what is not an http or https URL, and for one with a query, which would be lost
   */
  constructor(home: string | URL | undefined, places: readonly Place[] = []) {
    const url = home === undefined ? undefined : baseOf('option origin', home);
    const [first] = places;
    if (url !== undefined) checkBase('option origin', url);
    this.#places = places;
    this.home = first === undefined ? url && this.origin(url) : { ...first.origin };
    this.#basePath = url === undefined || url.pathname === '/' ? '' : checkPath(url.pathname.replace(/\/$/, ''));
  }

  /** Where calls without an origin of their own may go. */
  get homes(): readonly Origin[] {
    if (this.#places.length > 0) return this.#places.map(({ origin }) => origin);
    return this.home === undefined ? [] : [this.home];
  }

  /** @throws NetError `INVALID` for what is neither, for another origin than the home, and for a query that is none */
  of(path: string | URL, query: Query | undefined): Target {
    if (query === undefined && path === this.#lastPath && this.#last !== undefined) return this.#last;
    if (typeof path === 'string' && this.home !== undefined && path.startsWith('/')) {
      const target = { origin: this.home, path: checkPath(withQuery(this.#basePath + path, query)) };
      if (query === undefined) {
        this.#lastPath = path;
        this.#last = target;
      }
      return target;
    }
    if (typeof path !== 'string' && !(path instanceof URL)) {
      throw invalid(`a call goes to ${show(path)}; allowed: a path, or an absolute URL`);
    }
    const target = typeof path === 'string' ? this.#remembered(path) : this.#absolute(path);
    return query === undefined ? target : { origin: target.origin, path: checkPath(withQuery(target.path, query)) };
  }

  /** The origin of a URL as callers write it. @throws NetError `INVALID` */
  originAt(url: string | URL): Origin {
    return this.origin(typeof url === 'string' ? parse(url) : url);
  }

  /** The origin of a URL, one object for each. @throws NetError `INVALID` for another scheme, or credentials in it */
  origin(url: URL): Origin {
    const known = this.#origins.get(url.origin);
    if (known !== undefined && url.username === '' && url.password === '') return known;
    const origin = originOf(url);
    if (this.#origins.size < ORIGINS_MAX) this.#origins.set(url.origin, origin);
    return origin;
  }

  /** The shortest way to say it: by the longest base path. */
  #within(url: URL): Target | undefined {
    let path: string | undefined;
    for (const place of this.#places) {
      const rest = below(place, url);
      if (rest !== undefined && (path === undefined || rest.length < path.length)) path = rest;
    }
    return path === undefined ? undefined : { origin: this.home!, path };
  }

  #remembered(url: string): Target {
    let target = this.#recent.get(url);
    if (target !== undefined) return target;
    target = this.#older.get(url) ?? this.#absolute(parse(url, this.#otherwise()));
    if (this.#recent.size >= URLS_MAX) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(url, target);
    return target;
  }

  #otherwise(): string {
    return this.home === undefined
      ? 'is not an absolute URL, and this client has no origin'
      : 'is neither a path starting with "/" nor an absolute URL';
  }

  /**
   * Where a redirect leads: within one of the places to all of them, anywhere else to itself.
   *
   * @param from the origin of the call; one that is not remembered is the same one still
   */
  onward(url: URL, from: Origin): Target {
    const to = this.origin(url);
    const stays = to.key === from.key && from !== this.home;
    return this.#within(url) ?? { origin: stays ? from : to, path: url.pathname + url.search };
  }

  #absolute(url: URL): Target {
    const within = this.#within(url);
    if (within !== undefined) return { origin: within.origin, path: checkPath(within.path) };
    const origin = this.origin(url);
    if (this.home !== undefined && origin !== this.home) {
      const ours = this.#places.length > 0 ? 'within any of its endpoints' : `this client's origin ${this.home.key}`;
      throw invalid(`${origin.key} is not ${ours}; use a client without one`);
    }
    return { origin, path: checkPath(url.pathname + url.search) };
  }
}

/** What comes after the base path; nothing for another address. */
function below({ origin, basePath = '', target }: Place, url: URL): string | undefined {
  if (target !== undefined || origin.key !== url.origin || url.username !== '' || url.password !== '') return undefined;
  const { pathname } = url;
  if (pathname !== basePath && !pathname.startsWith(`${basePath}/`)) return undefined;
  return (pathname.slice(basePath.length) || '/') + url.search;
}

/**
 * What paths are relative to. Its text is not shown: it may hold a key.
 *
 * @throws NetError `INVALID` naming `what`
 */
export function baseOf(what: string, given: unknown): URL {
  if (typeof given !== 'string' && !(given instanceof URL)) {
    throw invalid(`${what} is ${show(given)}; allowed: an absolute URL`);
  }
  const url = URL.parse(String(given));
  if (url === null) throw invalid(`${what} is not an absolute URL, such as https://api.example.com/v1`);
  return url;
}

/** That nothing of it is lost when paths are put behind it. @throws NetError `INVALID` */
export function checkBase(what: string, { search, hash }: URL): void {
  if (search === '' && hash === '') return;
  throw invalid(`${what} has a query or a fragment, which no call would send; give it with each call, or as a header`);
}

function parse(url: string, otherwise = 'is not an absolute URL'): URL {
  const parsed = URL.parse(url);
  if (parsed === null) throw invalid(`${JSON.stringify(url)} ${otherwise}`);
  return parsed;
}

function withQuery(path: string, query: Query | undefined): string {
  if (query === undefined) return path;
  if (!isOptions(query)) throw invalid(`query of a call is ${show(query)}; allowed: an object or URLSearchParams`);
  const text = (query instanceof URLSearchParams ? query : parametersOf(query)).toString();
  return text === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${text}`;
}

/** What has one obvious way to be written. */
const PLAIN: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'bigint']);

function parametersOf(query: Exclude<Query, URLSearchParams>): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each === undefined) continue;
      if (!PLAIN.has(typeof each) || Number.isNaN(each)) {
        throw invalid(`query parameter ${name} is ${show(each)}; leave it out or make it text`);
      }
      parameters.append(name, String(each));
    }
  }
  return parameters;
}
