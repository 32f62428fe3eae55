/**
 * The block `headers` of an upstream: fields that the gateway sets, adds or takes out, on the way up and down.
 *
 *   headers:
 *     request: { set: { x-team: search }, remove: [cookie] }
 *     reply: { append: { vary: x-team }, remove: [server] }
 *
 * A value may be a secret: no message holds one.
 */
import { ConfigError } from './config-error.ts';
import { object, show, texts } from './values.ts';

/** What happens to the fields of one direction: first some go, then some come. */
export interface FieldRules {
  /** Lower-case names that do not cross: those removed, and those set anew. */
  readonly removed: ReadonlySet<string>;
  readonly added: readonly (readonly [name: string, value: string])[];
}

export interface HeaderRules {
  readonly request: FieldRules | undefined;
  readonly reply: FieldRules | undefined;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What may stand in a field (RFC 9110 § 5.5), without white space around it. */
const VALUE = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/;
/** These belong to a connection, to the framing of one message, or to the gateway itself. */
const OWN: ReadonlySet<string> = new Set([
  ...['connection', 'content-length', 'expect', 'host', 'http2-settings', 'keep-alive', 'max-forwards'],
  ...['proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding'],
  ...['upgrade', 'via'],
]);
const RULES_MAX = 100;

/** @throws ConfigError; never with a value */
export function parseHeaderRules(input: unknown, path: string): HeaderRules | undefined {
  if (input === undefined) return undefined;
  const given = object(input, path, ['request', 'reply']);
  return {
    request: rulesOf(given['request'], `${path}.request`),
    reply: rulesOf(given['reply'], `${path}.reply`),
  };
}

function rulesOf(input: unknown, path: string): FieldRules | undefined {
  if (input === undefined) return undefined;
  const given = object(input, path, ['set', 'append', 'remove']);
  const set = fieldsOf(given['set'], `${path}.set`);
  const append = fieldsOf(given['append'], `${path}.append`);
  const remove = texts(given['remove'] ?? [], `${path}.remove`, 'field names');
  for (const [i, name] of remove.entries()) checkRuled(name, `${path}.remove[${i}]`);
  if (set.length + append.length + remove.length > RULES_MAX) {
    throw new ConfigError(path, `has more than ${RULES_MAX} rules`);
  }
  const removed = new Set([...remove, ...set.map(([name]) => name)].map((name) => name.toLowerCase()));
  return { removed, added: [...set, ...append] };
}

function fieldsOf(input: unknown, path: string): [name: string, value: string][] {
  return Object.entries(object(input ?? {}, path)).map(([name, value]) => {
    checkRuled(name, `${path}.${name}`);
    if (typeof value !== 'string') throw new ConfigError(`${path}.${name}`, `is no text; allowed: text`);
    if (!VALUE.test(value)) {
      const allowed = 'Latin-1 text without control characters, and without white space around it';
      throw new ConfigError(`${path}.${name}`, `cannot stand in a header field; allowed: ${allowed}`);
    }
    return [name, value];
  });
}

/** A field that may be looked at and taken out. @throws ConfigError */
export function checkRuled(name: string, path: string): void {
  if (!TOKEN.test(name)) throw new ConfigError(path, `${show(name)} is no name of a header field`);
  if (!OWN.has(name.toLowerCase())) return;
  throw new ConfigError(
    path,
    `${show(name)} cannot be ruled: it belongs to the connection, the framing or the gateway`,
  );
}
