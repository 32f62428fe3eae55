/** Whose calls are compressed: nothing in HTTP says beforehand who takes it, so somebody has to. */
import { originOf } from '../core/origin.ts';
import type { CompressOptions } from '../policies/compress.ts';
import { invalid } from './options.ts';

/**
 * The options with origins as calls have them: the client's own where none are named, since who switches it on for a
 * client means the API it was made for.
 *
 * @param asked  the option as it was given
 * @param home   the client's own origins, by their keys
 * @throws NetError `INVALID` when there is no such origin, or only some of the endpoints are named
 */
export function compressed(
  options: CompressOptions | undefined,
  asked: boolean | Partial<CompressOptions> | undefined,
  home: readonly string[],
): CompressOptions | undefined {
  if (options === undefined || options.origins === 'all') return options;
  const named = typeof asked === 'object' && asked.origins !== undefined;
  const origins = named ? options.origins.map((origin) => originOf(new URL(origin)).key) : home;
  if (origins.length === 0) {
    throw invalid('option compress.origins names nobody, and this client has no origin of its own to mean');
  }
  const left = home.find((origin) => !origins.includes(origin));
  if (left !== undefined && home.some((origin) => origins.includes(origin))) {
    throw invalid(`option compress.origins leaves out ${left}, and a call may go to any of the endpoints`);
  }
  return { ...options, origins };
}
