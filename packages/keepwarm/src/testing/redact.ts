/** Keeps secrets out of recordings: by the names they usually have, and by value where you say which. */
import { exactText, parseExact } from '../wire/jsonrpc/numbers.ts';

export interface RedactOptions {
  /** Further names of headers, query parameters, form fields and JSON members, in any case. */
  readonly names?: readonly string[] | undefined;
  /** Values to replace wherever they stand: in paths, headers and bodies. For keys that are part of a path. */
  readonly values?: readonly string[] | undefined;
}

/** What stands in the place of a secret. */
const REDACTED = 'redacted';

const SEEN_LENGTH_MIN = 8;
const SEEN_MAX = 1_000;

const TELLING =
  /auth|token|api.?key|access.?key|private.?key|secret|cookie|signature|session|passw|credential|^key$|^sig$/i;

export class Redaction {
  readonly #names: ReadonlySet<string>;
  readonly #values: readonly string[];
  /** What was taken out by its name, to be found again where a reply repeats it. */
  readonly #seen = new Set<string>();

  constructor(options: RedactOptions = {}) {
    this.#names = new Set((options.names ?? []).map((name) => name.toLowerCase()));
    this.#values = (options.values ?? []).filter((value) => value !== '');
  }

  header(name: string, value: string): string {
    return this.#isSecret(name) ? this.#hidden(value) : this.text(value);
  }

  /** What a reply says of secrets that requests have brought: services like to repeat what they were asked. */
  echo(text: string): string {
    return [...this.#seen].reduce((left, value) => left.replaceAll(value, REDACTED), text);
  }

  /** Path and query. */
  path(path: string): string {
    const at = path.indexOf('?');
    return at < 0 ? this.text(path) : `${this.text(path.slice(0, at))}?${this.#pairs(path.slice(at + 1))}`;
  }

  /** A body of this content type, as text; what is neither JSON nor a form is searched for values only. */
  body(text: string, contentType: string): string {
    if (/x-www-form-urlencoded/i.test(contentType)) return this.#pairs(text);
    if (!/json\b/i.test(contentType) && !/^\s*[[{]/.test(text)) return this.text(text);
    return (
      this.#parsed(text) ??
      text
        .split('\n')
        .map((line) => this.#parsed(line) ?? this.text(line))
        .join('\n')
    );
  }

  /** @returns nothing for what is not JSON, whatever it says it is */
  #parsed(text: string): string | undefined {
    try {
      const said = parseExact(text);
      const before = exactText(said);
      const left = exactText(this.#json(said));
      // What has no secrets stays as it was written, to the last digit and blank.
      return left === before ? text : left;
    } catch {
      return undefined; // searched for values by whoever asked
    }
  }

  text(text: string): string {
    return this.#values.reduce((left, value) => left.replaceAll(value, REDACTED), text);
  }

  #isSecret(name: string): boolean {
    return TELLING.test(name) || this.#names.has(name.toLowerCase());
  }

  /** The secret itself is the last word: `Bearer …`. Short ones would be found where they are none. */
  #hidden(value: string): string {
    const secret = value.split(' ').at(-1)!;
    if (secret.length >= SEEN_LENGTH_MIN && secret !== REDACTED && this.#seen.size < SEEN_MAX) this.#seen.add(secret);
    return REDACTED;
  }

  #pairs(text: string): string {
    const pairs = text.split('&').map((pair) => {
      const [name = '', ...rest] = pair.split('=');
      return rest.length > 0 && this.#isSecret(plain(name)) ? `${name}=${this.#hidden(rest.join('='))}` : pair;
    });
    return this.text(pairs.join('&'));
  }

  /** Only texts are secrets: numbers such as `max_tokens` stay, and what is within lists and objects is looked at. */
  #json(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((each) => this.#json(each));
    if (typeof value !== 'object' || value === null) return value;
    const members = Object.entries(value).map(([name, each]) => [
      name,
      typeof each === 'string' && this.#isSecret(name) ? this.#hidden(each) : this.#json(each),
    ]);
    return Object.fromEntries(members);
  }
}

/** As the server reads it: a name may be written in escapes. */
function plain(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return name; // broken escapes: it is what it is
  }
}
