/**
 * The last net under what is logged: facts hold no secrets, but messages of the system and of other libraries may quote
 * an address. Of every URL in a text, credentials, query and fragment are left out; of an error, its text and stack.
 */

/** What a field of a line may hold, in depth and in length. */
const DEPTH_MAX = 4;
const TEXT_MAX = 2_000;
const LIST_MAX = 50;

export function scrubbed(text: string): string {
  const plain = text.length > TEXT_MAX ? cut(text) : text;
  return plain
    .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/'"?#]*@/gi, '$1[redacted]@') // up to the last @, as URLs are read
    .replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/[^\s?#'"]*)[?#][^\s'"]*/gi, '$1?[redacted]')
    .replaceAll(/\b(bearer|basic)\s+[\w.~+/=-]{4,}/gi, '$1 [redacted]');
}

/** An address that the cut goes through is left out: where its credentials end is not known any more. */
const cut = (text: string): string => `${text.slice(0, TEXT_MAX).replace(/[a-z][a-z0-9+.-]*:\/\/[^\s'"]*$/i, '')}…`;

export function scrub(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isSecret(name) ? '[redacted]' : settled(value, 1)]),
  );
}

function settled(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return scrubbed(value);
  if (value instanceof Error) return { name: value.name, message: scrubbed(value.message), stack: stackOf(value) };
  if (typeof value === 'number') return Math.round(value * 1_000) / 1_000;
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEPTH_MAX) return '[deeper]';
  if (Array.isArray(value)) return value.slice(0, LIST_MAX).map((each) => settled(each, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, isSecret(name) ? '[redacted]' : settled(each, depth + 1)]),
  );
}

/** Fields nobody should write; should somebody do so, what is in them is not. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  ...['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'token', 'x-token', 'password', 'secret'],
  ...['key', 'apikey', 'api-key', 'x-api-key', 'headers', 'body', 'url'],
]);
const isSecret = (name: string): boolean => SECRET_NAMES.has(name.toLowerCase());

const stackOf = ({ stack }: Error): string => scrubbed(stack ?? '');
