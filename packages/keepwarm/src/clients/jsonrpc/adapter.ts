/**
 * What methods and errors mean on one kind of node, as data. Everything that decides about a JSON-RPC call (repeat,
 * hedge, share, cache, route) asks here and nowhere else, so that an ecosystem is one table.
 *
 * The unknown case comes first: a method that is not in the table may change something. It is sent once, alone, and
 * what it answers is kept for nobody else.
 */

import type { RpcErrorObject } from '../../wire/jsonrpc/answer.ts';
import type { AnswerTable } from './answer-traits.ts';
import type { Sameness } from './sameness.ts';
import type { SubscriptionTable } from './subscription-traits.ts';

export type { RpcErrorObject } from '../../wire/jsonrpc/answer.ts';

/**
 *  - `read`: changes nothing; may be repeated, hedged, shared and batched.
 *  - `write`: changes something; is sent once, unless its caller asks for more.
 *  - `local`: belongs to one node and is neither (filters, subscriptions): never repeated elsewhere, never shared.
 */
export type MethodKind = 'read' | 'write' | 'local';

/**
 * What the answer to a read depends on.
 *  - `fixed`: nothing that changes: `eth_chainId`.
 *  - `head`: the head of the chain: a node that lags gives an old answer, or does not have the thing yet.
 *  - `node`: the node itself, such as its version or health.
 */
export type Freshness = 'fixed' | 'head' | 'node';

export interface MethodTraits {
  readonly kind: MethodKind;
  /** What a call costs against a limit counted in compute units. Default 1. */
  readonly cost?: number;
  /** Default `head`. */
  readonly freshness?: Freshness;
  /** How long an answer may be kept by who opted into caching, in ms; `Infinity` for what never changes. Default 0. */
  readonly cacheMs?: number;
  /**
   * Whether this answer may be kept: a transaction that is not there yet may be there a moment later. Default all.
   *
   * @param head the height of the chain, where it is known: what lies deep below it does not change any more
   */
  readonly mayKeep?: (result: unknown, params: unknown, head?: number) => boolean;
  /** The height (slot, block) the node must have reached to answer: `minContextSlot`, a block number. */
  readonly heightNeeded?: (params: unknown) => number | undefined;
  /**
   * Whether these params name the height they ask about: whoever has reached it answers as well as the head does, and
   * only `heightNeeded` says who can. Default never.
   */
  readonly pinned?: (params: unknown) => boolean;
  /**
   * The same params about this height, where they ask about the head; nothing where they ask about anything else. By
   * it endpoints that are to agree are asked about one height. Default: nothing, whatever they are.
   */
  readonly atHeight?: (params: unknown, height: number) => unknown;
  /** The height this answer proves that the node has reached. */
  readonly heightSeen?: (result: unknown) => number | undefined;
  /** For a write: what makes two copies of it the same (its hash or signature), by which a broadcast is one write. */
  readonly writeId?: (params: unknown) => string | undefined;
  /** For a write with an identity: how to find out whether it stands that a node refuses. */
  readonly proof?: WriteProof;
  /** The deadline for calls of this method, in ms, where the client's is no good one. */
  readonly deadlineMs?: number;
}

/**
 * A node refuses a second copy of a write that stands: its nonce is used, its blockhash too old. When an earlier copy
 * may have been taken, the write is looked for by its identity before that is believed.
 */
export interface WriteProof {
  /** The read that finds it, and its params. */
  readonly method: string;
  readonly params: (id: string) => unknown;
  /** Whether what the read gave is the write. */
  readonly stands: (result: unknown, id: string) => boolean;
  /**
   * Whether an error of class `final` or `behind` may be about a copy too many. Only what no copy of a write that
   * stands is told can be left out: each error that is asked about for nothing costs a read.
   */
  readonly mayStand: (error: RpcErrorObject) => boolean;
  /** What the write is answered with then: its identity, or what the read found. Default `id`. */
  readonly answer?: 'id' | 'found';
}

/** What a call needs of the endpoint it goes to: to keep up with the head, to have reached a height, or both. */
export interface FreshnessNeed {
  readonly head: boolean;
  readonly height: number | undefined;
}

const NOTHING: FreshnessNeed = { head: false, height: undefined };
const HEAD: FreshnessNeed = { head: true, height: undefined };

/**
 * A write needs the head as well: a node that lags checks it against an old state, and passes it on late. What belongs
 * to one node goes there, however far that is.
 */
export function freshnessNeed(traits: MethodTraits | undefined, params: unknown): FreshnessNeed {
  if (traits?.kind === 'local') return NOTHING;
  const height = traits?.heightNeeded?.(params);
  const head = (traits?.freshness ?? 'head') === 'head' && traits?.pinned?.(params) !== true;
  return height === undefined ? (head ? HEAD : NOTHING) : { head, height };
}

/**
 * What an error object says.
 *  - `final`: about the call; the same everywhere: bad params, a revert. The node is well.
 *  - `throttled`: too much was asked of this node or key; elsewhere it may be answered at once.
 *  - `behind`: this node does not have it yet, or no more; one that is further on, or keeps more, may.
 *  - `ill`: the node failed; another may not. Enough of this and it is ejected.
 *  - `missing`: this node does not offer the method; another may.
 *  - `known`: for a write: it had been received before. The write stands.
 */
export type ErrorClass = 'final' | 'throttled' | 'behind' | 'ill' | 'missing' | 'known';

export interface HeadProbe {
  readonly method: string;
  readonly params?: unknown;
  /** @returns the height; nothing when the result is not one */
  readonly read: (result: unknown) => number | undefined;
  /** How often each node is asked, in ms; about the time between two blocks. */
  readonly intervalMs: number;
  /** How far behind the best a node may be and still answer reads of `head`, in heights. */
  readonly lagMax: number;
  /** The shortest time between two heights on any chain of this kind, in ms: nobody rises faster than that. */
  readonly heightMsMin: number;
}

export interface RpcAdapter {
  readonly name: string;
  /** What a method costs that is not in the table, in the units of those that are. Default 1. */
  readonly costOther?: number;
  readonly methods: Readonly<Record<string, MethodTraits>>;
  classify(error: RpcErrorObject, method: string): ErrorClass;
  readonly head: HeadProbe;
  /** What answers to reads mean beside those of other nodes; without it they are believed as they come. */
  readonly answers?: AnswerTable | undefined;
  /** In what nodes differ that say the same; without it, in the order of members alone. */
  readonly sameness?: Sameness | undefined;
  /** What subscriptions mean; without it there are none. */
  readonly subscriptions?: SubscriptionTable;
}
