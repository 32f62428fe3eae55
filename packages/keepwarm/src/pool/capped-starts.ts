/**
 * Two budgets as one gate: a dial needs a place among the connections there may be at once, and then a start.
 *
 *   place ──▶ start ──▶ settled ──the socket is closed──▶ place released
 *     │         ├─────▶ thrown out, lost, cancelled ─────▶ place released
 *     └─────────┴─────▶ refused ─────────────────────────▶ place released
 */
import type { ConnectionCap } from './connection-cap.ts';
import type { ConnectionLimiter, ConnectionRateSnapshot, Start, StartKind } from './start-gate.ts';

/** The limiter, kept within so many connections at once by `cap`. Closing it closes both. */
export function cappedStarts(limiter: ConnectionLimiter, cap: ConnectionCap): ConnectionLimiter {
  return {
    start: (kind, signal) => startWithin(limiter, cap, kind, signal),
    admits: (kind: StartKind): boolean => cap.free && limiter.admits(kind),
    penalise: (askedMs?: number): void => limiter.penalise(askedMs),
    snapshot: (): ConnectionRateSnapshot => ({ ...limiter.snapshot(), connections: cap.snapshot() }),
    close(): void {
      cap.close();
      limiter.close();
    },
  };
}

async function startWithin(
  limiter: ConnectionLimiter,
  cap: ConnectionCap,
  kind: StartKind,
  signal: AbortSignal | undefined,
): Promise<Start> {
  const place = await cap.take(kind, signal);
  let start: Start;
  try {
    start = await limiter.start(kind, signal);
  } catch (error) {
    place.release();
    throw error;
  }
  const released = (end: () => void) => (): void => {
    end();
    place.release();
  };
  return {
    settled: () => start.settled(),
    thrownOut: released(() => start.thrownOut()),
    lost: released(() => start.lost()),
    cancelled: released(() => start.cancelled()),
    closed: released(() => start.closed?.()),
  };
}
