/**
 * The fields of requests to one origin as HTTP/2 wants them (RFC 9113 § 8.2, § 8.3.1): names in lower case, what is of
 * one connection left out, Host as `:authority`. What stays the same from call to call is one list, so that the
 * encoder knows it again; path and length, which do not, stand outside it.
 */
import type { Fields } from '../../core/fields.ts';
import type { FieldPair } from '../../wire/hpack/encoder.ts';

/** Bytes of an encoded integer, twice, and a length prefix: what a field may take besides its text. */
const FIELD_EXTRA = 18;

export interface RequestFields {
  readonly list: readonly FieldPair[];
  /** The most its encoding can take, in bytes. */
  readonly bytesMax: number;
}

export class OriginFields {
  readonly #scheme: string;
  readonly #authority: string;
  readonly #known = new WeakMap<Fields, Map<string, RequestFields>>();
  #lastFields: Fields | undefined;
  #lastMethod = '';
  #last: RequestFields | undefined;

  constructor(secure: boolean, host: string) {
    this.#scheme = secure ? 'https' : 'http';
    this.#authority = host;
  }

  of(method: string, fields: Fields): RequestFields {
    if (this.#last !== undefined && fields === this.#lastFields && method === this.#lastMethod) return this.#last;
    let byMethod = this.#known.get(fields);
    if (byMethod === undefined) this.#known.set(fields, (byMethod = new Map()));
    let known = byMethod.get(method);
    if (known === undefined) {
      known = this.#make(method, fields);
      if (byMethod.size < METHODS_MAX) byMethod.set(method, known);
    }
    this.#lastFields = fields;
    this.#lastMethod = method;
    this.#last = known;
    return known;
  }

  #make(method: string, fields: Fields): RequestFields {
    const list: FieldPair[] = [
      [':method', method],
      [':scheme', this.#scheme],
      [':authority', fields.get('host') ?? this.#authority],
    ];
    for (const [name, value] of fields.list) {
      const lower = name.toLowerCase();
      if (lower === 'host' || lower === 'connection') continue;
      const text = trimmed(value);
      // Each crumb is a field of its own, which keeps those that change from costing the others (§ 8.2.3).
      if (lower === 'cookie') for (const crumb of text.split(/; */)) list.push([lower, crumb]);
      else list.push([lower, text]);
    }
    const bytesMax = list.reduce((sum, [name, value]) => sum + name.length + value.length + FIELD_EXTRA, 0);
    return { list, bytesMax };
  }
}

/** Methods one set of fields is remembered with. */
const METHODS_MAX = 8;

/** A value may not begin or end with white space (§ 8.2.1); in HTTP/1.1 the peer would have left it out. */
function trimmed(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, '');
}
