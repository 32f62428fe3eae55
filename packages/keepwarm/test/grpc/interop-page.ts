/** The cells of the interoperability tests as a table, and the page they stand on. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CASES, type How } from './interop-cases.ts';
import { SERVERS } from './interop-servers.ts';

export interface Outcome {
  readonly case: string;
  readonly server: string;
  readonly how: How;
  readonly failed: boolean;
}

interface Explained {
  readonly cases: readonly string[];
  readonly server: string;
  readonly why: string;
}

/** What is not green, and why. Checked too: one whose failure is gone fails the run. */
const EXPLAINED: readonly Explained[] = [
  {
    cases: ['server_compressed_unary', 'server_compressed_streaming'],
    server: 'grpc-js',
    why: 'A server of grpc-js never compresses what it answers with; the messages are right.',
  },
];

const FILE = join(import.meta.dirname, '../../../../docs/reference/grpc-interop.md');
const MARKS = /(<!-- cells of the last run -->\n)([\s\S]*?)(<!-- end of cells -->)/;
export const PAGE_COMMAND = 'KEEPWARM_WRITE_PAGES=1 node scripts/test.ts grpc/interop.test';

const explained = (asked: Pick<Outcome, 'case' | 'server'>): Explained | undefined =>
  EXPLAINED.find(({ cases, server }) => server === asked.server && cases.includes(asked.case));

export const explanationOf = (asked: Pick<Outcome, 'case' | 'server'>): string | undefined => explained(asked)?.why;

export function table(outcomes: readonly Outcome[]): string {
  const servers = Object.keys(SERVERS);
  const rows = CASES.map(({ name, promise }) => [
    `\`${name}\``,
    promise,
    ...servers.map((server) => cell(outcomes.filter((each) => each.case === name && each.server === server))),
  ]);
  const head = ['case', 'what is asked', ...servers];
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const notes = EXPLAINED.map(({ why }, i) => `${i + 1}. ${why}`);
  return [...lines, ...(notes.length === 0 ? [] : ['', ...notes]), ''].join('\n');
}

/** Green when it is so both plain and compressed, or the way it is asked for. */
function cell(outcomes: readonly Outcome[]): string {
  const [failed] = outcomes.filter((each) => each.failed);
  if (outcomes.length === 0) return 'not run';
  if (failed === undefined) return 'green';
  const why = explained(failed);
  return why === undefined ? '**wrong**' : `[${EXPLAINED.indexOf(why) + 1}]`;
}

/** What stands between the marks of the page. */
export function shown(): string {
  const found = MARKS.exec(readFileSync(FILE, 'utf8'));
  if (found === null) throw new Error(`${FILE} has lost the marks between which the cells stand`);
  return found[2]!;
}

export function writePage(outcomes: readonly Outcome[]): void {
  const page = readFileSync(FILE, 'utf8');
  writeFileSync(
    FILE,
    page.replace(MARKS, (_, begin: string, __, end: string) => begin + table(outcomes) + end),
  );
}
