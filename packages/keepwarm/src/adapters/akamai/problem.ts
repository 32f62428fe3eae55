/** What Akamai says when it refuses: `application/problem+json` (RFC 9457), with fields of its own. */
import { NetError } from '../../core/error.ts';

export interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
  readonly instance?: string;
  /** Some of Akamai's APIs list what is wrong, one problem each. */
  readonly errors?: readonly unknown[];
  readonly [field: string]: unknown;
}

/** The problem an error of `json()`, `text()` or `bytes()` tells of; nothing where the answer was none. */
export function problemOf(error: unknown): Problem | undefined {
  if (!(error instanceof NetError) || error.answer === undefined) return undefined;
  const { headers, text } = error.answer;
  if (!/^application\/(?:api-)?problem\+json\b/i.test(headers.get('content-type') ?? '')) return undefined;
  try {
    const problem: unknown = JSON.parse(text);
    return typeof problem === 'object' && problem !== null && !Array.isArray(problem)
      ? (problem as Problem)
      : undefined;
  } catch {
    return undefined; // it said so and is none
  }
}
