/**
 * Transactions that are sent raw: by what their copies are one, and how one is found that a node refuses because of an
 * earlier copy.
 */
import type { MethodTraits, RpcErrorObject, WriteProof } from '../../clients/jsonrpc/adapter.ts';
import { fieldOf, paramOf } from './blocks.ts';
import { wordsOf } from './error-words.ts';
import { transactionHash } from './raw-transaction.ts';

/** What is wrong with a transaction in itself: none that was taken is told so. */
const MALFORMED =
  /invalid (?:sender|signature|argument|params)|rlp:|oversized data|intrinsic ?gas|chain ?id|parse error|block gas/;

/**
 * Not only the nonce: a copy that was mined may have spent the money as well (Besu looks at the balance first), and one
 * that is pending takes the place of its like.
 */
const mayStand = ({ message, data }: RpcErrorObject): boolean => !MALFORMED.test(wordsOf(message, data));

const isOf = (said: unknown, hash: string): boolean => typeof said === 'string' && said.toLowerCase() === hash;
const writeId = (params: unknown): string | undefined => transactionHash(paramOf(params, 0));

/** Answered with the hash. What is pending is there already. */
export const SENT: Pick<MethodTraits, 'writeId' | 'proof'> = {
  writeId,
  proof: {
    method: 'eth_getTransactionByHash',
    params: (hash) => [hash],
    stands: (result, hash) => isOf(fieldOf(result, 'hash'), hash),
    mayStand,
  },
};

const MINED: WriteProof = {
  method: 'eth_getTransactionReceipt',
  params: (hash) => [hash],
  stands: (result, hash) => isOf(fieldOf(result, 'transactionHash'), hash),
  mayStand,
  answer: 'found',
};

/** Answered with the receipt (EIP-7966). */
export const SENT_SYNC: Pick<MethodTraits, 'writeId' | 'proof'> = { writeId, proof: MINED };
