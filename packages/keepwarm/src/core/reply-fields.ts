/**
 * The header fields of a reply: kept as the text that came, split only when somebody looks.
 * The text was checked byte by byte when it was parsed, so splitting cannot fail.
 */
export class ReplyFields implements Iterable<readonly [string, string]> {
  readonly #head: string;
  #list: (readonly [name: string, value: string])[] | undefined;
  #byName: Map<string, string[]> | undefined;

  /** `head` is a whole response head as Latin-1 text, status line included. */
  constructor(head: string) {
    this.#head = head;
  }

  /** Fields that did not come as text. The pairs are taken as they are. */
  static of(list: Iterable<readonly [string, string]>, reason = ''): ReplyFields {
    const fields = new ReplyFields(`HTTP/1.1 200 ${reason}\r\n\r\n`);
    fields.#list = [...list];
    return fields;
  }

  /** Lines as a parser has checked them, `name: value` each. */
  static ofLines(lines: readonly string[]): ReplyFields {
    return new ReplyFields(`HTTP/1.1 200 \r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`);
  }

  /** The reason phrase; often empty, never meaningful. */
  get reason(): string {
    return this.#head.slice(13, this.#head.indexOf('\r\n'));
  }

  /** Pairs as they came, names in the peer's spelling. */
  get list(): readonly (readonly [name: string, value: string])[] {
    if (this.#list !== undefined) return this.#list;
    const lines = this.#head.split('\r\n');
    const list: (readonly [string, string])[] = [];
    for (let i = 1; i < lines.length; i++) {
      const line = lines[i]!;
      const colon = line.indexOf(':');
      if (colon > 0) list.push([line.slice(0, colon), trim(line, colon + 1)]);
    }
    this.#list = list;
    return list;
  }

  /** The value of a field, any case; several of one name joined by `, ` as RFC 9110 § 5.3 allows. */
  get(name: string): string | undefined {
    return this.#index().get(name.toLowerCase())?.join(', ');
  }

  /** Every value of a field, as Set-Cookie needs it. */
  getAll(name: string): readonly string[] {
    return this.#index().get(name.toLowerCase()) ?? [];
  }

  has(name: string): boolean {
    return this.#index().has(name.toLowerCase());
  }

  /** Whether it is worth looking for fields with such names: text that has not been split yet is only searched. */
  mayHave(names: RegExp): boolean {
    return this.#list !== undefined || names.test(this.#head);
  }

  /** Pairs with lower-case names, values of one name joined except for Set-Cookie. */
  *[Symbol.iterator](): Generator<readonly [string, string]> {
    for (const [name, values] of this.#index()) {
      if (name === 'set-cookie') for (const value of values) yield [name, value];
      else yield [name, values.join(', ')];
    }
  }

  /** A plain object without prototype: no field name can reach `Object.prototype`. `set-cookie` is an array. */
  toObject(): Record<string, string | string[]> {
    const object: Record<string, string | string[]> = Object.create(null);
    for (const [name, values] of this.#index()) object[name] = name === 'set-cookie' ? [...values] : values.join(', ');
    return object;
  }

  /** The same fields without the named ones (lower case). */
  without(...names: readonly string[]): ReplyFields {
    return ReplyFields.of(
      this.list.filter(([name]) => !names.includes(name.toLowerCase())),
      this.reason,
    );
  }

  #index(): Map<string, string[]> {
    if (this.#byName !== undefined) return this.#byName;
    const byName = new Map<string, string[]>();
    for (const [name, value] of this.list) {
      const lower = name.toLowerCase();
      const values = byName.get(lower);
      if (values === undefined) byName.set(lower, [value]);
      else values.push(value);
    }
    this.#byName = byName;
    return byName;
  }
}

/** The value without the white space around it; only SP and HTAB count as such (RFC 9110 § 5.6.3). */
function trim(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && (line.charCodeAt(start) === 0x20 || line.charCodeAt(start) === 0x09)) start++;
  while (end > start && (line.charCodeAt(end - 1) === 0x20 || line.charCodeAt(end - 1) === 0x09)) end--;
  return line.slice(start, end);
}
