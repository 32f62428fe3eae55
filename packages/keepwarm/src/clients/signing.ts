/**
 * Signing, as an option of a client: fields made of what is sent, at the moment it is sent.
 *
 * A signature carries its own time and is good for one use, so it is made after every wait, and anew for whatever sends
 * the call again: an attempt, a hedge, a redirect within the origin, a replay on another connection. Nothing of it goes
 * to another origin.
 */
import type { Call } from '../core/call.ts';
import { Fields, type FieldsInput } from '../core/fields.ts';
import { kindOf } from '../core/refusal.ts';
import { invalid } from './options.ts';

/** What is about to be written. */
export interface Signable {
  readonly method: string;
  /** `https://api.example.com`, with the port where it is not the scheme's own. */
  readonly origin: string;
  /** Path and query, as they are sent. */
  readonly path: string;
  /** The fields of the call, by lower-case name. Those the connection adds, such as Host, are not among them. */
  readonly headers: Pick<Fields, 'get' | 'has' | 'list'>;
  /** The bytes of the body, or its text, which is sent as UTF-8; nothing where there is none. */
  readonly body: string | Uint8Array | undefined;
  readonly section: string;
}

/**
 * Gives the fields that are added to a call, over those it has. It is run synchronously each time a call is written, so
 * it must be quick; what takes long, such as fetching a token, belongs before the call. What it throws ends the call
 * with `INVALID`, and nothing is sent.
 */
export type Sign = (call: Signable) => FieldsInput;

/** @throws NetError `INVALID` when the option is no function */
export function signer(sign: Sign | undefined): Call['sign'] {
  if (sign === undefined) return undefined;
  if (typeof sign !== 'function')
    throw invalid(`option sign is ${kindOf(sign)}; allowed: a function that gives fields`);
  return ({ method, origin, path, headers, body, section }) => {
    const text = typeof body === 'string' || body instanceof Uint8Array || body === undefined;
    if (!text) throw invalid('its body is a stream; what is signed must be at hand as text or bytes');
    return Fields.of(sign({ method, origin: origin.key, path, headers, body, section })).over(headers);
  };
}
