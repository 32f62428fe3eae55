/**
 * What `eth_subscribe` means on EVM nodes (geth's "Real-time events", which the others follow).
 *
 * Heads are linked by their parents' hashes: two of one number and different hashes are two heads, and one whose parent
 * is unknown follows others that were missed. Logs are told again with `removed` when their block is left.
 */
import type { SubscriptionTable, SubscriptionTraits } from '../../clients/jsonrpc/subscription-traits.ts';
import type { Ask, Found, Missing } from '../../core/continuity.ts';
import { numberOf } from './blocks.ts';

/** Heads asked for in one gap: half an hour of Ethereum's. */
const HEADS_MAX = 128;
/** Of these so many at a time. */
const HEADS_AT_ONCE = 16;
/** Blocks searched for logs in one gap: the shortest range that providers are known to allow. */
const LOG_BLOCKS_MAX = 2_000;

const newHeads: SubscriptionTraits = {
  linked: true,
  // Ethereum's slots last 12 s, and up to about one in a hundred is empty; ten in a row are an outage.
  silenceMs: 120_000,
  place(value) {
    const head = asObject(value);
    const { hash, parentHash } = head;
    if (typeof hash !== 'string') return undefined;
    return {
      id: hash,
      height: numberOf(head['number']),
      ...(typeof parentHash === 'string' ? { parent: parentHash } : {}),
    };
  },
  newest: async (ask) => headOf(await ask('eth_getBlockByNumber', ['latest', false])),
  fill: headsBefore,
};

const logs: SubscriptionTraits = {
  place(value) {
    const { blockHash, logIndex, blockNumber, removed } = asObject(value);
    if (typeof blockHash !== 'string' || typeof logIndex !== 'string') return undefined;
    const one = `${blockHash} ${logIndex}`;
    const [id, undoes] = removed === true ? [`removed ${one}`, one] : [one, `removed ${one}`];
    return { id, undoes, height: numberOf(blockNumber) };
  },
  anchor: async (ask) => numberOf(await ask('eth_blockNumber', [])),
  fill: logsSince,
};

const newPendingTransactions: SubscriptionTraits = {
  place(value) {
    const hash = typeof value === 'string' ? value : asObject(value)['hash'];
    return typeof hash === 'string' ? { id: hash } : undefined;
  },
};

export const evmSubscriptions: SubscriptionTable = {
  words: (method) =>
    method === 'eth_subscribe' ? { unsubscribe: 'eth_unsubscribe', notification: 'eth_subscription' } : undefined,
  nameOf(method, params) {
    const kind: unknown = Array.isArray(params) ? params[0] : undefined;
    // Anything else in this place may be anything.
    return typeof kind === 'string' && /^\w{1,64}$/.test(kind) ? `${method} ${kind}` : method;
  },
  topics: {
    'eth_subscribe newHeads': newHeads,
    'eth_subscribe logs': logs,
    'eth_subscribe newPendingTransactions': newPendingTransactions,
  },
  asks: 'same',
};

/**
 * The heads between what is known and `next`: by number, some at a time, then along the parents' hashes, which alone
 * say what belongs together. After a reorganisation this leads below the first number missed.
 */
async function headsBefore({ floor = -1, from, to, next, known }: Missing, ask: Ask): Promise<Found> {
  const byHash = new Map<unknown, Head>();
  if (from !== undefined && to !== undefined) {
    const first = Math.max(from, to - HEADS_MAX + 1);
    for (let at = first; at <= to; at += HEADS_AT_ONCE) {
      const numbers = Array.from({ length: Math.min(HEADS_AT_ONCE, to - at + 1) }, (_, i) => at + i);
      const asked = numbers.map((number) => ask('eth_getBlockByNumber', [`0x${number.toString(16)}`, false]));
      for (const block of await Promise.all(asked)) {
        const head = headOf(block);
        if (head !== undefined) byHash.set(head['hash'], head);
      }
    }
  }
  const heads: Head[] = [];
  let { parentHash: parent, number } = asObject(next);
  const joined = (): boolean => typeof parent === 'string' && (known(parent) || (numberOf(number) ?? 0) - 1 <= floor);
  while (typeof parent === 'string' && !joined() && heads.length < HEADS_MAX) {
    const head = byHash.get(parent) ?? headOf(await ask('eth_getBlockByHash', [parent, false]));
    if (head === undefined || head['hash'] !== parent) break;
    heads.unshift(head);
    ({ parentHash: parent, number } = head);
  }
  return {
    values: heads,
    from: numberOf(heads[0]?.['number']),
    to: numberOf(heads.at(-1)?.['number']),
    complete: heads.length > 0,
    joins: joined(),
  };
}

/** All logs of the filter from the height told last, in which some may be missing, to the head of now. */
async function logsSince({ params, from }: Missing, ask: Ask): Promise<Found> {
  const to = numberOf(await ask('eth_blockNumber', []));
  if (to === undefined || from === undefined) return { values: [], from: undefined, to, complete: false, joins: false };
  // A node that lags: what it has not got yet it will tell.
  if (to < from) return { values: [], from, to: from, complete: true, joins: true };
  const first = Math.max(from, to - LOG_BLOCKS_MAX + 1);
  const { address, topics } = asObject(Array.isArray(params) ? params[1] : undefined);
  const range = { fromBlock: `0x${first.toString(16)}`, toBlock: `0x${to.toString(16)}` };
  const filter = {
    ...range,
    ...(address === undefined ? {} : { address }),
    ...(topics === undefined ? {} : { topics }),
  };
  const found = await ask('eth_getLogs', [filter]);
  if (!Array.isArray(found)) throw new Error('eth_getLogs did not answer with a list');
  return { values: found, from: first, to, complete: true, joins: first === from };
}

type Head = Readonly<Record<string, unknown>>;

/** What a block has that a head notification has not. */
const NOT_IN_HEADS: ReadonlySet<string> = new Set(['transactions', 'uncles', 'withdrawals', 'size', 'totalDifficulty']);

/** A block as `newHeads` would have told it. */
function headOf(block: unknown): Head | undefined {
  const fields = asObject(block);
  if (typeof fields['hash'] !== 'string') return undefined;
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !NOT_IN_HEADS.has(name)));
}

function asObject(value: unknown): Head {
  return typeof value === 'object' && value !== null ? (value as Head) : {};
}
