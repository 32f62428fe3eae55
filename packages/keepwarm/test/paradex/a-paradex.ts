/** A Paradex client and the stand-in it talks to, with a key and cryptography of `starknet`'s. */
import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';

import { ec, Signer, type TypedData, typedData } from 'starknet';
import { feltOf } from '../../src/adapters/paradex/typed-data.ts';
import {
  createParadex,
  type NewParadexOrder,
  type ParadexOptions,
  type StarkSigner,
  type StarkTypedData,
} from '../../src/paradex.ts';
import type { ParadexServerOptions } from '../../src/testing/paradex/rules.ts';
import { startParadexServer } from '../../src/testing/paradex/server.ts';

export const CHAIN = 'PRIVATE_SN_PARACLEAR_MAINNET';
const PRIVATE_KEY = '0x5eed';
export const ACCOUNT = '0x1234abcd';
const PUBLIC_KEY = ec.starkCurve.getStarkKey(PRIVATE_KEY);

export const ORDER: NewParadexOrder = {
  market: 'BTC-USD-PERP',
  side: 'BUY',
  type: 'LIMIT',
  size: '0.1',
  price: '100000.5',
};

const hashOf = (data: object, account: string): string =>
  typedData
    .getMessageHash(data as TypedData, account)
    .slice(2)
    .padStart(64, '0');
const FULL_KEY = ec.starkCurve.getPublicKey(PRIVATE_KEY, true);

export const verify: ParadexServerOptions['verify'] = (data, account, [r, s], publicKey) => {
  const signature = new ec.starkCurve.Signature(BigInt(r!), BigInt(s!));
  return publicKey === PUBLIC_KEY && ec.starkCurve.verify(signature, hashOf(data, account), FULL_KEY);
};

/** In place of Pedersen and the curve, which take 50 ms each: timing is then that of the faults alone. */
const digest = (data: object, account: string): string => {
  const { primaryType, domain, message } = data as StarkTypedData;
  const felts = [...Object.values(domain), ...Object.values(message)].map(feltOf);
  return `0x${createHash('sha256')
    .update(JSON.stringify([primaryType, account, ...felts]))
    .digest('hex')}`;
};
const quickSigner: StarkSigner = {
  signMessage: (data, account) => Promise.resolve([digest(data, account), '0x1']),
};
const quickVerify: ParadexServerOptions['verify'] = (data, account, [r]) =>
  BigInt(r!) === BigInt(digest(data, account));

const quickAccounts = [
  { account: ACCOUNT, signer: quickSigner, ethereumAccount: '0xe', publicKey: PUBLIC_KEY },
] as const;
export const realAccounts = [{ ...quickAccounts[0], signer: new Signer(PRIVATE_KEY) }] as const;

/** An order's fate is known within two or three seconds, also on a busy machine. */
export const QUICK = {
  ...{ recvWindowMs: 1_500, settleMs: 100, askMs: 20, reconcileMs: 30_000, deadlineMs: 15_000 },
  limits: { firstByteMs: 1_500 },
  breaker: false,
} as const;

/** A machine that is busy with other things is no black hole. */
const SLOW = { attemptMs: Number.POSITIVE_INFINITY } as const;

/** With cheap signatures, unless both sides are told otherwise. */
export async function aParadex(
  t: TestContext,
  options: ParadexOptions = {},
  serving: Partial<ParadexServerOptions> = {},
) {
  const known = { chainId: CHAIN, accounts: { [ACCOUNT]: PUBLIC_KEY } };
  const server = await startParadexServer({ verify: quickVerify, ...known, ...serving });
  const paradex = createParadex({
    restUrl: server.restUrl,
    wsUrl: server.wsUrl,
    accounts: quickAccounts,
    retry: SLOW,
    ...options,
  });
  t.after(async () => {
    await paradex.close({ deadlineMs: 0 });
    await server.close();
  });
  return { server, paradex };
}
