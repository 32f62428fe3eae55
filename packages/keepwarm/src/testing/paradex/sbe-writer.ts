/**
 * Writes Paradex's binary messages, from its schema (`paradex_1_0.xml` of tradeparadex/paradex-py) and from nothing of
 * what reads them here.
 */
import { Buffer } from 'node:buffer';

/** A decimal, its digits without the point, or none. */
export type SbeAmount = string | bigint | null;
export type SbeLevel = readonly [price: SbeAmount, size: SbeAmount];

interface Common {
  readonly market: string;
  /** In µs since 1970. Default 0. */
  readonly ts?: bigint | undefined;
  /** Default 0. */
  readonly seq?: bigint | undefined;
}

/** What there is to be said. Enumerated values are the numbers of the schema. */
export type ParadexEvent = Common &
  (
    | {
        readonly kind: 'trades';
        /** All its digits. */
        readonly id: string;
        readonly side: number;
        readonly price: SbeAmount;
        readonly size: SbeAmount;
        readonly createdAt: bigint;
        readonly type: number;
      }
    | { readonly kind: 'bbo'; readonly bid: SbeLevel; readonly ask: SbeLevel }
    | {
        readonly kind: 'order_book';
        /** 0 for all of it, 1 for a change. */
        readonly type: number;
        readonly bids: readonly SbeLevel[];
        readonly asks: readonly SbeLevel[];
        /** Bid and ask with those of the user interface, the spread, bid and ask without. */
        readonly best?: readonly [SbeLevel, SbeLevel, SbeAmount, SbeLevel, SbeLevel] | undefined;
      }
    /** 25 figures of 8 places, in the order of the schema; from 1:1 on three more, the last of 12 places. */
    | { readonly kind: 'markets_summary'; readonly figures: readonly SbeAmount[]; readonly later: readonly SbeAmount[] }
    | {
        readonly kind: 'funding_data';
        readonly figures: readonly [rate: SbeAmount, index: SbeAmount, premium: SbeAmount, rate8h: SbeAmount];
        readonly createdAt: bigint;
        readonly hours: number;
        readonly impact: SbeAmount;
      }
    | {
        readonly kind: 'funding_rate_comparison';
        readonly updatedAt: bigint;
        readonly rate: SbeAmount;
        readonly assetKind: number;
        readonly source: number;
      }
  );

/** As a later schema would have it. */
export interface SbeGrowth {
  /** Bytes at the end of the block. Default 0. */
  readonly blockBytes?: number | undefined;
  /** Bytes at the end of each entry of a group. Default 0. */
  readonly entryBytes?: number | undefined;
  /** Texts behind the last. */
  readonly texts?: readonly string[] | undefined;
}

const TEMPLATES = {
  ...{ trades: 1, bbo: 2, order_book: 3, markets_summary: 4, funding_data: 5, funding_rate_comparison: 6 },
} as const;
const NULL = -(2n ** 63n);
const NOTHING: SbeLevel = [null, null];

export function paradexSbe(event: ParadexEvent, version: number, growth: SbeGrowth = {}): Uint8Array {
  const block = new Bytes();
  const groups = new Bytes();
  const texts = new Bytes().text(event.market);
  if (event.kind === 'funding_rate_comparison') block.int64(event.ts ?? 0n);
  else block.int64(event.ts ?? 0n).int64(event.seq ?? 0n);
  writeBlock(block, event, version);
  if (event.kind === 'order_book') {
    for (const levels of [event.bids, event.asks]) {
      groups.uint16(16 + (growth.entryBytes ?? 0)).uint16(levels.length);
      for (const level of levels) groups.amounts(...level).filler(growth.entryBytes ?? 0);
    }
  }
  if (event.kind === 'trades' && version >= 2) texts.text(event.id);
  for (const text of growth.texts ?? []) texts.text(text);
  block.filler(growth.blockBytes ?? 0);
  const header = new Bytes().uint16(block.length).uint16(TEMPLATES[event.kind]).uint16(1).uint16(version);
  return Buffer.concat([header.all, block.all, groups.all, texts.all]);
}

/** Of a template there is none of yet. */
export function unknownSbe(templateId: number): Uint8Array {
  return new Bytes().uint16(8).uint16(templateId).uint16(1).uint16(2).int64(1n).text('BTC-USD-PERP').all;
}

function writeBlock(block: Bytes, event: ParadexEvent, version: number): void {
  switch (event.kind) {
    case 'trades':
      // The lower 64 bits of the id, as a number with a sign: what there is room for.
      block
        .int64(BigInt.asIntN(64, BigInt(event.id)))
        .uint8(event.side)
        .amounts(event.price, event.size);
      return void block.int64(event.createdAt).uint8(event.type);
    case 'bbo':
      return void block.amounts(...event.bid, ...event.ask);
    case 'order_book': {
      const [bid, ask, spread, apiBid, apiAsk] = event.best ?? [NOTHING, NOTHING, null, NOTHING, NOTHING];
      return void block.uint8(event.type).amounts(...bid, ...ask, spread, ...apiBid, ...apiAsk);
    }
    case 'markets_summary': {
      block.amounts(...event.figures);
      const [forward = null, riskFree = null, precise = null] = event.later;
      return void (version >= 1 && block.amounts(forward, riskFree).int64(mantissa(precise, 12)));
    }
    case 'funding_data': {
      const [rate, index, premium, rate8h] = event.figures;
      block
        .amounts(rate, index)
        .int64(event.createdAt)
        .amounts(premium, rate8h)
        .uint16(event.hours & 0xffff);
      return void (version >= 1 && block.amounts(event.impact));
    }
    case 'funding_rate_comparison':
      block.int64(event.updatedAt).int64(mantissa(event.rate, 12));
      return void block.uint8(event.assetKind).uint8(event.source);
  }
}

function mantissa(amount: SbeAmount, places: number): bigint {
  if (amount === null) return NULL;
  if (typeof amount === 'bigint') return amount;
  const [, minus, whole, rest = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(amount)!;
  return BigInt(`${minus}${whole}${rest.slice(0, places).padEnd(places, '0')}`);
}

class Bytes {
  readonly #parts: Buffer[] = [];

  get all(): Buffer {
    return Buffer.concat(this.#parts);
  }
  get length(): number {
    return this.all.length;
  }
  uint8(value: number): this {
    return this.#add(Buffer.from([value]));
  }
  uint16(value: number): this {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(value);
    return this.#add(bytes);
  }
  int64(value: bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return this.#add(bytes);
  }
  /** Of 8 places. */
  amounts(...amounts: readonly SbeAmount[]): this {
    for (const amount of amounts) this.int64(mantissa(amount, 8));
    return this;
  }
  text(text: string): this {
    const bytes = Buffer.from(text, 'utf8');
    return this.uint8(bytes.length).#add(bytes);
  }
  /** What nobody knows yet. */
  filler(bytes: number): this {
    return this.#add(Buffer.alloc(bytes, 0xee));
  }
  #add(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }
}
