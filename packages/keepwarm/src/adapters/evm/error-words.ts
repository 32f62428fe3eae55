/** What an error of an Ethereum node says in words, wherever it says it. */

/** Messages longer than this are cut: what they are about stands at their beginning. */
const LENGTH_MAX = 2_000;

/** Some say what it is in `data`, and "Internal error" in front of it. Return data of reverts is not text. */
export function wordsOf(message: unknown, data: unknown): string {
  const inner = typeof data === 'string' && !data.startsWith('0x') ? data : nested(data);
  return `${typeof message === 'string' ? message : ''} ${inner}`.slice(0, LENGTH_MAX).toLowerCase();
}

function nested(data: unknown): string {
  if (typeof data !== 'object' || data === null || !('message' in data)) return '';
  return typeof data.message === 'string' ? data.message : '';
}
