/** One promise about the shape of the repository, and how to find what breaks it. */
import { lineAt, type Tree, type TreeFile } from './tree.ts';

export interface Rule {
  /** The promise, as it stands in the test report. */
  readonly name: string;
  /** Shown when it is broken: why anyone should care. */
  readonly reason: string;
  /** Each finding as `path:line: what`. */
  check(tree: Tree): Iterable<string>;
}

/** Matches of a pattern in one view of each file, as findings. */
export function* matches(
  files: Tree,
  view: 'text' | 'bare' | 'code',
  pattern: RegExp,
  say: (found: string) => string,
): Generator<string> {
  for (const file of files) {
    for (const match of file[view].matchAll(pattern)) {
      yield `${file.path}:${lineAt(file.text, match.index)}: ${say(match[0].trim())}`;
    }
  }
}

/** Sources, tests and scripts, whatever package they are in. */
export const isCode = ({ path }: TreeFile): boolean => /\.[cm]?[jt]sx?$/.test(path);

/** Findings shown per rule; the rest is a number. */
const FINDINGS_SHOWN = 20;

export function violations(rule: Rule, tree: Tree): string[] {
  const found = [...rule.check(tree)];
  const more = found.length - FINDINGS_SHOWN;
  return more > 0 ? [...found.slice(0, FINDINGS_SHOWN), `… and ${more} more`] : found;
}
