/**
 * Where the head of the chain is, by what the endpoints claim of themselves. One of them may be wrong: a node of
 * another chain, a number misread, a cache gone mad. Its claim must not make all the others look as if they lagged.
 *
 * Claims are looked at from the highest down; the first believed one is the head. A claim is believed when
 *   (1) it is seconded: another endpoint is at most `lagMax` behind it; or
 *   (2) it is continued: the endpoint was believed before, and has risen no faster since than the pool at its pace; or
 *   (3) nobody outvotes it: no two others agree with each other. Then only a leap beyond what ten minutes make is
 *       refused, and that only while another endpoint goes on from where the head was; or
 *   (4) those that outvote it stand still: for a minute it has risen, and they have not.
 * The lowest claim is believed if none is: of a single endpoint everything is.
 *
 * So a leader whose peers all got stuck stays the leader (2), one that leaps away from two others is not followed (3),
 * and of two endpoints the one behind is taken for the one that lags: nodes that are still catching up are common,
 * nodes from the future are not. What this does not see: a liar that creeps ahead at twice the pace of the chain.
 */
export interface Claim {
  readonly height: number;
  /** Its last claim that was believed, and how long ago that was, in ms. */
  readonly before: number | undefined;
  readonly sinceMs: number;
  /** How long its claims have been refused while it rose and the head stood still, in ms. */
  readonly refusedMs: number;
}

export interface Pace {
  /** Heights per ms, as measured; nothing before that. */
  readonly rate: number | undefined;
  readonly heightMsMin: number;
  readonly lagMax: number;
}

export interface HeadVerdict {
  readonly head: number;
  /** Whether somebody else was close to it: only that is measured as the pace. */
  readonly seconded: boolean;
  /** Claims above the head: those that were not believed. */
  readonly refused: ReadonlySet<Claim>;
}

/** An endpoint may report two heights at once, and nodes do not move in step. */
const SLACK = 2;
const FASTER = 4;
const LEAP_MS = 600_000;
const STALL_MS = 60_000;

/** @param claims one at least @param head the last one believed */
export function headOf(claims: readonly Claim[], head: number | undefined, pace: Pace): HeadVerdict {
  const sorted = [...claims].sort((a, b) => b.height - a.height);
  const refused = new Set<Claim>();
  for (const [i, claim] of sorted.entries()) {
    const below = sorted.slice(i + 1);
    const seconded = below.length > 0 && below[0]!.height >= claim.height - pace.lagMax;
    if (seconded || below.length === 0 || isCredible(claim, below, head, pace)) {
      return { head: claim.height, seconded, refused };
    }
    refused.add(claim);
  }
  throw new RangeError('there is no claim');
}

function isCredible(claim: Claim, below: readonly Claim[], head: number | undefined, pace: Pace): boolean {
  if (isContinued(claim, pace) || claim.refusedMs >= STALL_MS) return true;
  if (agree(below, pace.lagMax)) return false;
  const goesOn = head !== undefined && below.some(({ height }) => height >= head - pace.lagMax);
  return !goesOn || claim.height - head <= LEAP_MS / pace.heightMsMin;
}

function isContinued({ height, before, sinceMs }: Claim, { rate, heightMsMin }: Pace): boolean {
  if (before === undefined) return false;
  return height - before <= SLACK + sinceMs * (rate === undefined ? 1 / heightMsMin : FASTER * rate);
}

/** Sorted, so whoever agrees stands next to each other. */
function agree(sorted: readonly Claim[], lagMax: number): boolean {
  return sorted.some(({ height }, i) => i > 0 && sorted[i - 1]!.height - height <= lagMax);
}
