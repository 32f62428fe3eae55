/**
 * undici's fetch, and Node's, show every body as a generator, even that of a string, which then has one chunk and is
 * there at once. Such a body is taken as bytes: it goes out in one write with its head, and can be sent again where the
 * call may be.
 *
 *   reading ──▶ whole        one chunk, as long as announced, and its end
 *      └──────▶ streamed     anything else, and whatever is not there by the end of the turn
 *
 * Invariants:
 *   (1) `to` is called once, within a turn of the event loop.
 *   (2) What was read ahead is not lost: a body that is streamed begins with it. At most one chunk is kept so.
 */
import type { Turn } from '../../core/turns.ts';

type Chunks = AsyncIterator<unknown>;

const GENERATOR = '[object AsyncGenerator]';

/** Whether a body may turn out to be there already. A generator of somebody else's does no worse by it. */
export function mayBeWhole(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Object.prototype.toString.call(body) === GENERATOR;
}

export function gather(
  source: AsyncIterable<unknown>,
  announced: number,
  turn: Turn,
  to: (body: Uint8Array | Chunks) => void,
): void {
  const chunks = source[Symbol.asyncIterator]();
  const ahead: Promise<IteratorResult<unknown>>[] = [];
  let told = false;
  const tell = (body: Uint8Array | Chunks): void => {
    if (told) return;
    told = true;
    to(body);
  };
  const stream = (): void => tell(onward(ahead, chunks));
  const next = (): Promise<IteratorResult<unknown>> => {
    const result = chunks.next();
    ahead.push(result);
    return result;
  };
  turn(stream);
  next().then(({ done, value }) => {
    if (told) return;
    if (done === true || !(value instanceof Uint8Array) || value.length !== announced) return stream();
    next().then((end) => (end.done === true ? tell(value) : stream()), stream);
  }, stream);
}

/** First what has been asked for already, then the rest. */
function onward(ahead: Promise<IteratorResult<unknown>>[], chunks: Chunks): Chunks {
  return {
    next: () => ahead.shift() ?? chunks.next(),
    async return() {
      await chunks.return?.();
      return { done: true, value: undefined };
    },
  };
}
