/**
 * HPACK once more, written to be seen to be right: bits as text, tables as arrays, nothing remembered. The decoder
 * under test is compared with it.
 */
import { CODE_BITS, CODES } from '../../../src/wire/hpack/huffman-code.ts';
import { STATIC_NAMES, STATIC_VALUES } from '../../../src/wire/hpack/static-table.ts';
import type { Field } from './blocks.ts';

const STATIC: readonly (readonly [string, string])[] = STATIC_NAMES.map(
  (name, i) => [name, STATIC_VALUES[i]!] as const,
);

/** Symbols by their codes, as text of ones and zeros. */
const SYMBOLS = new Map(
  Array.from(CODES, (code, symbol) => [code.toString(2).padStart(CODE_BITS[symbol]!, '0'), symbol]),
);

export class Model {
  /** Newest first. */
  entries: (readonly [string, string])[] = [];
  bytesMax = 4_096;
  allowed = 4_096;
  #block: number[] = [];

  get bytes(): number {
    return this.entries.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  }

  /** @throws Error when the block breaks the rules */
  read(block: Uint8Array): Field[] {
    this.#block = [...block];
    const fields: Field[] = [];
    while (this.#block.length > 0) {
      const bits = this.#block[0]!.toString(2).padStart(8, '0');
      if (bits.startsWith('1')) {
        const [name, value] = this.#entry(this.#integer(7));
        fields.push({ name, value, sensitive: false });
      } else if (bits.startsWith('001')) {
        if (fields.length > 0) throw new Error('a size update after a field');
        const size = this.#integer(5);
        if (size > this.allowed) throw new Error('a size above the limit');
        this.bytesMax = size;
        this.#shrink();
      } else {
        const adds = bits.startsWith('01');
        const index = this.#integer(adds ? 6 : 4);
        const name = index === 0 ? this.#string() : this.#entry(index)[0];
        const value = this.#string();
        fields.push({ name, value, sensitive: bits.startsWith('0001') });
        if (adds) this.entries.unshift([name, value]);
        this.#shrink();
      }
    }
    return fields;
  }

  #shrink(): void {
    while (this.bytes > this.bytesMax) this.entries.pop();
  }

  #entry(index: number): readonly [string, string] {
    const entry = index === 0 ? undefined : (STATIC[index] ?? this.entries[index - STATIC.length]);
    if (entry === undefined) throw new Error('no such index');
    return entry;
  }

  #byte(): number {
    const byte = this.#block.shift();
    if (byte === undefined) throw new Error('cut off');
    return byte;
  }

  #integer(prefixBits: number): number {
    const most = 2 ** prefixBits - 1;
    const prefix = this.#byte() & most;
    if (prefix < most) return prefix;
    const rest: number[] = [];
    do rest.push(this.#byte());
    while (rest.at(-1)! >= 128);
    const value = rest.reduceRight((sum, byte) => sum * 128 + (byte % 128), 0) + most;
    if (rest.length > 5 || value > 2 ** 31 - 1) throw new Error('too large an integer');
    return value;
  }

  #string(): string {
    const coded = (this.#block[0] ?? 0) >= 128;
    const length = this.#integer(7);
    if (length > this.#block.length) throw new Error('cut off');
    const bytes = this.#block.splice(0, length);
    return String.fromCharCode(...(coded ? plain(bytes) : bytes));
  }
}

function plain(bytes: readonly number[]): number[] {
  const out: number[] = [];
  let code = '';
  for (const bit of bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('')) {
    code += bit;
    const symbol = SYMBOLS.get(code);
    if (symbol === 256) throw new Error('EOS');
    if (symbol === undefined) continue;
    out.push(symbol);
    code = '';
  }
  if (code.length > 7 || code.includes('0')) throw new Error('padding');
  return out;
}
