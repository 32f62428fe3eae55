/**
 * What answers of Solana nodes mean beside those of others. An account that does not exist is `null` everywhere, and
 * so believed; a transaction, block or status that one node does not have another may.
 *
 * Source: anza-xyz/agave, `rpc/src/rpc.rs`.
 */
import type { AnswerTable, AnswerTraits } from '../../clients/jsonrpc/answer-traits.ts';
import type { Sameness } from '../../clients/jsonrpc/sameness.ts';
import { fieldOf } from './slots.ts';

const thing: AnswerTraits = { empty: (result) => (result === null ? 'absent' : undefined) };

/** One status for each signature: none of them is known. */
const statuses: AnswerTraits = {
  empty: (result) => {
    const value = fieldOf(result, 'value');
    return Array.isArray(value) && value.length > 0 && value.every((each) => each === null) ? 'absent' : undefined;
  },
};

export const ANSWERS: AnswerTable = {
  getBlock: thing,
  getBlockTime: thing,
  getSignatureStatuses: statuses,
  getTransaction: thing,
};

/**
 * Where each node looked (`context`), how many votes it has seen, and what is left of rent, which versions write
 * differently.
 */
export const SAMENESS: Sameness = {
  ignored: new Set(['context', 'confirmations', 'confirmationStatus', 'rentEpoch']),
  hex: false,
  quantities: new Set(),
};
