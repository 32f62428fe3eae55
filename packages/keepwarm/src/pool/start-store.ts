/**
 * What is remembered of starts beyond the life of a process, by the wall clock: a limit per minute that is forgotten
 * with each crash is none. A wall clock that jumps forward between two runs makes what is remembered count for less;
 * one that jumps back is taken to stand still.
 */
import type { Remembered, StartFigures } from '../algo/start-window.ts';

/** An earlier run's start, in ms since 1970. */
export interface StartRecord {
  readonly grantedAt: number;
  /** Nothing when it was under way when that run ended. */
  readonly settledAt: number | undefined;
}

export interface StartStore {
  /** What earlier runs have left; empty when there were none. Asked once, before anything is granted. */
  read(): readonly StartRecord[];
  /** Must have been written when it returns. @throws whatever stands in the way: then nothing is granted */
  granted(id: number, wallMs: number): void;
  settled(id: number, wallMs: number): void;
  cancelled(id: number): void;
}

/** Earlier starts that still count, on the clock of this run. */
export function earlierStarts(
  store: StartStore,
  { windowMs, lateMs, attemptMs }: StartFigures & { readonly attemptMs: number },
  now: number,
  wall: number,
): Remembered[] {
  const starts: Remembered[] = [];
  for (const { grantedAt, settledAt } of store.read()) {
    if (settledAt === undefined) {
      if (wall - grantedAt < attemptMs + lateMs + windowMs) starts.push({ settledAt: undefined });
    } else {
      // Whether it was lost is not recorded: it may have been, and is counted lateMs later, which may be yet to come.
      const agoMs = Math.max(wall - settledAt, 0) - lateMs;
      if (agoMs < windowMs) starts.push({ settledAt: now - agoMs });
    }
  }
  return starts;
}
