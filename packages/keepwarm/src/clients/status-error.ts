/** A reply whose status the caller did not accept, as an error: what it said, where it came from, when to come back. */
import { NetError } from '../core/error.ts';
import type { Reply } from '../core/reply.ts';
import { retryAfterMs } from '../policies/retry-after.ts';

/** @param text the whole body, where it is told with the error */
export function statusError(reply: Reply, text?: string): NetError {
  const { status, statusText, headers, from } = reply;
  const who = from?.key ?? 'the peer';
  return new NetError('STATUS', `${who} answered ${status} ${statusText}`.trimEnd(), {
    reach: 'answered',
    status,
    origin: from?.key,
    retryAfterMs: known(retryAfterMs(reply, Number.NaN)),
    ...(text === undefined ? {} : { answer: { headers, text } }),
  });
}

/** A date in a reply that does not say what time it is there tells no length. */
const known = (ms: number | undefined): number | undefined => (Number.isNaN(ms) ? undefined : ms);

/** For a reply that nobody has read. @throws it, always */
export async function refuse(reply: Reply): Promise<never> {
  throw statusError(reply, await reply.text().catch(() => '')); // the status is the news, not its page
}
