/**
 * The Huffman code of RFC 7541, Appendix B, from the lengths of its codes alone.
 *
 * The code is canonical: codes of one length are consecutive numbers in the order of their symbols, and the first of a
 * length follows the last of the length before. So the lengths determine it, and a typing error in them shows at once:
 * they would no longer fill the code space exactly.
 */
import { invariant } from '../../core/error.ts';

/** The symbol that ends nothing: it may not occur, and its leading ones pad the last byte (RFC 7541 § 5.2). */
export const EOS = 256;

/** The longest code, in bits. */
export const CODE_BITS_MAX = 30;

/** Bits of each symbol's code: 0 to 255 are bytes, 256 is EOS. */
export const CODE_BITS: Uint8Array = Uint8Array.of(
  ...[13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28],
  ...[28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28],
  ...[6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6],
  ...[5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10],
  ...[13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
  ...[7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6],
  ...[15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5],
  ...[6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28],
  ...[20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23],
  ...[24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24],
  ...[22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23],
  ...[21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23],
  ...[26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25],
  ...[19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27],
  ...[20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23],
  ...[26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26],
  30,
);

/** Each symbol's code, right-aligned. */
export const CODES = new Uint32Array(EOS + 1);

/** By length: the symbols with codes of that length, in the order of their codes. */
export const SYMBOLS_OF_LENGTH: readonly (readonly number[])[] = Array.from({ length: CODE_BITS_MAX + 1 }, (_, bits) =>
  Array.from(CODE_BITS.keys()).filter((symbol) => CODE_BITS[symbol] === bits),
);

/** By length: the first code of that length, right-aligned. */
export const FIRST_CODE = new Uint32Array(CODE_BITS_MAX + 1);

let next = 0;
for (let bits = 1; bits <= CODE_BITS_MAX; bits++) {
  next *= 2;
  FIRST_CODE[bits] = next;
  for (const symbol of SYMBOLS_OF_LENGTH[bits]!) CODES[symbol] = next++;
}
invariant(next === 2 ** CODE_BITS_MAX, 'the lengths of the Huffman code do not fill the code space');
