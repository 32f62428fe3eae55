/**
 * Answers kept in memory, by address and by who asked for them how, within bounds: the longest unused makes room.
 *
 * Invariants:
 *   (1) entries ≤ entriesMax, and their bytes ≤ bytesMax.
 *   (2) What was asked for before an address changed is not kept once it has. Changes of so many addresses are
 *       remembered; of those before, the latest stands for all.
 */
import { Chain, type Link } from '../algo/chain.ts';
import type { ReplyFields } from '../core/reply-fields.ts';
import type { Terms } from './cache-rules.ts';

export class CacheEntry implements Link<CacheEntry> {
  readonly address: string;
  readonly key: string;
  readonly status: number;
  readonly body: Uint8Array;
  headers: ReplyFields;
  terms: Terms;
  /** When its head arrived, or it was last validated, on the monotonic clock. */
  storedAt: number;
  /** Whether it is being validated while it is used. */
  revalidating = false;
  chainBefore: CacheEntry | undefined;
  chainAfter: CacheEntry | undefined;

  constructor(of: Pick<CacheEntry, 'address' | 'key' | 'status' | 'body' | 'headers' | 'terms' | 'storedAt'>) {
    this.address = of.address;
    this.key = of.key;
    this.status = of.status;
    this.body = of.body;
    this.headers = of.headers;
    this.terms = of.terms;
    this.storedAt = of.storedAt;
  }

  ageMs(now: number): number {
    return this.terms.ageMs + (now - this.storedAt);
  }
}

/** What an entry takes beside its body, about: names and values of fields twice, maps, and itself. */
const ENTRY_BYTES = 2_048;
/** Changed addresses remembered one by one. */
const CHANGES_MAX = 1_000;

export class CacheStore {
  readonly #entriesMax: number;
  readonly #bytesMax: number;
  readonly #byAddress = new Map<string, Map<string, CacheEntry>>();
  /** When each address changed, as a number that grows with each change; the earliest first. */
  readonly #changes = new Map<string, number>();
  #change = 0;
  /** Any address may have changed up to here. */
  #changedBefore = 0;
  /** The longest unused first. */
  readonly #used = new Chain<CacheEntry>();
  #bytes = 0;

  constructor(entriesMax: number, bytesMax: number) {
    this.#entriesMax = entriesMax;
    this.#bytesMax = bytesMax;
  }

  get entries(): number {
    return this.#used.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  find(address: string, key: string): CacheEntry | undefined {
    const entry = this.#byAddress.get(address)?.get(key);
    if (entry === undefined) return undefined;
    this.#used.remove(entry);
    this.#used.push(entry);
    return entry;
  }

  /** In place of what was kept for the same. */
  keep(entry: CacheEntry): void {
    const known = this.#byAddress.get(entry.address)?.get(entry.key);
    if (known !== undefined) this.forget(known);
    let ofAddress = this.#byAddress.get(entry.address);
    if (ofAddress === undefined) this.#byAddress.set(entry.address, (ofAddress = new Map()));
    ofAddress.set(entry.key, entry);
    this.#used.push(entry);
    this.#bytes += sizeOf(entry);
    while (this.#used.size > this.#entriesMax || this.#bytes > this.#bytesMax) this.forget(this.#used.first!);
  }

  /** Harmless when it is not there any more. */
  forget(entry: CacheEntry): void {
    const ofAddress = this.#byAddress.get(entry.address);
    if (ofAddress?.get(entry.key) !== entry) return;
    ofAddress.delete(entry.key);
    if (ofAddress.size === 0) this.#byAddress.delete(entry.address);
    this.#used.remove(entry);
    this.#bytes -= sizeOf(entry);
  }

  /** To be given to `unchanged` when the answer to a call that begins now has come. */
  get moment(): number {
    return this.#change;
  }

  /** Whether an address is as it was at a moment. */
  unchanged(address: string, moment: number): boolean {
    return moment >= Math.max(this.#changes.get(address) ?? 0, this.#changedBefore);
  }

  /** What is behind this address has changed. */
  invalidate(address: string): void {
    for (const entry of [...(this.#byAddress.get(address)?.values() ?? [])]) this.forget(entry);
    this.#changes.delete(address);
    this.#changes.set(address, ++this.#change);
    if (this.#changes.size <= CHANGES_MAX) return;
    const [earliest] = this.#changes;
    this.#changes.delete(earliest![0]);
    this.#changedBefore = earliest![1];
  }

  clear(): void {
    for (const entry of [...this.#used]) this.forget(entry);
    this.#changedBefore = ++this.#change;
    this.#changes.clear();
  }
}

const sizeOf = ({ body, address }: CacheEntry): number => body.length + address.length + ENTRY_BYTES;
