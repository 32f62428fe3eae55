/**
 * Header fields on their way out: checked once, when they are made, before anything is queued.
 * A Fields value that exists is safe to write: no CR, LF, NUL or other control can be in it, and none of the
 * fields that belong to the engine (framing, hop-by-hop).
 */
import { NetError } from './error.ts';

export type FieldsInput =
  | Readonly<Record<string, string | number | readonly string[] | undefined>>
  | Iterable<readonly [string, string]>;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Fields the engine writes itself, with what to do instead. */
const OWNED: Readonly<Record<string, string>> = {
  'transfer-encoding': 'the engine frames the body itself',
  'keep-alive': 'set pool.idleMs instead',
  'proxy-connection': 'it was never a standard field',
  upgrade: 'protocol upgrades are not part of a call',
  expect: 'calls are sent without waiting for 100-continue',
  'http2-settings': 'protocol upgrades are not part of a call',
};

export class Fields {
  static readonly none = new Fields([]);

  /** Pairs in the order they are sent, names as the caller spelt them. */
  readonly list: readonly (readonly [name: string, value: string])[];
  /** The fields as HTTP/1.1 writes them: one `name: value` line each, CR LF after every one. */
  readonly text: string;
  /** Whether the caller names the Host itself. */
  readonly ownsHost: boolean;
  /** Whether the caller asks for the connection to be closed after the reply. */
  readonly saysClose: boolean;
  /** Whether an `Idempotency-Key` says that repeating the call is safe. */
  readonly hasIdempotencyKey: boolean;
  /** The caller's own Content-Length; it must be the body's. */
  readonly contentLength: number | undefined;
  readonly #lower: readonly string[];

  private constructor(list: readonly (readonly [string, string])[]) {
    this.list = list;
    this.#lower = list.map(([name]) => name.toLowerCase());
    let text = '';
    for (const [name, value] of list) text += `${name}: ${value}\r\n`;
    this.text = text;
    this.ownsHost = this.has('host');
    this.saysClose = list.some(([, value], i) => this.#lower[i] === 'connection' && value.toLowerCase() === 'close');
    this.hasIdempotencyKey = this.has('idempotency-key');
    const length = this.get('content-length');
    this.contentLength = length === undefined ? undefined : Number(length);
  }

  /** @throws NetError `INVALID` naming the field and what is wrong with it */
  static of(input: FieldsInput | undefined): Fields {
    if (input === undefined) return Fields.none;
    const list: [string, string][] = [];
    if (typeof input !== 'object' || input === null) throw malformed();
    if (isIterable(input)) {
      for (const pair of input) {
        if (!Array.isArray(pair) || pair.length !== 2) throw malformed();
        add(list, pair[0], pair[1]);
      }
    } else {
      for (const name of Object.keys(input)) {
        const value = input[name];
        if (value === undefined) continue;
        if (Array.isArray(value)) for (const each of value) add(list, name, each);
        else add(list, name, typeof value === 'number' ? String(value) : value);
      }
    }
    for (const name of SINGLE) checkSingle(list, name);
    return list.length === 0 ? Fields.none : new Fields(list);
  }

  has(lowerName: string): boolean {
    return this.#lower.includes(lowerName);
  }

  /** The first value of a field, by its lower-case name. */
  get(lowerName: string): string | undefined {
    const index = this.#lower.indexOf(lowerName);
    return index < 0 ? undefined : this.list[index]![1];
  }

  /** These fields, over `defaults` for the names these do not have. */
  over(defaults: Fields): Fields {
    if (this.list.length === 0) return defaults;
    if (defaults.list.length === 0) return this;
    return new Fields([...defaults.list.filter((_, i) => !this.has(defaults.#lower[i]!)), ...this.list]);
  }

  /** These fields without the named ones. */
  without(dropped: (lowerName: string) => boolean): Fields {
    const kept = this.list.filter((_, i) => !dropped(this.#lower[i]!));
    return kept.length === this.list.length ? this : new Fields(kept);
  }
}

function isIterable(input: FieldsInput): input is Iterable<readonly [string, string]> {
  return Symbol.iterator in input;
}

/** Fields whose second copy one server takes and another does not: with the length, two ends of one request. */
const SINGLE = ['content-length', 'host'];

function checkSingle(list: readonly (readonly [string, string])[], lower: string): void {
  const copies = list.filter(([name]) => name.length === lower.length && name.toLowerCase() === lower);
  if (copies.length > 1) throw refused(copies[1]![0], 'is there more than once');
}

function add(list: [string, string][], name: unknown, value: unknown): void {
  if (typeof name !== 'string' || !TOKEN.test(name)) {
    throw refused(String(name), 'is not a valid field name (RFC 9110 § 5.1)');
  }
  if (typeof value !== 'string' || !TEXT.test(value)) {
    throw refused(name, 'has a value that is no text, or holds a control or what is not Latin-1 (RFC 9110 § 5.5)');
  }
  const reason = reasonAgainst(name.toLowerCase(), value);
  if (reason !== undefined) throw refused(name, `cannot be set by a caller: ${reason}`);
  list.push([name, value]);
}

/** Host and port as in RFC 9110 § 7.2, the comma left out: `[::1]:8080`. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[\w\-.~!$&'()*+;=%]+)(?::\d*)?$/;

function reasonAgainst(lower: string, value: string): string | undefined {
  if (Object.hasOwn(OWNED, lower)) return OWNED[lower];
  switch (lower) {
    case 'connection':
      return /^(?:close|keep-alive)$/i.test(value) ? undefined : 'only "close" and "keep-alive" are meant for us';
    case 'te':
      return /^trailers$/i.test(value) ? undefined : 'only "trailers", as no transfer coding would be decoded';
    case 'content-length': // whether it is the body's is checked with the body
      return /^\d+$/.test(value) && Number.isSafeInteger(Number(value)) ? undefined : 'not a number of bytes';
    case 'host':
      return HOST.test(value) ? undefined : 'only host and port can stand there';
    default:
      return undefined;
  }
}

function malformed(): NetError {
  return new NetError('INVALID', 'headers must be an object, or pairs of name and value', { reach: 'unsent' });
}

/** The value stays out of the message: it may be a credential. */
function refused(name: string, why: string): NetError {
  return new NetError('INVALID', `header ${JSON.stringify(name)} ${why}`, { reach: 'unsent' });
}

/** @throws NetError `INVALID` when `method` is not a token */
export function checkMethod(method: string): string {
  if (TOKEN.test(method) && method !== 'CONNECT') return method;
  throw new NetError('INVALID', `method ${JSON.stringify(method)} is not one a call can have`, { reach: 'unsent' });
}

const PATH = /^(?:\/[\x21-\x22\x24-\x7e]*|\*)$/;

/** @throws NetError `INVALID` when `path` is no origin-form target: controls, spaces, `#`, non-ASCII must be encoded */
export function checkPath(path: string): string {
  if (PATH.test(path)) return path;
  const at = path.startsWith('/') ? path.search(/[^\x21-\x22\x24-\x7e]/) : 0;
  throw new NetError('INVALID', `path is not a valid request target: character ${at} must be percent-encoded or "/"`, {
    reach: 'unsent',
  });
}
