/** A caller who tries again at once, and whether anything else has its turn meanwhile. */

/** A refusal that costs a turn of the event loop is no trouble; this many without one are a stand-still. */
const TRIES_MAX = 5_000;

export interface Stubborn {
  /** How often it was refused before something else had its turn. */
  readonly tries: number;
  /** Whether something else had its turn at all. */
  readonly turned: boolean;
  /** With what it was refused first. */
  readonly first: unknown;
}

/** Tries again until the event loop has turned, whatever it is told. */
export async function stubborn(attempt: () => PromiseLike<unknown>, triesMax = TRIES_MAX): Promise<Stubborn> {
  let turned = false;
  const turn = setImmediate(() => {
    turned = true;
  });
  let first: unknown;
  let tries = 0;
  for (; !turned && tries < triesMax; tries++) {
    try {
      await attempt();
      throw new Error('it was not refused');
    } catch (thrown) {
      first ??= thrown;
    }
  }
  clearImmediate(turn);
  return { tries, turned, first };
}
