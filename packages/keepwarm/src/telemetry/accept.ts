/** Which format a scraper gets: OpenMetrics where it asks for it and does not like the older text better. */
import type { MetricsFormat } from './text.ts';

const OPENMETRICS = 'application/openmetrics-text';

/** @param accept the request's Accept field; without one, the text format 0.0.4 */
export function formatFor(accept: string | undefined): MetricsFormat {
  let open = 0;
  let text = 0;
  // A field of any length is cut: nothing that asks for metrics has as many kinds.
  for (const part of (accept ?? '').slice(0, 2_000).split(',')) {
    const [type = '', ...parameters] = part.split(';').map((each) => each.trim().toLowerCase());
    const q = weightOf(parameters);
    if (type === OPENMETRICS && isOurs(parameters)) open = Math.max(open, q);
    else if (type === 'text/plain') text = Math.max(text, q);
  }
  return open > 0 && open >= text ? 'openmetrics' : 'text';
}

/** 1.0.0 is what we write; whoever names no version takes that. */
function isOurs(parameters: readonly string[]): boolean {
  const version = parameters.find((each) => each.startsWith('version='));
  return version === undefined || /^version="?1\.0\.0"?$/.test(version);
}

function weightOf(parameters: readonly string[]): number {
  const written = parameters.find((each) => each.startsWith('q='));
  const q = written === undefined ? 1 : Number(written.slice(2));
  return q >= 0 && q <= 1 ? q : 0;
}
