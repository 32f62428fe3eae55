/**
 * What subscriptions mean on one kind of node, as data: how one is asked for and ended, how its messages hang together,
 * and how what was missed is filled.
 *
 * The unknown case comes first: a topic that is not in the table is subscribed to by the words its method suggests; its
 * messages are passed on as they come, and each resumption of it is a gap.
 */
import type { Continuity } from '../../core/continuity.ts';

/** The methods around one subscription. */
export interface SubscriptionWords {
  readonly unsubscribe: string;
  /** The method of its notifications. */
  readonly notification: string;
}

export interface SubscriptionTraits extends Continuity {
  /** How long the topic may be silent before it is held to be lost, in ms. Default: for ever. */
  readonly silenceMs?: number;
}

export interface SubscriptionTable {
  /** Nothing for a method that subscribes to nothing. */
  words(method: string): SubscriptionWords | undefined;
  /** The kind of topic: its key in `topics`, and what facts and stats show. Holds no value of a caller's. */
  nameOf(method: string, params: unknown): string;
  readonly topics: Readonly<Record<string, SubscriptionTraits>>;
  /**
   * Who is asked for what was missed: the `same` connection, as it knows what it tells of; or, where subscriptions have
   * a port of their own, `other` connections.
   */
  readonly asks: 'same' | 'other';
}
