/** What the connections of one endpoint are made of. */
import type { Clock } from '../../core/clock.ts';
import type { NetError } from '../../core/error.ts';
import type { SessionHandler } from '../../engines/websocket/session.ts';
import type { SubscriptionLimits, SubscriptionsOptions } from './subscribe-options.ts';
import type { SubscriptionTable } from './subscription-traits.ts';

/** A connection that carries text both ways, such as a WebSocketSession. */
export interface Wire {
  /** Of its socket in the registry. */
  readonly id: number;
  send(text: string): void;
  close(): void;
}

export interface LinkParts {
  readonly clock: Clock;
  readonly limits: SubscriptionLimits;
  readonly table: SubscriptionTable;
  readonly parse: (text: string) => unknown;
  readonly call: SubscriptionsOptions['call'];
  /** Connects to the endpoint. */
  open(handler: SessionHandler, signal: AbortSignal): Promise<Wire>;
}

export interface LinkEvents {
  /** It is no more. `byUs` when it was closed for want of use, or with everything. */
  ended(error: NetError, byUs: boolean): void;
  /** A subscription on it fell silent. */
  silent(): void;
  /** It has ended a subscription that it had agreed to. */
  broke(error: NetError): void;
}
