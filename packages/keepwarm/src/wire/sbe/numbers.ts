/**
 * Whole numbers of 64 bits, as SBE carries money and counts: never through a fraction of binary floating point.
 *
 * Up to 2⁵³ they are taken as numbers, of which whole ones are exact, and their digits split by remainder, which is
 * exact too; beyond, as BigInt.
 */

/** What an optional field of 64 bits holds when it holds nothing. Source: SBE 1.0, "Null values": the least of all. */
export const NULL_INT64 = -(2n ** 63n);

/** Upper halves between which the whole number is within ±2⁵³. */
const HIGH_MAX = 2 ** 21;
const HALF = 2 ** 32;
/** The upper half of the null value; its lower half is 0. */
const NULL_HIGH = -(2 ** 31);

const ZEROS = '0'.repeat(32);

export const isNull = (view: DataView, at: number): boolean =>
  view.getInt32(at + 4, true) === NULL_HIGH && view.getUint32(at, true) === 0;

/**
 * The number of that many decimal places, without zeros at its end: `4200050000000` of 8 places is `42000.5`.
 *
 * @param places from 1 to 15
 */
export function decimalAt(view: DataView, at: number, places: number): string {
  const high = view.getInt32(at + 4, true);
  if (high < -HIGH_MAX || high >= HIGH_MAX) return decimalOf(view.getBigInt64(at, true), places);
  const mantissa = high * HALF + view.getUint32(at, true);
  const scale = 10 ** places;
  const size = mantissa < 0 ? -mantissa : mantissa;
  let rest = size % scale;
  const whole = (size - rest) / scale;
  const sign = mantissa < 0 ? '-' : '';
  if (rest === 0) return `${sign}${whole}`;
  let digits = places;
  for (; rest % 10 === 0; digits--) rest /= 10;
  const text = `${rest}`;
  return `${sign}${whole}.${ZEROS.slice(0, digits - text.length)}${text}`;
}

function decimalOf(mantissa: bigint, places: number): string {
  const negative = mantissa < 0n;
  const digits = (negative ? -mantissa : mantissa).toString().padStart(places + 1, '0');
  const whole = digits.slice(0, -places);
  const rest = digits.slice(-places).replace(/0+$/, '');
  return `${negative ? '-' : ''}${whole}${rest === '' ? '' : `.${rest}`}`;
}

/** A count; nothing for one a number cannot hold exactly. */
export function countAt(view: DataView, at: number): number | undefined {
  const high = view.getInt32(at + 4, true);
  return high < -HIGH_MAX || high >= HIGH_MAX ? undefined : high * HALF + view.getUint32(at, true);
}
