/**
 * The reply a caller was promised: settled once, whole, or with a body that is still to come; from then on its body's
 * reader is told what happens.
 *
 *   promised ──▶ whole, or failed
 *      └──▶ piped ──▶ ended, or failed
 */
import type { Call } from '../../core/call.ts';
import { NetError } from '../../core/error.ts';
import type { Reply } from '../../core/reply.ts';
import type { Delivery } from '../http1/delivery.ts';

/** How a call is made whose reply somebody has promised already. */
export type Run = (call: Call, resolve: (reply: Reply) => void, reject: (error: NetError) => void) => void;

export class Promised {
  readonly #call: Call;
  readonly #decode: (reply: Reply, call: Call) => Reply;
  #resolve: (reply: Reply) => void;
  #reject: (error: NetError) => void;
  #delivery: Delivery | undefined;

  constructor(
    call: Call,
    decode: (reply: Reply, call: Call) => Reply,
    resolve: (reply: Reply) => void,
    reject: (error: NetError) => void,
  ) {
    this.#call = call;
    this.#decode = decode;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Whether the caller has a reply whose body is still arriving. */
  get piped(): boolean {
    return this.#delivery !== undefined;
  }

  /** Whether the reader, not the peer, is what everyone waits for. */
  get stalled(): boolean {
    return this.#delivery?.stalled === true;
  }

  /** Gives the reply to the caller, decoded. */
  hand(reply: Reply): void {
    if (!reply.encoded) return this.#resolve(reply);
    try {
      this.#resolve(this.#decode(reply, this.#call));
    } catch (thrown) {
      this.#reject(NetError.from(thrown));
    }
  }

  pipe(reply: Reply, delivery: Delivery): void {
    this.#delivery = delivery;
    this.hand(reply);
    // They hold the promise, and it the reply, which from here on is the caller's alone: see Delivery.
    this.#resolve = settled;
    this.#reject = settled;
  }

  end(trailers: readonly string[]): void {
    this.#delivery!.end(trailers);
  }

  fail(error: NetError): void {
    if (this.#delivery === undefined) this.#reject(error);
    else this.#delivery.fail(error);
  }

  /** Somebody else makes the call. */
  pass(run: Run): void {
    run(this.#call, this.#resolve, this.#reject);
  }
}

/** A promise settles once. */
function settled(): void {}
