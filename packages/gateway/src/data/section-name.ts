/**
 * The name of the section that a request is for, as the request says it. What two programs could read differently is
 * refused: a field that is there twice or is spelt so that some servers take it for the same, one that Connection lists
 * and the upstream would not see, a segment that is encoded.
 */
import { type CallRows, rowFor } from '../config/call-patterns.ts';
import { isSectionName, type SectionsConfig } from '../config/sections.ts';
import type { CallerRequest } from './caller.ts';
import { type Problem, refusal } from './problem.ts';

export interface Named {
  /** Nothing for a request that names none. */
  readonly name: string | undefined;
  /** Path and query as they go on. */
  readonly path: string;
}

type Config = Pick<SectionsConfig, 'by' | 'strip'>;

/** @param path below the upstream, with its query */
export function sectionNamed({ by, strip }: Config, request: CallerRequest, path: string): Named | Problem {
  if ('header' in by) return byHeader(by.header, request, path);
  return 'segment' in by ? bySegment(by.segment, strip, path) : byRoute(by.routes, request, path);
}

function byHeader(header: string, { rawHeaders, headers }: CallerRequest, path: string): Named | Problem {
  let name: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i]!;
    if (field.length !== header.length) continue;
    const lower = field.toLowerCase();
    if (lower !== header) {
      // Servers that hand fields on as variables take `_` and `-` for one.
      if (folded(lower) === folded(header)) return refused('the field that names the section is spelt in two ways');
      continue;
    }
    if (name !== undefined) return refused('the request names its section more than once');
    name = rawHeaders[i + 1]!;
  }
  if (name === undefined) return { name, path };
  if (!isSectionName(name)) return refused('what stands in the field that names the section is no name of one');
  if (lists(headers.connection, header)) return refused('Connection lists the field that names the section');
  return { name, path };
}

const folded = (name: string): string => name.replaceAll('_', '-');

const lists = (connection: string | undefined, header: string): boolean =>
  (connection ?? '')
    .toLowerCase()
    .split(',')
    .some((each) => each.trim() === header);

function bySegment(number: number, strip: boolean, path: string): Named | Problem {
  const end = path.search(/[?#]/);
  const [plain, query] = end < 0 ? [path, ''] : [path.slice(0, end), path.slice(end)];
  const segments = plain.split('/');
  const name = segments[number] ?? '';
  if (name === '') {
    // An empty one before others is no absence: servers that join slashes read another segment there.
    if (segments.length > number + 1) return refused('the path has an empty segment where its section should be');
    return { name: undefined, path };
  }
  if (!isSectionName(name)) return refused('the segment of the path that names the section is no name of one');
  if (!strip) return { name, path };
  segments.splice(number, 1);
  return { name, path: (segments.length === 1 ? '/' : segments.join('/')) + query };
}

const byRoute = (routes: CallRows<string>, { method = 'GET' }: CallerRequest, path: string): Named => ({
  name: rowFor(routes, method, path),
  path,
});

const refused = (detail: string): Problem => refusal(400, 'REFUSED', detail, { limit: 'sections.by' });
