import assert from 'node:assert/strict';

const LIMIT_MS = 60_000;

/** Waits for what a server or a stream comes to by itself. @param what is said when it does not, within a minute */
export async function until(holds: () => boolean, what: () => string = () => String(holds)): Promise<void> {
  const since = performance.now();
  while (!holds()) {
    assert(performance.now() - since < LIMIT_MS, `it has not come: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
