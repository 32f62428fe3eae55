/**
 * Patterns of requests, as keys of a table: `GET /depth`, `POST,PUT /accounts/*` or `/market`. A path is the beginning
 * of one below the upstream, and ends where a segment does; `*` stands for one whole segment, whatever it is.
 */
import { ConfigError } from './config-error.ts';
import { object, show } from './values.ts';

export interface CallPattern {
  /** Upper case; none for all. */
  readonly methods: readonly string[];
  /** `*` for any. */
  readonly segments: readonly string[];
}

/** Rows of a table in the order in which they are looked at: the closest fit first. */
export type CallRows<T> = readonly (readonly [pattern: CallPattern, value: T])[];

const PATTERN = /^(?:([A-Z]+(?:,[A-Z]+)*) +)?(\/\S*)$/;
/** Of characters that need no encoding, so that one path is spelt one way. */
const SEGMENT = /^(?:\*|[A-Za-z0-9._~!$&'()+;=:@-]+)$/;
const ROWS_MAX = 1_000;
const ALLOWED = '/PATH, or METHOD /PATH, as in "GET /depth" or "POST,PUT /accounts/*"';

/** @throws ConfigError naming the row */
export function parseCallRows<T>(input: unknown, path: string, read: (value: unknown, path: string) => T): CallRows<T> {
  const rows = Object.entries(object(input, path));
  if (rows.length > ROWS_MAX) throw new ConfigError(path, `has ${rows.length} rows; allowed: up to ${ROWS_MAX}`);
  const taken = new Map<string, string>();
  const parsed = rows.map(([text, value]) => {
    const where = `${path}[${show(text)}]`;
    const pattern = patternOf(text, where);
    for (const method of pattern.methods.length === 0 ? [''] : pattern.methods) {
      const key = `${method} ${pattern.segments.join('/')}`;
      const other = taken.get(key);
      if (other !== undefined) throw new ConfigError(where, `means the same requests as ${show(other)}`);
      taken.set(key, text);
    }
    return [pattern, read(value, where)] as const;
  });
  return parsed.sort(([a], [b]) => closeness(b) - closeness(a));
}

function patternOf(text: string, where: string): CallPattern {
  const [, methods, path = ''] = PATTERN.exec(text) ?? [];
  const segments = path.replace(/\/$/, '').split('/').slice(1);
  const wrong = segments.some((segment) => !SEGMENT.test(segment) || segment === '.' || segment === '..');
  if (path === '' || wrong) throw new ConfigError(where, `is no pattern of requests; allowed: ${ALLOWED}`);
  return { methods: methods?.split(',') ?? [], segments };
}

/** The longer path before the shorter, then the one with fewer `*`, then the one that names methods. */
function closeness({ methods, segments }: CallPattern): number {
  const plain = segments.filter((segment) => segment !== '*').length;
  return segments.length * 10_000 + plain * 2 + (methods.length === 0 ? 0 : 1);
}

/** What stands in the row that fits most closely. @param path without the base path; a query does not count */
export function rowFor<T>(rows: CallRows<T>, method: string, path: string): T | undefined {
  const segments = segmentsOf(path);
  return rows.find(([pattern]) => fits(pattern, method, segments))?.[1];
}

function fits({ methods, segments }: CallPattern, method: string, path: readonly string[]): boolean {
  if (segments.length > path.length || (methods.length > 0 && !methods.includes(method))) return false;
  return segments.every((segment, i) => segment === '*' || segment === path[i]);
}

/** As upstreams read them: another spelling of the same path must not be another request. */
function segmentsOf(path: string): string[] {
  const [plain = ''] = path.split(/[?#]/, 1);
  return plain
    .split('/')
    .filter((segment) => segment !== '')
    .map(decoded);
}

function decoded(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
