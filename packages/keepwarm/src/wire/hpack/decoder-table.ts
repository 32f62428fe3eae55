/**
 * The decoder's dynamic table (RFC 7541 § 2.3.2, § 4): a ring of names and values, newest first by index.
 *
 * Invariants, true whenever no method is running:
 *   (1) bytes = Σ (name + value + 32) over the entries ≤ bytesMax.
 *   (2) Two equal generations mean that nothing has changed in between: every index means the same, and a block
 *       that did nothing to the table would do nothing to it again.
 */
import { ENTRY_OVERHEAD } from './static-table.ts';

export class DecoderTable {
  #names: string[] = new Array(16).fill('');
  #values: string[] = new Array(16).fill('');
  /** Where the next entry goes. */
  #next = 0;
  #count = 0;
  #bytes = 0;
  #bytesMax: number;
  #generation = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  get generation(): number {
    return this.#generation;
  }

  /** @param nth 0 for the newest; below `count` */
  name(nth: number): string {
    return this.#names[(this.#next - 1 - nth) & (this.#names.length - 1)]!;
  }

  value(nth: number): string {
    return this.#values[(this.#next - 1 - nth) & (this.#values.length - 1)]!;
  }

  /** Adds an entry, evicting the oldest until it fits. One that can never fit empties the table (§ 4.4). */
  add(name: string, value: string): void {
    const bytes = name.length + value.length + ENTRY_OVERHEAD;
    if (bytes > this.#bytesMax) {
      this.#evict(0);
      return;
    }
    this.#evict(this.#bytesMax - bytes);
    if (this.#count === this.#names.length) this.#grow();
    this.#names[this.#next] = name;
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) & (this.#names.length - 1);
    this.#count++;
    this.#bytes += bytes;
    this.#generation++;
  }

  resize(bytesMax: number): void {
    if (bytesMax !== this.#bytesMax) this.#generation++;
    this.#bytesMax = bytesMax;
    this.#evict(bytesMax);
  }

  #evict(bytesMax: number): void {
    while (this.#bytes > bytesMax) {
      const oldest = (this.#next - this.#count) & (this.#names.length - 1);
      this.#bytes -= this.#names[oldest]!.length + this.#values[oldest]!.length + ENTRY_OVERHEAD;
      this.#names[oldest] = this.#values[oldest] = '';
      this.#count--;
      this.#generation++;
    }
  }

  #grow(): void {
    const size = this.#names.length;
    const names: string[] = new Array(size * 2).fill('');
    const values: string[] = new Array(size * 2).fill('');
    for (let i = 0; i < size; i++) {
      names[i] = this.#names[(this.#next + i) & (size - 1)]!;
      values[i] = this.#values[(this.#next + i) & (size - 1)]!;
    }
    this.#names = names;
    this.#values = values;
    this.#next = size;
  }
}
