/**
 * Errors that say that too much was asked for in one call: too many blocks, or too much in them. Where the line is
 * differs from provider to provider, and so do the words and codes (-32005, -32600, -32602, -32614, 35, …).
 *
 * Words are those of geth, Erigon, Reth and Nethermind, and of Alchemy, Ankr, BlockPi, Chainstack, dRPC, Infura,
 * LlamaNodes, Merkle, PublicNode, QuickNode, thirdweb and the gateway proxyd, as their pages and users have them.
 */
import type { TooMuch } from '../../clients/jsonrpc/answer-traits.ts';
import type { RpcErrorObject } from '../../wire/jsonrpc/answer.ts';
import { wordsOf } from './error-words.ts';

/** First, as such a message may well propose a range of blocks. */
const RESULTS: readonly RegExp[] = [
  /returned more than|too many (?:results|logs)|exceeds? (?:the )?max(?:imum)? results|exceeds? limit of \d/,
  /(?:response|result)s? (?:is |size )?(?:too|exceed|should not)/,
];
const RANGE: readonly RegExp[] = [
  /block range|range (?:is )?(?:too|exceed|limit)|ranges? over \d|max(?:imum)? range/,
  /exceeds? (?:the |max(?:imum)? )?(?:block )?range|too many blocks|requested blocks/,
  /limited to (?:a )?[\d,. k-]+ ?(?:blocks? )?range/,
];

export function tooMuchIn({ message, data }: RpcErrorObject): TooMuch | undefined {
  return tooMuchSaid(wordsOf(message, data));
}

/** @param words in lower case */
export function tooMuchSaid(words: string): TooMuch | undefined {
  if (RESULTS.some((pattern) => pattern.test(words))) return 'results';
  return RANGE.some((pattern) => pattern.test(words)) ? 'range' : undefined;
}
