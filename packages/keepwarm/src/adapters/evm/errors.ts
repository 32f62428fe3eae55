/**
 * What errors of Ethereum nodes say. Codes hardly tell: -32000 is anything at all, and -32603 is a crash here and a
 * revert there. So the words come first, in this order, and the code decides what no words did.
 *
 * An error nobody knows is final: it goes to the caller as it is. Taken for the node's fault, one caller's mistake in a
 * loop would be repeated everywhere and eject one node after the other.
 *
 * Words are those of geth, Erigon, Nethermind, Besu, Reth, anvil and Hardhat, and of Alchemy, Infura, QuickNode, Ankr,
 * Chainstack, dRPC, PublicNode and the gateways proxyd and eRPC, as their sources and pages have them.
 */
import type { ErrorClass, RpcErrorObject } from '../../clients/jsonrpc/adapter.ts';
import { STATUS_CODES } from '../status-codes.ts';
import { wordsOf } from './error-words.ts';
import { METHODS } from './methods.ts';
import { tooMuchSaid } from './too-much.ts';

const WORDS: readonly (readonly [ErrorClass, Pick<RegExp, 'test'>])[] = [
  ['known', /already known|already ?known|known transaction|already imported|already in (?:the )?(?:mem|tx)?pool/],
  ['known', /transaction .{0,30}already (?:exists?|imported|processed|submitted|added)/],
  // The call itself: what the contract, the account or the transaction says is the same everywhere.
  ['final', /revert|vm exception|invalid opcode|invalid jump|out of gas|stack (?:over|under)flow/],
  ['final', /insufficient (?:funds|bal)/],
  ['final', /nonce too|nonce has already|underpriced|intrinsic ?gas|gas too low|fee cap|max fee per/],
  ['final', /exceeds block gas/],
  ['final', /invalid (?:sender|signature|transaction|argument|params)|rlp:|oversized data/],
  ['final', /replacement (?:transaction|fee)/],
  // Too much in one call. Where the line is differs, but callers split such a call, and wait for being told.
  ['final', { test: (words) => tooMuchSaid(words) !== undefined }],
  ['throttled', /rate ?limit|too many (?:requests|connections)|throttl|request count exceeded/],
  ['throttled', /requests? per (?:second|minute|day)/],
  ['throttled', /(?:exceeded|reached|out of|over) (?:\w+ ){0,5}(?:capacity|compute units|credits|cups|requests|rps)/],
  ['throttled', /request limit|limit reached|capacity (?:limit|exceeded)|quota|over(?:loaded| capacity)/],
  ['throttled', /under too much load|free tier limit|payment required/],
  ['missing', /method\b.{0,80}\b(?:not|n't|disabled|unsupported|disallowed|blocked)\b|unsupported method/],
  ['missing', /module .{0,40}disabled/],
  ['missing', /not (?:included|available|allowed|supported|enabled).{0,40}\bplan|upgrade (?:your|to)/],
  ['missing', /archive (?:mode|node|request|data|state|debug)/],
  // Too heavy for this node's own limit; another may allow more. Nothing is wrong with the node.
  ['missing', /execution (?:aborted|timeout|timed out)|query timeout/],
  ['missing', /request (?:took|too) (?:too )?(?:long|expensive)/],
  ['behind', /(?:header|block|receipts?|transaction|parent)[^.]{0,90} (?:not found|not available|unavailable|unknown)/],
  ['behind', /unknown (?:block|header|ancestor)|missing trie node/],
  ['behind', /state .{0,60}(?:not available|unavailable|pruned|missing)|pruned|ancient/],
  ['behind', /(?:could not|cannot|can't) (?:find|query|get) (?:the )?(?:block|header|state|unfinalized)/],
  ['behind', /historical state/],
  [
    'behind',
    /(?:ahead of|beyond|after|(?:greater|higher) than|above|past) (?:the )?(?:current|latest|last|chain|head)/,
  ],
  ['behind', /out ?of ?range|not (?:yet )?(?:synced|synchroni[sz]ed|indexed|reached)/],
  ['behind', /(?:is|still) (?:syncing|synchroni[sz]ing|indexing)/],
  ['ill', /internal (?:server )?error|timed? ?out|unavailable|bad gateway|connection (?:refused|reset|closed)/],
  ['ill', /deadline exceeded/],
  ['ill', /no (?:healthy |available )?(?:back-?ends?|upstreams?|nodes?|servers?)|back-?end .{0,30}offline|panic/],
  ['ill', /leveldb|database|disk/],
];

/** EIP-1474, and what gateways have added to it. */
const CODES: Readonly<Record<number, ErrorClass>> = {
  '-32001': 'behind', // resource not found
  '-32002': 'behind', // resource unavailable
  '-32004': 'missing', // method not supported
  '-32005': 'throttled', // limit exceeded
  '-32006': 'missing', // version not supported
  '-32010': 'ill', // proxyd: back end offline
  '-32011': 'ill', // proxyd: no back end
  '-32014': 'behind', // eRPC, Goldsky: missing data
  '-32015': 'ill', // eRPC, Goldsky: node timeout
  '-32016': 'throttled', // proxyd: over rate limit; Goldsky: key refused
  '-32029': 'throttled', // too many requests
  '-32090': 'throttled', // PublicNode, Ankr: call rate
  '-32601': 'missing',
  '-32603': 'ill',
  ...STATUS_CODES,
};

/** A revert, by geth since 2020 (code 3) and by EIP-1474 (-32015 of OpenEthereum says so in words). */
const REVERTED = 3;

export function classify({ code, message, data }: RpcErrorObject, method: string): ErrorClass {
  if (code === REVERTED) return 'final';
  const words = wordsOf(message, data);
  for (const [told, pattern] of WORDS) {
    if (!pattern.test(words)) continue;
    // Only a write can have been received before.
    return told === 'known' && METHODS[method]?.kind !== 'write' ? 'final' : told;
  }
  return CODES[code] ?? 'final';
}
