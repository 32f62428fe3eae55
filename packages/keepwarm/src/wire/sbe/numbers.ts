/**
 * Whole numbers of 64 bits, as SBE carries money and counts: never through a fraction of binary floating point.
 *
 * Up to 2⁵³ they are taken as numbers, of which whole ones are exact, and their digits split by remainder, which is
 * exact too; beyond, as BigInt.
 */

/** Upper halves between which the whole number is within ±2⁵³. */
const HIGH_MAX = 2 ** 21;
const HALF = 2 ** 32;
const INT32 = 2 ** 31;
/** The upper half of the null value, the least there is (SBE 1.0, "Null values"); its lower half is 0. */
const NULL_HIGH = -(2 ** 31);

const ZEROS = '0'.repeat(32);

/**
 * A reader of numbers of that many decimal places: `4200050000000` of 8 places is `42000.5`, without zeros at its end.
 * It gives nothing for the null value.
 *
 * @param places from 1 to 15
 */
export function decimals(places: number): (view: DataView, at: number) => string | undefined {
  const scale = 10 ** places;
  return (view, at) => {
    const low = view.getUint32(at, true);
    const high = view.getInt32(at + 4, true);
    if (high < -HIGH_MAX || high >= HIGH_MAX) {
      return high === NULL_HIGH && low === 0 ? undefined : decimalOf(view.getBigInt64(at, true), places);
    }
    const mantissa = high * HALF + low;
    const size = mantissa < 0 ? -mantissa : mantissa;
    let whole = Math.floor(size / scale); // one too many where the quotient was rounded up to it; the product is exact
    let rest = size - whole * scale;
    if (rest < 0) {
      whole--;
      rest += scale;
    }
    const text = rest === 0 ? `${whole}` : `${whole}.${fraction(rest, places)}`;
    return mantissa < 0 ? `-${text}` : text;
  };
}

/** Its last digit that is not 0 is the last. */
function fraction(rest: number, places: number): string {
  let digits = places;
  let left = rest;
  if (left >= INT32) {
    for (; left % 10 === 0; digits--) left /= 10; // slow, and of more than nine places only
  } else {
    let small = left | 0; // what a processor divides quickly
    for (; small % 10_000 === 0; digits -= 4) small = (small / 10_000) | 0;
    for (; small % 10 === 0; digits--) small = (small / 10) | 0;
    left = small;
  }
  const text = `${left}`;
  return text.length === digits ? text : ZEROS.slice(0, digits - text.length) + text;
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
