/**
 * Strings in the Huffman code of RFC 7541 § 5.2.
 *
 * Reading looks eight bits up at once: that settles every code of up to eight bits, which is every letter, every digit
 * and most punctuation. Longer ones are read bit by bit, as they hardly occur. Whatever comes out depends only on the
 * bytes between `from` and `to`.
 */
import { HpackError } from './error.ts';
import { CODE_BITS, CODE_BITS_MAX, CODES, EOS, FIRST_CODE, SYMBOLS_OF_LENGTH } from './huffman-code.ts';

const SHORT_BITS = 8;

/** By the next eight bits: symbol × 16 + bits of its code, or 0 where the code is longer. */
const SHORT = new Uint16Array(1 << SHORT_BITS);
for (let symbol = 0; symbol < EOS; symbol++) {
  const spare = SHORT_BITS - CODE_BITS[symbol]!;
  if (spare < 0) continue;
  const first = CODES[symbol]! << spare;
  SHORT.fill((symbol << 4) | CODE_BITS[symbol]!, first, first + (1 << spare));
}

/** Bytes that `bytes` of code can become at most: no code is shorter than five bits. */
export function huffmanDecodedMax(bytes: number): number {
  return Math.floor((bytes * 8) / 5);
}

/**
 * Decodes the bytes from `from` to `to` into `into`, which has room for `huffmanDecodedMax` of them.
 *
 * @returns how many bytes it became
 * @throws HpackError on EOS, on padding that is not the beginning of EOS, or of more than seven bits
 */
export function huffmanDecode(bytes: Uint8Array, from: number, to: number, into: Uint8Array): number {
  let at = from;
  let bits = 0;
  let held = 0;
  let out = 0;
  for (;;) {
    while (held <= 24 && at < to) {
      bits = (bits << 8) | bytes[at++]!;
      held += 8;
    }
    if (held < SHORT_BITS) break;
    let short = SHORT[(bits >>> (held - SHORT_BITS)) & 0xff]!;
    if (short !== 0) {
      // As long as a whole lookup is held, there is nothing to refill.
      do {
        into[out++] = short >>> 4;
        held -= short & 0xf;
      } while (held >= SHORT_BITS && (short = SHORT[(bits >>> (held - SHORT_BITS)) & 0xff]!) !== 0);
      continue;
    }
    const start = at * 8 - held;
    const symbol = longSymbol(bytes, start, to * 8);
    into[out++] = symbol;
    const next = start + CODE_BITS[symbol]!;
    at = next >>> 3;
    held = 0;
    if ((next & 7) !== 0) {
      bits = bytes[at++]!;
      held = 8 - (next & 7);
    }
  }
  return lastBits(bits, held, into, out);
}

/** What is left is less than a byte: perhaps one more symbol, then ones. */
function lastBits(bits: number, left: number, into: Uint8Array, decoded: number): number {
  let held = left;
  let out = decoded;
  while (held > 0) {
    const padded = ((bits << (SHORT_BITS - held)) | (0xff >>> held)) & 0xff;
    const short = SHORT[padded]!;
    if (short === 0 || (short & 0xf) > held) {
      if (padded !== 0xff) throw new HpackError('a Huffman code is cut off, or padded with other bits than ones');
      break;
    }
    into[out++] = short >>> 4;
    held -= short & 0xf;
  }
  return out;
}

/** The symbol whose code of more than eight bits starts at bit `start`; `end` is the bit after the last. */
function longSymbol(bytes: Uint8Array, start: number, end: number): number {
  let code = 0;
  for (let length = 1; length <= CODE_BITS_MAX; length++) {
    const at = start + length - 1;
    if (at >= end) throw new HpackError('a Huffman code is cut off, or its padding is longer than seven bits');
    code = code * 2 + ((bytes[at >>> 3]! >>> (7 - (at & 7))) & 1);
    const symbols = SYMBOLS_OF_LENGTH[length]!;
    const nth = code - FIRST_CODE[length]!;
    if (nth < 0 || nth >= symbols.length) continue;
    const symbol = symbols[nth]!;
    if (symbol === EOS) break;
    return symbol;
  }
  throw new HpackError('a Huffman-coded string has the EOS symbol in it');
}

/**
 * Bytes `text` takes in Huffman code.
 *
 * @throws RangeError for characters beyond latin1: what cannot be sent is never cut to what can
 */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) throw new RangeError('a field has a character beyond latin1 in it');
    bits += CODE_BITS[code]!;
  }
  return (bits + 7) >>> 3;
}

/** Writes `text`, whose characters `huffmanLength` has seen, at `at`; returns the place after it. */
export function huffmanEncode(text: string, into: Uint8Array, at: number): number {
  let bits = 0;
  let held = 0;
  let out = at;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    const length = CODE_BITS[symbol]!;
    const code = CODES[symbol]!;
    if (length > 24) {
      // With up to seven bits held back, 32 would not hold it: in two pieces.
      bits = (bits << (length - 16)) | (code >>> 16);
      held += length - 16;
      for (; held >= 8; held -= 8) into[out++] = bits >>> (held - 8);
      bits = (bits << 16) | (code & 0xffff);
      held += 16;
    } else {
      bits = (bits << length) | code;
      held += length;
    }
    for (; held >= 8; held -= 8) into[out++] = bits >>> (held - 8);
  }
  if (held > 0) into[out++] = (bits << (8 - held)) | (0xff >>> held);
  return out;
}
