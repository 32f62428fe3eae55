/** How long one attempt of a call may take, when there may be others: `attemptMs` of retry. */
import { type Call, mayRepeat } from '../core/call.ts';

/** Go's `saneMinimum` of `net.Dialer`, in ms: a share below this would cut off peers that are only slow. */
const SHARE_MS_MIN = 2_000;

/** Ours, as `connect.timeoutMs`: who has not begun to answer by now is left while there are others, in ms. */
const SHARE_MS_MAX = 10_000;

export interface AttemptFigures {
  readonly attemptMs: number | 'auto';
  readonly attemptsMax: number;
}

export interface AttemptParts {
  readonly untried?: ((call: Call, now: number) => number) | undefined;
}

/** Whether any attempt is ever shorter than its call. */
export function mayCutShort({ attemptMs }: Pick<AttemptFigures, 'attemptMs'>, { untried }: AttemptParts): boolean {
  return attemptMs === 'auto' ? untried !== undefined : attemptMs !== Number.POSITIVE_INFINITY;
}

/**
 * In ms; `Infinity` for as long as the call may. Only what may be repeated is ever cut short.
 *
 * @param tries 1 for the first attempt
 */
export function attemptLimitMs(
  call: Call,
  { attemptMs, attemptsMax }: AttemptFigures,
  tries: number,
  { untried }: AttemptParts,
  now: number,
): number {
  if (!mayCutShort({ attemptMs }, { untried }) || !mayRepeat(call)) return Number.POSITIVE_INFINITY;
  if (attemptMs !== 'auto') return attemptMs;
  return shareMs(call.deadlineAt - now, Math.min(untried?.(call, now) ?? 0, attemptsMax - tries + 1));
}

/**
 * What an attempt gets of the time left, when so many endpoints may be tried, this one included: an equal share, as
 * Go's `net.Dialer` gives each of several addresses. The last one gets all there is.
 */
function shareMs(leftMs: number, ways: number): number {
  if (ways < 2) return Number.POSITIVE_INFINITY;
  return Math.min(Math.max(leftMs / ways, SHARE_MS_MIN), SHARE_MS_MAX);
}
