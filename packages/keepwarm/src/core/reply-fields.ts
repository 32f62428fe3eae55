/**
 * The header fields of a reply: kept as the text that came. Who asks for one field has its value cut out of that text;
 * only who wants all of them has it split. The text was checked byte by byte when it was parsed, so neither can fail.
 */
export class ReplyFields implements Iterable<readonly [string, string]> {
  readonly #head: string;
  #list: (readonly [name: string, value: string])[] | undefined;
  /** Where in the head each field begins, has its colon, and ends: three numbers a field. */
  #marks: number[] | undefined;

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
    const marks = this.#marked();
    const list: (readonly [string, string])[] = [];
    for (let i = 0; i < marks.length; i += 3) {
      list.push([this.#head.slice(marks[i], marks[i + 1]), trim(this.#head, marks[i + 1]! + 1, marks[i + 2]!)]);
    }
    this.#list = list;
    return list;
  }

  /** The same in one new list: name, value, name, value … */
  flat(): string[] {
    const flat: string[] = [];
    if (this.#list !== undefined) {
      for (const [name, value] of this.#list) flat.push(name, value);
      return flat;
    }
    const marks = this.#marked();
    for (let i = 0; i < marks.length; i += 3) {
      flat.push(this.#head.slice(marks[i], marks[i + 1]), trim(this.#head, marks[i + 1]! + 1, marks[i + 2]!));
    }
    return flat;
  }

  /** The value of a field, any case; several of one name joined by `, ` as RFC 9110 § 5.3 allows. */
  get(name: string): string | undefined {
    const lower = name.toLowerCase();
    const first = this.#find(lower, 0);
    if (first < 0) return undefined;
    let value = this.#value(first);
    for (let i = this.#find(lower, first + 1); i >= 0; i = this.#find(lower, i + 1)) value += `, ${this.#value(i)}`;
    return value;
  }

  /** Every value of a field, as Set-Cookie needs it. */
  getAll(name: string): readonly string[] {
    const lower = name.toLowerCase();
    const values: string[] = [];
    for (let i = this.#find(lower, 0); i >= 0; i = this.#find(lower, i + 1)) values.push(this.#value(i));
    return values;
  }

  has(name: string): boolean {
    return this.#find(name.toLowerCase(), 0) >= 0;
  }

  /** Whether it is worth looking for fields with such names: text that has not been split yet is only searched. */
  mayHave(names: RegExp): boolean {
    return this.#list !== undefined || names.test(this.#head);
  }

  /** Pairs with lower-case names, values of one name joined except for Set-Cookie. */
  *[Symbol.iterator](): Generator<readonly [string, string]> {
    for (const [name, values] of this.#grouped()) {
      if (name === 'set-cookie') for (const value of values) yield [name, value];
      else yield [name, values.join(', ')];
    }
  }

  /** A plain object without prototype: no field name can reach `Object.prototype`. `set-cookie` is an array. */
  toObject(): Record<string, string | string[]> {
    const object: Record<string, string | string[]> = Object.create(null);
    for (const [name, values] of this.#grouped())
      object[name] = name === 'set-cookie' ? [...values] : values.join(', ');
    return object;
  }

  /** The same fields without the named ones (lower case). */
  without(...names: readonly string[]): ReplyFields {
    return ReplyFields.of(
      this.list.filter(([name]) => !names.includes(name.toLowerCase())),
      this.reason,
    );
  }

  #grouped(): Map<string, string[]> {
    const byName = new Map<string, string[]>();
    for (const [name, value] of this.list) {
      const lower = name.toLowerCase();
      const values = byName.get(lower);
      if (values === undefined) byName.set(lower, [value]);
      else values.push(value);
    }
    return byName;
  }

  #marked(): number[] {
    return (this.#marks ??= marksOf(this.#head));
  }

  /** The first field of a name, in lower case, from the `from`th on; -1 when there is none. */
  #find(lower: string, from: number): number {
    const list = this.#list;
    if (list !== undefined) return list.findIndex(([name], i) => i >= from && name.toLowerCase() === lower);
    const marks = this.#marked();
    for (let i = from; 3 * i < marks.length; i++) {
      const at = marks[3 * i]!;
      if (marks[3 * i + 1]! - at === lower.length && isAt(lower, this.#head, at)) return i;
    }
    return -1;
  }

  #value(i: number): string {
    if (this.#list !== undefined) return this.#list[i]![1];
    const marks = this.#marked();
    return trim(this.#head, marks[3 * i + 1]! + 1, marks[3 * i + 2]!);
  }
}

/** The last line may do without its end. */
function marksOf(head: string): number[] {
  const marks: number[] = [];
  let end = head.indexOf('\r\n');
  while (end >= 0 && end < head.length) {
    const at = end + 2;
    const next = head.indexOf('\r\n', at);
    end = next < 0 ? head.length : next;
    const colon = head.indexOf(':', at);
    if (colon > at && colon < end) marks.push(at, colon, end);
  }
  return marks;
}

/** Whether a name, given in lower case, stands there in any. */
function isAt(lower: string, text: string, at: number): boolean {
  for (let i = 0; i < lower.length; i++) {
    const code = text.charCodeAt(at + i);
    const low = code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
    if (low !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/** The value without the white space around it; only SP and HTAB count as such (RFC 9110 § 5.6.3). */
function trim(text: string, from: number, to: number): string {
  let [start, end] = [from, to];
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;
