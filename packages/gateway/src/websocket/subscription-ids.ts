/** The ids of callers' subscriptions, in the form that nodes of their kind give. */
import { randomBytes } from 'node:crypto';

export type SubscriptionId = string | number;

/** Solana's are whole numbers, one after the other; those of EVM nodes are sixteen random bytes in hex. */
export function idsFor(adapter: string): () => SubscriptionId {
  let count = 0;
  return adapter === 'solana' ? () => ++count : () => `0x${randomBytes(16).toString('hex')}`;
}

/** The method that subscribes, by the one that ends it; nothing for a method that ends nothing. */
export function subscribedBy(method: string): string | undefined {
  const asked = method.replace(/([uU])nsubscribe$/, (_, first) => (first === 'u' ? 'subscribe' : 'Subscribe'));
  return asked === method ? undefined : asked;
}
