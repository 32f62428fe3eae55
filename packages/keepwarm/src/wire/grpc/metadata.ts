/**
 * Metadata: what a call and its answer say beside their messages. Names are lower case; a name that ends in `-bin` has
 * bytes, in Base64 on the wire, any other has printable ASCII (grpc/grpc doc/PROTOCOL-HTTP2.md, "Custom-Metadata").
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import { NetError } from '../../core/error.ts';

export type MetadataValue = string | Uint8Array;

export type MetadataInput =
  | Metadata
  | Readonly<Record<string, MetadataValue | readonly MetadataValue[] | undefined>>
  | Iterable<readonly [name: string, value: MetadataValue]>;

type Pair = readonly [name: string, value: MetadataValue];

const NAME = /^[0-9a-z_.-]+$/;
/** Nothing around it but itself: white space at either end would not arrive. */
const TEXT = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;

/** Names that belong to the protocol, beside all that begin with `grpc-`. */
const OWNED: ReadonlySet<string> = new Set([
  ...['content-type', 'content-length', 'te', 'host', 'connection', 'transfer-encoding', 'keep-alive', 'upgrade'],
  ...['proxy-connection', 'expect', 'http2-settings'],
]);

/** Fields of an answer that say nothing beyond the protocol. */
const OF_PROTOCOL: ReadonlySet<string> = new Set([
  ...['content-type', 'grpc-status', 'grpc-message', 'grpc-encoding', 'grpc-accept-encoding'],
]);

export class Metadata implements Iterable<Pair> {
  static readonly none = new Metadata([]);
  readonly #pairs: readonly Pair[];

  private constructor(pairs: readonly Pair[]) {
    this.#pairs = pairs;
  }

  /** To be sent. @throws NetError `INVALID` naming the name and what is wrong; values, which may be secrets, never */
  static of(input: MetadataInput | undefined): Metadata {
    if (input === undefined) return Metadata.none;
    if (input instanceof Metadata) return input;
    if (typeof input !== 'object' || input === null) throw malformed();
    const pairs: Pair[] = [];
    const add = (name: string, value: unknown): void => void pairs.push([checkName(name), checkValue(name, value)]);
    if (isIterable(input)) {
      for (const pair of input) {
        if (!Array.isArray(pair) || pair.length !== 2) throw malformed();
        add(pair[0], pair[1]);
      }
    } else {
      for (const [name, value] of Object.entries(input)) {
        if (value === undefined) continue;
        if (Array.isArray(value)) for (const each of value) add(name, each);
        else add(name, value);
      }
    }
    return pairs.length === 0 ? Metadata.none : new Metadata(pairs);
  }

  /** As fields that came: what is of the protocol is left out, and lists of bytes are taken apart. */
  static received(fields: Iterable<readonly [name: string, value: string]>): Metadata {
    const pairs: Pair[] = [];
    for (const [name, value] of fields) {
      if (OF_PROTOCOL.has(name)) continue;
      if (!name.endsWith('-bin')) pairs.push([name, value]);
      else for (const each of value.split(',')) pairs.push([name, bytesOf(each)]);
    }
    return pairs.length === 0 ? Metadata.none : new Metadata(pairs);
  }

  get size(): number {
    return this.#pairs.length;
  }

  /** The first value of a name. */
  get(name: string): MetadataValue | undefined {
    const lower = name.toLowerCase();
    return this.#pairs.find(([each]) => each === lower)?.[1];
  }

  getAll(name: string): readonly MetadataValue[] {
    const lower = name.toLowerCase();
    return this.#pairs.filter(([each]) => each === lower).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** These, over `defaults` for the names these do not have. */
  over(defaults: Metadata): Metadata {
    if (this.size === 0) return defaults;
    if (defaults.size === 0) return this;
    return new Metadata([...defaults.#pairs.filter(([name]) => !this.has(name)), ...this.#pairs]);
  }

  /** As they go over the wire. */
  *fields(): Generator<readonly [name: string, value: string]> {
    for (const [name, value] of this.#pairs) yield [name, typeof value === 'string' ? value : base64(value)];
  }

  [Symbol.iterator](): IterableIterator<Pair> {
    return this.#pairs[Symbol.iterator]();
  }

  /** For logs, which must not show what may be a credential: names alone. */
  toJSON(): readonly string[] {
    return this.#pairs.map(([name]) => name);
  }
}

/** Base64 with or without its padding, both of which peers send. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text.trim(), 'base64');
}

/** Without padding, as the protocol wants it sent. */
function base64(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return text.replace(/=+$/, '');
}

function isIterable(input: object): input is Iterable<unknown> {
  return Symbol.iterator in input;
}

function checkName(name: unknown): string {
  if (typeof name !== 'string') throw malformed();
  const lower = name.toLowerCase();
  if (!NAME.test(lower)) throw refused(name, 'is no name metadata can have: letters, digits, "_", "." and "-" are');
  if (lower.startsWith('grpc-') || OWNED.has(lower)) throw refused(name, 'belongs to the protocol');
  return lower;
}

function checkValue(name: string, value: unknown): MetadataValue {
  const binary = name.toLowerCase().endsWith('-bin');
  if (binary && value instanceof Uint8Array) return value;
  if (binary) throw refused(name, 'ends in -bin: its value must be a Uint8Array');
  if (value instanceof Uint8Array) throw refused(name, 'has bytes for a value: then its name must end in -bin');
  if (typeof value === 'string' && TEXT.test(value)) return value;
  throw refused(name, 'has a value that is not printable ASCII, or begins or ends with a space');
}

function malformed(): NetError {
  return new NetError('INVALID', 'metadata must be an object, or pairs of name and value', { reach: 'unsent' });
}

function refused(name: string, why: string): NetError {
  return new NetError('INVALID', `metadata ${JSON.stringify(name)} ${why}`, { reach: 'unsent' });
}
