/** `grpc-timeout`: a number of at most eight digits and a unit (grpc/grpc doc/PROTOCOL-HTTP2.md, "Timeout"). */

const DIGITS_MAX = 99_999_999;

/** From the finest that is needed to the coarsest there is; milliseconds of each. */
const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['m', 1],
  ['S', 1_000],
  ['M', 60_000],
  ['H', 3_600_000],
];

/**
 * Rounded up: our own timer is the exact one, and the peer must not give up before it.
 *
 * @param ms above 0; `Infinity` for none
 * @returns nothing for none
 */
export function timeoutText(ms: number): string | undefined {
  if (ms === Number.POSITIVE_INFINITY) return undefined;
  for (const [unit, length] of UNITS) {
    const count = Math.max(Math.ceil(ms / length), 1);
    if (count <= DIGITS_MAX) return `${count}${unit}`;
  }
  return `${DIGITS_MAX}H`; // eleven thousand years
}
