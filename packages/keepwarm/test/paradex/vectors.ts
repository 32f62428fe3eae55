/** Cases that were signed by an implementation of another make: see `make-vectors.ts`. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { authData, onboardingData, orderData, type StarkTypedData } from '../../src/paradex.ts';

export interface VectorCase {
  readonly kind: 'order' | 'auth' | 'onboarding';
  readonly chain: string;
  readonly timestamp: number;
  readonly market: string;
  readonly side: 'BUY' | 'SELL';
  readonly type: string;
  readonly size: string;
  readonly price: string;
  readonly account: string;
  readonly key: string;
}

export interface Vector extends VectorCase {
  readonly hash: string;
  readonly r: string;
  readonly s: string;
}

const hex = (below: bigint) => fc.bigInt({ min: 1n, max: below - 1n }).map((n) => `0x${n.toString(16)}`);
const decimal = fc.oneof(
  fc.tuple(fc.nat(), fc.nat({ max: 99_999_999 })).map(([a, b]) => `${a}.${b}`),
  fc.bigInt({ min: 0n, max: 10n ** 18n }).map(String),
  fc.constantFrom('0', '0.00000001', '000.5', '1.123456789'),
);

/** Ten orders to one request for a token and one onboarding. Nothing in them is beyond what a felt holds. */
export const vectorCase: fc.Arbitrary<VectorCase> = fc.record({
  kind: fc.constantFrom(...Array.from({ length: 20 }, () => 'order' as const), 'auth' as const, 'onboarding' as const),
  chain: fc.constantFrom('PRIVATE_SN_PARACLEAR_MAINNET', 'PRIVATE_SN_POTC_SEPOLIA'),
  timestamp: fc.oneof(fc.nat(), fc.integer({ min: 1_700_000_000_000, max: 2_000_000_000_000 })),
  market: fc.constantFrom('BTC-USD-PERP', 'ETH-USD-PERP', '1INCH-USD-PERP', 'A', 'BTC-USD-100000-C-31DEC26-OPTION'),
  side: fc.constantFrom('BUY' as const, 'SELL' as const),
  type: fc.constantFrom('LIMIT', 'MARKET', 'STOP_LIMIT'),
  size: decimal,
  price: decimal,
  account: hex(2n ** 251n),
  key: hex(2n ** 250n),
});

export function dataOf(made: VectorCase): StarkTypedData {
  const { kind, chain, timestamp, market, side, type, size, price } = made;
  if (kind === 'order') return orderData(chain, { timestamp, market, side, type, size, price });
  return kind === 'auth' ? authData(chain, '/v1/auth', timestamp, timestamp + 600) : onboardingData(chain);
}

export function casesOf(): Vector[] {
  const rows = JSON.parse(readFileSync(new URL('vectors.json', import.meta.url), 'utf8')) as unknown[][];
  return rows.map((row) => {
    const names = ['kind', 'chain', 'timestamp', 'market', 'side', 'type', 'size', 'price', 'account', 'key'];
    return Object.fromEntries([...names, 'hash', 'r', 's'].map((name, i) => [name, row[i]])) as unknown as Vector;
  });
}
