/**
 * What Paradex has signed with a StarkNet key, and its hash for whoever signs hashes alone.
 *
 * Source: SNIP-12, revision 0: the hash of `StarkNet Message`, the domain, the account and the message, each structure
 * hashed with the keccak of its type; Pedersen over the elements.
 */
import { Buffer } from 'node:buffer';
import { invalid, show } from '../../clients/options.ts';

interface Field {
  readonly name: string;
  readonly type: 'felt';
}

export type Felt = string | number;

/** As `starknet` takes it. */
export interface StarkTypedData {
  readonly types: { readonly [name: string]: Field[] };
  readonly primaryType: string;
  readonly domain: { readonly name: string; readonly chainId: string; readonly version: string };
  readonly message: { readonly [name: string]: Felt };
}

/** `starknet`'s `Signer` fits as it is. The other form of a signature is that of hardware and of `@scure/starknet`. */
export interface StarkSigner {
  signMessage(
    data: StarkTypedData,
    account: string,
  ): Promise<readonly string[] | { readonly r: bigint; readonly s: bigint }>;
}

const fields = (...names: string[]): Field[] => names.map((name) => ({ name, type: 'felt' }));
const DOMAIN = fields('name', 'chainId', 'version');

/** Source: Paradex's API pages and the code samples they name. */
export function typedData(
  chainId: string,
  primaryType: string,
  message: Readonly<Record<string, Felt>>,
): StarkTypedData {
  return {
    types: { StarkNetDomain: DOMAIN, [primaryType]: fields(...Object.keys(message)) },
    primaryType,
    domain: { name: 'Paradex', chainId: feltOf(chainId), version: '1' },
    message,
  };
}

export const onboardingData = (chainId: string): StarkTypedData =>
  typedData(chainId, 'Constant', { action: 'Onboarding' });

/** @param path as it is requested, base path included */
export const authData = (chainId: string, path: string, timestamp: number, expiration: number): StarkTypedData =>
  typedData(chainId, 'Request', { method: 'POST', path, body: '', timestamp, expiration });

export interface SignedOrder {
  readonly timestamp: number;
  readonly market: string;
  readonly side: 'BUY' | 'SELL';
  readonly type: string;
  readonly size: string;
  /** `0` for orders at the market's price. */
  readonly price: string;
}

export const orderData = (chainId: string, order: SignedOrder): StarkTypedData =>
  typedData(chainId, 'Order', {
    timestamp: order.timestamp,
    market: feltOf(order.market),
    side: order.side === 'BUY' ? '1' : '2',
    orderType: feltOf(order.type),
    size: quantums(order.size),
    price: quantums(order.price),
  });

/** Eight places, the rest cut off, as Paradex counts. @throws NetError `INVALID` for what is no decimal */
export function quantums(decimal: string): string {
  const [, whole, places = ''] = /^(\d{1,30})(?:\.(\d{1,30}))?$/.exec(decimal) ?? [];
  if (whole === undefined) throw invalid(`${show(decimal)} is no decimal; allowed: such as "0.25"`);
  return BigInt(whole + places.slice(0, 8).padEnd(8, '0')).toString();
}

/** A number as it is, a short text as its bytes. @throws NetError `INVALID` for more than 31 bytes */
export function feltOf(value: Felt): string {
  if (typeof value === 'number' || value === '' || /^(?:0x[\da-f]+|\d+)$/i.test(value)) {
    return `0x${BigInt(value).toString(16)}`;
  }
  const bytes = Buffer.from(value, 'ascii');
  if (bytes.length > 31) throw invalid(`${show(value)} does not fit into a field element: 31 bytes at most`);
  return `0x${bytes.toString('hex')}`;
}

/** Of `@scure/starknet`, or of anything like it. */
export interface StarkHashes {
  /** Pedersen over the elements and their count. */
  computeHashOnElements(elements: (bigint | number | string)[]): bigint | number | string | Uint8Array;
  /** The lower 250 bits of keccak256. */
  keccak(bytes: Uint8Array): bigint;
}

/** The last domain by each make of hashes: the same in every order of a client, and more than a quarter of the work. */
const domains = new WeakMap<StarkHashes, { readonly domain: string; readonly hash: bigint }>();

/** What is signed. */
export function messageHash(data: StarkTypedData, account: string, hashes: StarkHashes): bigint {
  const structure = (name: string, values: Readonly<Record<string, Felt>>): bigint => {
    const own = data.types[name] ?? [];
    const type = `${name}(${own.map((field) => `${field.name}:${field.type}`).join(',')})`;
    const elements = own.map((field) => BigInt(feltOf(values[field.name]!)));
    return whole(hashes.computeHashOnElements([hashes.keccak(Buffer.from(type)), ...elements]));
  };
  const domain = JSON.stringify([data.domain, data.types['StarkNetDomain']]);
  let known = domains.get(hashes);
  if (known?.domain !== domain) {
    known = { domain, hash: structure('StarkNetDomain', data.domain) };
    domains.set(hashes, known);
  }
  const message = structure(data.primaryType, data.message);
  const all = [BigInt(feltOf('StarkNet Message')), known.hash, BigInt(account), message];
  return whole(hashes.computeHashOnElements(all));
}

const whole = (hash: bigint | number | string | Uint8Array): bigint =>
  BigInt(hash instanceof Uint8Array ? `0x${Buffer.from(hash).toString('hex')}` : hash);

/** As Paradex's header and field want it. */
export function signatureText(signature: readonly string[] | { readonly r: bigint; readonly s: bigint }): string {
  const [r, s] = 'r' in signature ? [signature.r, signature.s] : signature;
  if (r === undefined || s === undefined) throw invalid('the signer gave no r and s');
  return JSON.stringify([BigInt(r).toString(), BigInt(s).toString()]);
}
