/**
 * What errors of Solana nodes say. The codes are Agave's own and say it well; words decide about what providers put
 * into -32000 and -32603.
 *
 * An error nobody knows is final, as on EVM: the caller's mistake in a loop must not eject one node after the other.
 *
 * Source of the codes: anza-xyz/agave, `rpc-client-api/src/custom_error.rs`.
 */
import type { ErrorClass, RpcErrorObject } from '../../clients/jsonrpc/adapter.ts';
import { STATUS_CODES } from '../status-codes.ts';
import { fieldOf } from './slots.ts';

const CODES: Readonly<Record<number, ErrorClass>> = {
  '-32001': 'behind', // block cleaned up: another keeps more
  '-32002': 'final', // preflight failed; but see `ofPreflight`
  '-32003': 'final', // signature verification
  '-32004': 'behind', // block not available yet
  '-32005': 'behind', // node unhealthy: behind by so many slots
  '-32006': 'final', // precompile verification
  // Slot skipped, or lost here when the node jumped to a snapshot: it does not know which, another may have it.
  '-32007': 'behind',
  '-32008': 'missing', // no snapshot
  // Slot skipped, or missing in long-term storage, which not every node has all of.
  '-32009': 'behind',
  '-32010': 'missing', // key excluded from this node's index
  '-32011': 'missing', // transaction history not available on this node
  '-32012': 'missing', // scan aborted: more than this node cares to look at
  '-32013': 'final', // signature length
  '-32014': 'behind', // block status not available yet
  '-32015': 'final', // transaction version not supported by the caller
  '-32016': 'behind', // minContextSlot not reached
  '-32017': 'final', // rewards are being paid: the same everywhere
  '-32018': 'final', // not the boundary of an epoch
  '-32019': 'missing', // this node's long-term storage cannot be reached
  '-32429': 'throttled', // QuickNode, Helius: 429 as a code
  '-32601': 'missing',
  '-32603': 'ill',
  ...STATUS_CODES,
};

/** Read only where the code does not say it: in -32000, -32603, and codes nobody knows. */
const WORDS: readonly (readonly [ErrorClass, RegExp])[] = [
  ['known', /already (?:been )?processed/],
  ['behind', /blockhash not found|ledger jump|long-term storage|minimum context slot|node is (?:behind|unhealthy)/],
  ['behind', /block not available|block .{0,40}cleaned up|slot .{0,40}skipped/],
  ['final', /simulation failed|preflight|custom program error|instruction|insufficient (?:funds|lamports)/],
  ['final', /invalid (?:param|signature|transaction|base58|account|request)|signature verification|too large/],
  ['throttled', /rate ?limit|too many (?:requests|connections)|throttl|requests? per (?:second|minute|day)|quota/],
  ['throttled', /max usage|limit reached/],
  ['throttled', /(?:exceeded|reached|out of|over) (?:\w+ ){0,5}(?:usage|credits?|capacity|requests|rps)/],
  ['missing', /method\b.{0,80}\b(?:not|n't|disabled|unsupported|excluded)\b|unsupported method|upgrade your/],
  ['missing', /\bplan\b/],
  ['ill', /internal|timed? ?out|unavailable|bad gateway|connection (?:refused|reset|closed)/],
  ['ill', /no (?:healthy |available )?node/],
];

const WORDY: ReadonlySet<number> = new Set([-32_000, -32_603]);
const LENGTH_MAX = 2_000;

export function classify(error: RpcErrorObject, method: string): ErrorClass {
  const told = ofPreflight(error) ?? ofCode(error) ?? 'final';
  return told === 'known' && method !== 'sendTransaction' ? 'final' : told;
}

function ofCode({ code, message }: RpcErrorObject): ErrorClass | undefined {
  const told = CODES[code];
  if (told !== undefined && !WORDY.has(code)) return told;
  const words = typeof message === 'string' ? message.slice(0, LENGTH_MAX).toLowerCase() : '';
  for (const [spoken, pattern] of WORDS) if (pattern.test(words)) return spoken;
  return told;
}

const PREFLIGHT = -32_002;

/**
 * What preflight found: a blockhash this node has not seen is one that a node further on has, and as preflight comes
 * before sending, nothing was sent. A transaction that was processed is one that stands.
 */
function ofPreflight({ code, message, data }: RpcErrorObject): ErrorClass | undefined {
  if (code !== PREFLIGHT) return undefined;
  const found = fieldOf(data, 'err');
  const words = typeof message === 'string' ? message : '';
  if (found === 'BlockhashNotFound' || /blockhash not found/i.test(words)) return 'behind';
  if (found === 'AlreadyProcessed' || /already (?:been )?processed/i.test(words)) return 'known';
  return 'final';
}
