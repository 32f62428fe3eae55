/**
 * What the subscriptions of Solana's PubSub interface mean. It has a port of its own that answers nothing else, so what
 * was missed is asked for elsewhere.
 *
 * Slots tell their parents, but a slot that was missed cannot be asked for as it would have been told. Accounts can
 * be read: that gives what they are by now, not what they were between. Of a signature that is all there is to know.
 */
import { hash } from 'node:crypto';
import type { SubscriptionTable, SubscriptionTraits } from '../../clients/jsonrpc/subscription-traits.ts';
import type { Ask, Found, Missing } from '../../core/continuity.ts';
import { contextSlot, slotOf } from './slots.ts';

/** Slots last 400 ms; after 15 s without one the node is not following, or the connection is dead. */
const SLOT_SILENCE_MS = 15_000;
/** Roots asked for in one gap. */
const ROOTS_MAX = 1_000;

const slot: SubscriptionTraits = {
  linked: true,
  silenceMs: SLOT_SILENCE_MS,
  place(value) {
    const { slot: own, parent } = asObject(value);
    const height = slotOf(own);
    if (height === undefined) return undefined;
    return { id: `${height} ${String(parent)}`, height, follows: slotOf(parent) };
  },
};

const slotsUpdates: SubscriptionTraits = {
  silenceMs: SLOT_SILENCE_MS,
  place(value) {
    const { slot: own, type, parent } = asObject(value);
    const height = slotOf(own);
    return height === undefined ? undefined : { id: `${height} ${String(type)} ${String(parent)}`, height };
  },
};

const root: SubscriptionTraits = {
  silenceMs: SLOT_SILENCE_MS,
  place(value) {
    const height = slotOf(value);
    return height === undefined ? undefined : { id: `${height}`, height };
  },
  fill: rootsSince,
};

const account: SubscriptionTraits = {
  place: inContext,
  fill: async ({ params }, ask) => stateOf(await ask('getAccountInfo', params)),
};

/** Each tells of one of many accounts, which cannot be read one by one. */
const program: SubscriptionTraits = { place: inContext };

const logs: SubscriptionTraits = {
  place(value) {
    const { signature, err } = asObject(asObject(value)['value']);
    const height = contextSlot(value);
    // A transaction on two forks is told twice, with different slots.
    return typeof signature === 'string' ? { id: `${signature} ${height} ${err === null}`, height } : undefined;
  },
};

const signature: SubscriptionTraits = {
  fill: signatureNow,
  ends: (value) => asObject(value)['value'] !== 'receivedSignature',
};

const block: SubscriptionTraits = {
  silenceMs: 2 * SLOT_SILENCE_MS,
  place(value) {
    const height = slotOf(asObject(asObject(value)['value'])['slot']);
    return height === undefined ? undefined : { id: `${height}`, height };
  },
};

const vote: SubscriptionTraits = {
  silenceMs: SLOT_SILENCE_MS,
  place(value) {
    const { signature: id } = asObject(value);
    return typeof id === 'string' ? { id } : undefined;
  },
};

export const solanaSubscriptions: SubscriptionTable = {
  words(method) {
    const [, subject] = /^([a-z]\w{0,63})Subscribe$/.exec(method) ?? [];
    return subject === undefined
      ? undefined
      : { unsubscribe: `${subject}Unsubscribe`, notification: `${subject}Notification` };
  },
  nameOf: (method) => method,
  topics: {
    accountSubscribe: account,
    blockSubscribe: block,
    logsSubscribe: logs,
    programSubscribe: program,
    rootSubscribe: root,
    signatureSubscribe: signature,
    slotSubscribe: slot,
    slotsUpdatesSubscribe: slotsUpdates,
    voteSubscribe: vote,
  },
  asks: 'other',
};

/** Finalized slots from the last root on: those are the roots. */
async function rootsSince({ from }: Missing, ask: Ask): Promise<Found> {
  const nothing = { values: [], from: undefined, to: undefined, complete: false, joins: false };
  if (from === undefined) return nothing;
  const to = slotOf(await ask('getSlot', [{ commitment: 'finalized' }]));
  if (to === undefined) return nothing;
  if (to < from) return { values: [], from, to: from, complete: true, joins: true };
  const first = Math.max(from, to - ROOTS_MAX + 1);
  const values = await ask('getBlocks', [first, to, { commitment: 'finalized' }]);
  if (!Array.isArray(values)) return nothing;
  return { values, from: first, to, complete: true, joins: first === from };
}

/** The last state, in the shape in which the subscription tells it. */
function stateOf(value: unknown): Found {
  const to = contextSlot(value);
  if (to === undefined) throw new Error('getAccountInfo did not answer with an account and its slot');
  return { values: [value], from: undefined, to, complete: false, joins: false };
}

const REACHED: Readonly<Record<string, readonly unknown[]>> = {
  processed: ['processed', 'confirmed', 'finalized'],
  confirmed: ['confirmed', 'finalized'],
  finalized: ['finalized'],
};

/** The one message there is to it, if it was missed. */
async function signatureNow({ params }: Missing, ask: Ask): Promise<Found> {
  const [id, config] = Array.isArray(params) ? params : [];
  const answer = asObject(await ask('getSignatureStatuses', [[id], { searchTransactionHistory: true }]));
  if (!Array.isArray(answer['value'])) throw new Error('getSignatureStatuses did not answer with a list');
  const status = asObject(answer['value'][0]);
  const commitment = asObject(config)['commitment'];
  const reached = REACHED[typeof commitment === 'string' ? commitment : 'finalized'] ?? REACHED['finalized']!;
  const done = reached.includes(status['confirmationStatus']);
  const values = done ? [{ context: answer['context'], value: { err: status['err'] ?? null } }] : [];
  return { values, from: undefined, to: undefined, complete: true, joins: true };
}

/**
 * An account may change more than once in a slot, and a subscription may begin with what it is already: the same slot
 * and content is the same message.
 */
function inContext(value: unknown) {
  const height = contextSlot(value);
  if (height === undefined) return undefined;
  const content = JSON.stringify(asObject(value)['value'], (_, each) => (typeof each === 'bigint' ? `${each}` : each));
  return { id: `${height} ${hash('sha1', content ?? '', 'base64')}`, height };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
