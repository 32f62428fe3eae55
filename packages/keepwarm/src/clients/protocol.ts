/** What a client of a protocol over HTTP puts into the stack of the HTTP client beneath it, and its own way in. */
import type { BalanceParts } from '../balance/endpoint-set.ts';
import type { Call, Policy, Send, StepLimits } from '../core/call.ts';
import type { Fields, FieldsInput } from '../core/fields.ts';
import type { Origin } from '../core/origin.ts';
import type { TlsSetup } from '../net/tls.ts';
import type { StartGate } from '../pool/start-gate.ts';

export interface Protocol {
  /** Policies that know the protocol, by their places in the order. */
  readonly policies: Partial<Record<'parts' | 'answers', Policy>>;
  /** Asked before each dial of HTTP/2. Whoever made it closes it. */
  readonly starts?: StartGate | undefined;
  /** Shared with other clients of the same options, so that one resumes the sessions of another. */
  readonly tls?: TlsSetup | undefined;
  /** How its calls find their endpoints, beyond what the options say. Endpoint URLs are whole: nothing is added. */
  readonly balance: Partial<Pick<BalanceParts, 'stickyKey' | 'eligible'>>;
}

/** The way in for calls that are made elsewhere, beneath the checks of `request` and `fetch`. */
export interface ProtocolDoor {
  readonly send: Send;
  /** The first endpoint's; the set addresses each call anew. */
  readonly home: Origin;
  readonly limits: StepLimits;
  readonly deadlineMs: number;
  /** Over the client's own. @throws NetError `INVALID` naming the field and what is wrong with it */
  fields(own: FieldsInput | undefined, contentType: string): Fields;
  /** Whether an endpoint takes calls that this one has not been at. */
  elsewhere(call: Call): boolean;
  /** Whether one more attempt fits into the budget of retries; what it grants is spent. */
  grant(): boolean;
  /** The same for one that can be done without: failures come first. Never without retries. */
  spare(): boolean;
}
