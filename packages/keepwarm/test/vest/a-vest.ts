/** A Vest client and the stand-in it talks to, with keys and cryptography of viem's. */
import type { TestContext } from 'node:test';
import {
  encodeAbiParameters,
  type Hex,
  keccak256,
  recoverMessageAddress,
  recoverTypedDataAddress,
  type TypedDataDefinition,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import type { VestCrypto, VestServerOptions } from '../../src/testing/vest/rules.ts';
import { startVestServer } from '../../src/testing/vest/server.ts';
import { createVest, type NewOrder, type VestOptions } from '../../src/vest.ts';

export const CONTRACT = '0x919386306C47b2Fe1036e3B4F7C40D22D2461a23';

export const vestCrypto: VestCrypto = {
  hashOf: (types, values) => {
    const whole = values.map((value) => (typeof value === 'number' ? BigInt(value) : value));
    return keccak256(
      encodeAbiParameters(
        types.map((type) => ({ type })),
        whole,
      ),
    );
  },
  recoverMessage: (hash, signature) =>
    recoverMessageAddress({ message: { raw: hash as Hex }, signature: signature as Hex }),
  recoverTypedData: (proof, signature) =>
    recoverTypedDataAddress({ ...(proof as TypedDataDefinition), signature: signature as Hex }),
};

export const keyOf = (n: number) => privateKeyToAccount(`0x${n.toString(16).padStart(64, '0')}`);

export function anAccount(n: number, name = `account ${n}`) {
  return { name, primary: keyOf(2 * n + 1), signer: keyOf(2 * n + 2) };
}

export const ORDER: NewOrder = {
  symbol: 'BTC-PERP',
  isBuy: true,
  size: '0.1000',
  orderType: 'LIMIT',
  limitPrice: '100000.00',
};

/** For what is to be placed: a window no busy machine misses. What is never there is known only when it has closed. */
export const WIDE = { recvWindowMs: 20_000 } as const;

/** An order's fate is known within two or three seconds, also on a machine that is busy with other things. */
export const QUICK = {
  ...{ recvWindowMs: 1_500, settleMs: 100, askMs: 20, deadlineMs: 15_000, reconcileMs: 30_000 },
  limits: { firstByteMs: 1_200 },
  breaker: false,
} as const;

/** A machine that is busy with other things is no black hole. */
export const SLOW = { attemptMs: Number.POSITIVE_INFINITY } as const;

export async function aVest(
  t: TestContext,
  { accounts = [anAccount(0)], ...options }: VestOptions = {},
  serving: Partial<VestServerOptions> = {},
) {
  const server = await startVestServer({ crypto: vestCrypto, contract: CONTRACT, ...serving });
  const vest = createVest({ restUrl: server.restUrl, wsUrl: server.wsUrl, accounts, retry: SLOW, ...options });
  t.after(async () => {
    await vest.close({ deadlineMs: 0 });
    await server.close();
  });
  return { server, vest };
}
