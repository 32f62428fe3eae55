/**
 * Whole numbers of 64 bits between their halves, `bigint` and `number`. Through memory that both share, since
 * `BigInt()` and `Number()` leave compiled code each time, which shows where every field of a message is one.
 */

const WHOLE = new BigUint64Array(1);
const HALVES = new Uint32Array(WHOLE.buffer);
/** Which half stands first is the machine's choice. */
const LOW = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;
const HIGH = 1 - LOW;
const UNIT_OF_HIGH = 2 ** 32;

/** @param low the lower 32 bits, as `high` the upper: of each, what is beyond 32 bits is ignored */
export function bigOf(low: number, high: number): bigint {
  HALVES[LOW] = low;
  HALVES[HIGH] = high;
  return WHOLE[0]!;
}

/** As `Number`, for 0 to 2^64-1. */
export function numberOf(whole: bigint): number {
  WHOLE[0] = whole;
  return HALVES[HIGH]! * UNIT_OF_HIGH + HALVES[LOW]!;
}
