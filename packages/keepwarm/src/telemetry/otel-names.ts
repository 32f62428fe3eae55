/**
 * What calls and their peers are called, by the semantic conventions of OpenTelemetry (1.45), and how many names there
 * may be: what traffic names has no end, and each name is a series somebody keeps.
 */
import type { Attributes } from '@opentelemetry/api';
import type { Call } from '../core/call.ts';
import { type Origin, originOf } from '../core/origin.ts';

/** Which conventions a call goes by. */
export type Kind = 'http' | 'jsonrpc' | 'grpc';

/** In place of every name beyond the bound. */
export const OTHER = '_OTHER';

/** RFC 9110 § 9, PATCH, and QUERY (RFC 10008): those the conventions take for known. */
const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'QUERY',
]);

export const methodOf = (method: string): string => (METHODS.has(method) ? method : OTHER);

export function kindOf(call: Call): Kind {
  if (call.operation === undefined) return 'http';
  return call.headers.get('content-type') === 'application/grpc' ? 'grpc' : 'jsonrpc';
}

/** Where calls go, and how many are on their way there. */
export interface Place {
  readonly server: Attributes;
  active: number;
}

export class Names {
  readonly #max: number;
  readonly #places = new Map<string, Place>();
  readonly #operations = new Map<string, string>();
  readonly #templates = new Set<string>();
  readonly #hosts = new Set<string>();
  readonly #elsewhere: Place = { server: { 'server.address': OTHER }, active: 0 };

  /** @param max of each: origins, methods of a protocol, templates, names looked up */
  constructor(max: number) {
    this.#max = max;
  }

  get places(): readonly Place[] {
    return [...this.#places.values(), this.#elsewhere];
  }

  place(origin: Origin): Place {
    return this.#places.get(origin.key) ?? this.#newPlace(origin);
  }

  /** @param key of an origin, as facts have it */
  placeOf(key: string): Place {
    return this.#places.get(key) ?? (URL.canParse(key) ? this.#newPlace(originOf(new URL(key))) : this.#elsewhere);
  }

  /** The method of JSON-RPC or gRPC. Batches of all sizes are one. */
  operation(name: string): string {
    const known = this.#operations.get(name);
    if (known !== undefined) return known;
    const shown = name.startsWith('batch of ') ? 'batch' : name.replace(/^\//, '');
    if (this.#operations.size >= this.#max) return shown === 'batch' ? shown : OTHER;
    this.#operations.set(name, shown);
    return shown;
  }

  template(given: string): string {
    return admitted(this.#templates, given, this.#max);
  }

  host(name: string): string {
    return admitted(this.#hosts, name, this.#max);
  }

  #newPlace({ key, hostname, port }: Origin): Place {
    if (this.#places.size >= this.#max) return this.#elsewhere;
    const place = { server: { 'server.address': hostname, 'server.port': port }, active: 0 };
    this.#places.set(key, place);
    return place;
  }
}

function admitted(known: Set<string>, name: string, max: number): string {
  if (known.has(name)) return name;
  if (known.size >= max) return OTHER;
  known.add(name);
  return name;
}
