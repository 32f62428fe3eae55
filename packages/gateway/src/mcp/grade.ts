/**
 * A grade from A to F for how well connections are used, with the reason for each point that is missing. It starts at
 * 100; each reason takes points, so that two people with the same figures get the same grade.
 *
 *   A from 90 · B from 80 · C from 70 · D from 60 · F below
 *
 * Without calls there is nothing to grade.
 */
export type Letter = 'A' | 'B' | 'C' | 'D' | 'F';

export interface Grade {
  readonly grade: Letter | null;
  /** 0 to 100. */
  readonly score: number | null;
  /** What cost points, the worst first; empty when all is well. */
  readonly reasons: readonly Reason[];
}

export interface Reason {
  readonly what: string;
  readonly value: number;
  /** From where on it costs nothing. */
  readonly good: number;
  readonly points: number;
  readonly words: string;
}

/** What is graded. Shares are 0 to 1. */
export interface Graded {
  /** Calls of the last minute or so. */
  readonly calls: number;
  /** Leases, without which there is nothing to say about reuse. */
  readonly leases: number;
  readonly reuseRatio: number;
  /** Failed calls and replies with 5xx ÷ all, in the last minute. */
  readonly failedShare: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly saturation: number;
  readonly waiting: number;
  readonly dnsHitRate: number | null;
  readonly dnsMisses: number;
  readonly endpoints: number;
  readonly endpointsOut: number;
  readonly breakersOpen: number;
  readonly leaks: number;
}

const LETTERS: readonly (readonly [from: number, letter: Letter])[] = [
  [90, 'A'],
  [80, 'B'],
  [70, 'C'],
  [60, 'D'],
];
/** Fewer leases say little about how often connections are used again. */
const LEASES_MIN = 20;
/** Fewer look-ups that had to wait are those of any start. */
const DNS_MISSES_MIN = 10;

export function gradeOf(graded: Graded): Grade {
  const found = Object.entries(RULES).flatMap(([what, rule]) => ({ what, ...rule(graded) }));
  const reasons = found.filter((each): each is Reason => 'points' in each && each.points >= 1);
  reasons.sort((a, b) => b.points - a.points);
  if (graded.calls === 0 && reasons.length === 0) return { grade: null, score: null, reasons };
  const score = Math.max(0, 100 - reasons.reduce((sum, { points }) => sum + points, 0));
  return { grade: LETTERS.find(([from]) => score >= from)?.[1] ?? 'F', score, reasons };
}

type Rule = (graded: Graded) => Omit<Reason, 'what'> | undefined;

const percent = (share: number): string => `${Math.round(share * 1_000) / 10} %`;

const RULES: Readonly<Record<string, Rule>> = {
  reuse: ({ leases, reuseRatio: value }) => {
    if (leases < LEASES_MIN || value >= 0.8) return undefined;
    const words =
      `only ${percent(value)} of calls found a connection that had served before (80 % is ` +
      'usual): raise pool.idleMax or pool.idleMs, or see why connections end';
    return { value, good: 0.8, points: scaled(0.8 - value, 0.8, 35), words };
  },
  failures: ({ failedShare: value }) => {
    if (value <= 0.001) return undefined;
    const words =
      `${percent(value)} of calls of the last minute failed or were answered with 5xx: see ` +
      'endpoint-health and explain-slow-call';
    return { value, good: 0.001, points: scaled(value, 0.1, 45), words };
  },
  tail: ({ p50Ms, p95Ms }) => {
    const value = p50Ms === 0 ? 0 : p95Ms / p50Ms;
    if (value <= 5 || p95Ms < 20) return undefined;
    const words =
      `the slowest 5 % take ${Math.round(value)} times as long as half of the calls: ` +
      'explain-slow-call tells where the time goes';
    return { value, good: 5, points: scaled(value - 5, 20, 20), words };
  },
  queue: ({ waiting: value }) => {
    if (value === 0) return undefined;
    const words = `${value} calls wait for a connection: raise pool.socketsMax, or send less`;
    return { value, good: 0, points: scaled(value, 20, 20), words };
  },
  saturation: ({ saturation: value }) => {
    if (value <= 0.8) return undefined;
    const words =
      `${percent(value)} of the places for connections are in use: raise pool.socketsMax before ` +
      'calls have to wait';
    return { value, good: 0.8, points: scaled(value - 0.8, 0.2, 10), words };
  },
  dns: ({ dnsHitRate: value, dnsMisses }) => {
    if (value === null || dnsMisses < DNS_MISSES_MIN || value >= 0.5) return undefined;
    const words =
      `${percent(1 - value)} of look-ups of names had to wait for the name server: their ` +
      'records may be short-lived';
    return { value, good: 0.5, points: scaled(0.5 - value, 0.5, 10), words };
  },
  endpoints: ({ endpoints, endpointsOut: value }) => {
    if (value === 0) return undefined;
    const words = `${value} of ${endpoints} endpoints take no calls (ejected, probing, cordoned): see endpoint-health`;
    return { value, good: 0, points: scaled(value / endpoints, 1, 40), words };
  },
  breakers: ({ breakersOpen: value }) => {
    if (value === 0) return undefined;
    const words = `${value} breakers are open: calls there are refused at once until a probe succeeds`;
    return { value, good: 0, points: 30, words };
  },
  leaks: ({ leaks: value }) => {
    if (value === 0) return undefined;
    const words = `${value} replies were never read to their end and hold a connection each`;
    return { value, good: 0, points: scaled(value, 10, 20), words };
  },
};

/** docs/guide/assistants.md says what each costs. */
export const GRADE_REASONS: readonly string[] = Object.keys(RULES);

/** Points in proportion, all of them at `worst`. */
const scaled = (badness: number, worst: number, points: number): number =>
  Math.round(Math.min(1, badness / worst) * points);
