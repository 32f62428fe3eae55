/** Where calls go: paths and URLs as callers write them, as an origin and a request target. */
import { checkPath } from '../core/fields.ts';
import { type Origin, originOf } from '../core/origin.ts';
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

export class Targets {
  /** The only origin there may be, if there is one. */
  readonly home: Origin | undefined;
  readonly #basePath: string;
  readonly #origins = new Map<string, Origin>();
  /** The path asked for last: an RPC client asks for the same one every time. */
  #lastPath: string | undefined;
  #last: Target | undefined;
  #recent = new Map<string, Target>();
  #older = new Map<string, Target>();

  /** @throws NetError `INVALID` for what is not an http or https URL */
  constructor(home: string | URL | undefined) {
    const url = home === undefined ? undefined : parse(String(home));
    this.home = url === undefined ? undefined : this.origin(url);
    this.#basePath = url === undefined || url.pathname === '/' ? '' : checkPath(url.pathname.replace(/\/$/, ''));
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

  #absolute(url: URL): Target {
    const origin = this.origin(url);
    if (this.home !== undefined && origin !== this.home) {
      throw invalid(`${origin.key} is not this client's origin ${this.home.key}; use a client without one`);
    }
    return { origin, path: checkPath(url.pathname + url.search) };
  }
}

function parse(url: string, otherwise = 'is not an absolute URL'): URL {
  const parsed = URL.parse(url);
  if (parsed === null) throw invalid(`${JSON.stringify(url)} ${otherwise}`);
  return parsed;
}

function withQuery(path: string, query: Query | undefined): string {
  if (query === undefined) return path;
  const text = (query instanceof URLSearchParams ? query : parametersOf(query)).toString();
  return text === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${text}`;
}

function parametersOf(query: Exclude<Query, URLSearchParams>): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each === undefined) continue;
      if (each === null || typeof each === 'object') {
        throw invalid(
          `query parameter ${name} is ${each === null ? 'null' : 'an object'}; leave it out or make it text`,
        );
      }
      parameters.append(name, String(each));
    }
  }
  return parameters;
}
