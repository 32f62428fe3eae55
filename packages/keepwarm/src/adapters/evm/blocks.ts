/** Block numbers in params and results: how far a node must have come, how far it has, and what changes no more. */

import type { HeightRange } from '../../clients/jsonrpc/answer-traits.ts';

/**
 * So far below the head nothing changes any more, in blocks. Ethereum is final after 64 to 95; Polygon has had
 * reorganisations of 157 (February 2023). Ours: more than both.
 */
export const FINAL_DEPTH = 256;

/** `0x1b4`; numbers and bigints as well, as callers write them. Nothing for tags and hashes. */
export function numberOf(value: unknown): number | undefined {
  const number =
    typeof value === 'string' && /^0x[0-9a-f]{1,14}$/i.test(value)
      ? Number(value)
      : typeof value === 'number' || typeof value === 'bigint'
        ? Number(value)
        : undefined;
  return number !== undefined && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

export const paramOf = (params: unknown, index: number): unknown => (Array.isArray(params) ? params[index] : undefined);

export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

/** The number a block param names: a quantity, `earliest`, or `{ blockNumber }` (EIP-1898). */
function blockOf(param: unknown): number | undefined {
  if (param === 'earliest') return 0;
  return numberOf(param) ?? numberOf(fieldOf(param, 'blockNumber'));
}

/** For methods whose param at this index is a block. */
export const blockAt = (index: number) => (params: unknown) => blockOf(paramOf(params, index));

/** The blocks a filter covers, if both of its ends are numbers. */
export function rangeOfFilter(params: unknown): HeightRange | undefined {
  const filter = paramOf(params, 0);
  const from = numberOf(fieldOf(filter, 'fromBlock'));
  const to = numberOf(fieldOf(filter, 'toBlock'));
  return from === undefined || to === undefined ? undefined : { from, to };
}

/** The same search in other blocks. */
export function withRange(params: unknown, { from, to }: HeightRange): unknown {
  const [filter, ...rest] = params as readonly object[];
  return [{ ...filter, fromBlock: quantity(from), toBlock: quantity(to) }, ...rest];
}

const quantity = (height: number): string => `0x${height.toString(16)}`;

/** The last block a filter covers, if both of its ends are numbers: otherwise it reaches up to the head. */
export function lastOfFilter(params: unknown): number | undefined {
  const filter = paramOf(params, 0);
  const from = blockOf(fieldOf(filter, 'fromBlock'));
  const to = blockOf(fieldOf(filter, 'toBlock'));
  return from === undefined || to === undefined ? undefined : to;
}

const isHead = (param: unknown): boolean => param === 'latest';

/**
 * For methods whose param at this index is a block: the same of this height, where that is the head.
 *
 * @param optional the block may be left out, and is the head then; nodes agree on that of few methods
 */
export const headAt =
  (index: number, optional = false) =>
  (params: unknown, height: number): unknown => {
    if (!Array.isArray(params)) return undefined;
    const leftOut = optional && params.length === index;
    return leftOut || isHead(params[index]) ? params.toSpliced(index, 1, quantity(height)) : undefined;
  };

/**
 * For filters that reach up to the head: up to this height. What begins above it is left as it is.
 *
 * @param optional either end may be left out, and is the head then
 */
export const filterAt =
  (optional = false) =>
  (params: unknown, height: number): unknown => {
    const filter = paramOf(params, 0);
    if (typeof filter !== 'object' || filter === null) return undefined;
    const heightOf = (end: unknown): number | undefined =>
      isHead(end) || (optional && end === undefined) ? height : blockOf(end);
    const { from, to } = { from: fieldOf(filter, 'fromBlock'), to: fieldOf(filter, 'toBlock') };
    if (blockOf(to) !== undefined || fieldOf(filter, 'blockHash') !== undefined) return undefined;
    const [first, last] = [heightOf(from), heightOf(to)];
    return first === undefined || last === undefined || first > last
      ? undefined
      : withRange(params, { from: first, to: last });
  };

export function isFinal(height: number | undefined, head: number | undefined): boolean {
  return height !== undefined && head !== undefined && height <= head - FINAL_DEPTH;
}

/** The number of a block or of what is in one; nothing for what is pending, whose number is not reached yet. */
export function heightOfBlock(result: unknown): number | undefined {
  return fieldOf(result, 'hash') == null ? undefined : numberOf(fieldOf(result, 'number'));
}

export const heightOfItem = (result: unknown): number | undefined => numberOf(fieldOf(result, 'blockNumber'));

export const heightOfLast = (result: unknown): number | undefined =>
  Array.isArray(result) ? heightOfItem(result.at(-1)) : undefined;

export function heightOfFees(result: unknown): number | undefined {
  const oldest = numberOf(fieldOf(result, 'oldestBlock'));
  const ratios = fieldOf(result, 'gasUsedRatio');
  return oldest !== undefined && Array.isArray(ratios) && ratios.length > 0 ? oldest + ratios.length - 1 : undefined;
}
