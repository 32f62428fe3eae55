/** Solana as an adapter for JSON-RPC. */
import type { RpcAdapter } from '../../clients/jsonrpc/adapter.ts';
import { ANSWERS, SAMENESS } from './answers.ts';
import { classify } from './errors.ts';
import { METHODS } from './methods.ts';
import { slotOf } from './slots.ts';
import { solanaSubscriptions } from './subscriptions.ts';

/**
 * The probe asks for `processed`: where the node itself is, before votes of others have reached it. Read at
 * `confirmed`, a node's slots would trail those in answers to `processed` reads, and look like lag.
 *
 * `intervalMs` 1 s: two and a half slots; faster costs credits and shows little more. `lagMax` 25 slots: ten seconds. A
 * node that is 128 behind calls itself unhealthy (Agave's default), a blockhash lives for 150. `heightMsMin` 350:
 * slots take 400 ms, and no less by more than clocks drift.
 */
export const solana: RpcAdapter = {
  name: 'solana',
  methods: METHODS,
  answers: ANSWERS,
  sameness: SAMENESS,
  costOther: 10,
  classify,
  subscriptions: solanaSubscriptions,
  head: {
    method: 'getSlot',
    params: [{ commitment: 'processed' }],
    read: slotOf,
    intervalMs: 1_000,
    lagMax: 25,
    heightMsMin: 350,
  },
};

export { fromBase58, toBase58 } from '../../wire/base58.ts';
export { signatureOf } from './wire-transaction.ts';
