/**
 * The four types of Ethereum's ABI that Vest's signatures are made of.
 *
 * Source: Solidity documentation, "Contract ABI Specification", § Formal specification of the encoding: a head of 32
 * bytes for each value, which for a string says where in the tail its length and bytes stand.
 */
import { Buffer } from 'node:buffer';
import { invalid, show } from '../../clients/options.ts';

export type AbiType = 'uint256' | 'bool' | 'address' | 'string';
export type AbiValue = bigint | number | boolean | string;

const WORD_BYTES = 32;
const UINT_MAX = 2n ** 256n;
const ADDRESS = /^0x[\da-f]{40}$/i;

/** @throws NetError `INVALID` naming the place of a value that is not of its type */
export function abiEncode(types: readonly AbiType[], values: readonly AbiValue[]): Uint8Array {
  const heads: Uint8Array[] = [];
  const tails: Uint8Array[] = [];
  let tailBytes = types.length * WORD_BYTES;
  for (const [index, type] of types.entries()) {
    const value = values[index];
    if (type !== 'string') {
      heads.push(word(bits(type, value, index)));
      continue;
    }
    if (typeof value !== 'string') throw wrong(index, type, value);
    const bytes = Buffer.from(value, 'utf8');
    const padded = new Uint8Array(Math.ceil(bytes.length / WORD_BYTES) * WORD_BYTES);
    padded.set(bytes);
    heads.push(word(BigInt(tailBytes)));
    tails.push(word(BigInt(bytes.length)), padded);
    tailBytes += WORD_BYTES + padded.length;
  }
  return Buffer.concat([...heads, ...tails]);
}

function bits(type: Exclude<AbiType, 'string'>, value: AbiValue | undefined, index: number): bigint {
  if (type === 'bool' && typeof value === 'boolean') return value ? 1n : 0n;
  if (type === 'address' && typeof value === 'string' && ADDRESS.test(value)) return BigInt(value);
  if (type === 'uint256' && (typeof value === 'bigint' || Number.isSafeInteger(value))) {
    const whole = BigInt(value as bigint | number);
    if (whole >= 0n && whole < UINT_MAX) return whole;
  }
  throw wrong(index, type, value);
}

function word(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(2 * WORD_BYTES, '0'), 'hex');
}

const wrong = (index: number, type: AbiType, value: unknown) =>
  invalid(`value ${index} of what is signed is ${show(value)}; allowed: ${type}`);
