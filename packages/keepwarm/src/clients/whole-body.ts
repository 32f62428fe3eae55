/**
 * Bodies that are read whole before their caller sees any of it. One whose connection is lost on the way is not the
 * caller's trouble yet: a call that may be repeated is made again, as if it had been lost before the reply began. Never
 * for a body that is streamed: its reader has seen a part.
 *
 * Invariant: it is made again only where retries are on, the call may be repeated, the budget grants it, and
 * `REPEATS_MAX` times at most; its deadline stays.
 */
import { type Call, mayRepeat, type Send } from '../core/call.ts';
import { factOf } from '../core/call-fact.ts';
import { NetError } from '../core/error.ts';
import type { Observer } from '../core/observer.ts';
import type { Reply } from '../core/reply.ts';

/** More would go on against a peer that loses every body; the retries before each head come on top. */
const REPEATS_MAX = 2;

/** How a call whose body was lost is made again. */
export interface Repeats {
  readonly send: Send;
  /** Asks the budget. */
  readonly grant: () => boolean;
  readonly observer: Observer;
}

/** Reads a reply that is still arriving as `how` does, and those of its repeats. */
export function whole<T>(
  reply: Reply,
  call: Call,
  repeats: Repeats,
  how: (reply: Reply) => T | PromiseLike<T>,
): T | PromiseLike<T> {
  return mayRepeat(call) ? patient(reply, call, repeats, how) : how(reply);
}

async function patient<T>(
  first: Reply,
  call: Call,
  repeats: Repeats,
  how: (reply: Reply) => T | PromiseLike<T>,
): Promise<T> {
  let reply = first;
  for (let left = REPEATS_MAX; ; left--) {
    try {
      return await how(reply);
    } catch (error) {
      if (left === 0 || !isLost(error) || call.signal?.aborted === true || !repeats.grant()) throw error;
      repeats.observer.retried?.({ ...factOf(call), error, status: undefined, delayMs: 0 });
      reply = await repeats.send({ ...call, attempt: call.attempt + 1 }).catch(fail);
    }
  }
}

/** Whatever became of the repeat: the call was answered before. */
function fail(thrown: unknown): never {
  throw NetError.from(thrown).withReach('answered');
}

function isLost(error: unknown): error is NetError {
  return error instanceof NetError && error.code === 'RESET' && error.phase === 'body';
}
