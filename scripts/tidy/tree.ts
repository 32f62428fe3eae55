/**
 * The repository as the structure checks see it: every file git knows or would take, in three views.
 *
 * Rules are about code, prose or bytes, and a rule that meets `any` in a comment must not cry out. So each file is cut
 * once into what is comment, what is quoted, and the rest. One regular expression does it; it takes a `/` for the start
 * of a regular expression where a value may stand. Template literals count as quoted, with what they embed.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TreeFile {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  /** The text with comments blanked out. Offsets and lines stay as they are. */
  readonly bare: string;
  /** The text with comments, and what stands between quotes, blanked out. */
  readonly code: string;
}

export type Tree = readonly TreeFile[];

const QUOTED = [
  /'(?:\\.|[^'\\\n])*'/,
  /"(?:\\.|[^"\\\n])*"/,
  /`(?:\\[\s\S]|\$\{(?:[^{}`]|\{[^{}]*\}|`[^`]*`)*\}|[^`\\])*`/,
  /(?<=(?:^|[=(,:;!&|?[{}>\n]|\breturn)\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//,
];
const COMMENT = [/\/\/[^\n]*/, /\/\*[\s\S]*?\*\//];

const sources = (parts: readonly RegExp[]) => parts.map(({ source }) => source).join('|');
const PIECES = new RegExp(`(?<comment>${sources(COMMENT)})|(?<quoted>${sources(QUOTED)})`, 'g');

const blank = (text: string) => text.replaceAll(/[^\n]/g, ' ');

/** A file under `path`; for tests of the rules, and for {@link readTree}. */
export function treeFile(path: string, text: string): TreeFile {
  if (!/\.[cm]?[jt]sx?$/.test(path)) return { path, text, bare: text, code: text };
  const bare = text.replaceAll(PIECES, (piece) => (/^\/[/*]/.test(piece) ? blank(piece) : piece));
  const code = text.replaceAll(PIECES, (piece) =>
    /^\/[/*]/.test(piece) ? blank(piece) : piece[0] + blank(piece.slice(1, -1)) + piece.at(-1),
  );
  return { path, text, bare, code };
}

/** Files that are bytes, not text. */
const BINARY = /\.(?:png|jpe?g|webp|ico|woff2?|gz|br|zst|pem|der|p12)$/;

/** Tracked files and new ones that are not ignored, as they are on disk. */
export function readTree(root: string): Tree {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
  const paths = [...new Set(listed.toString().split('\0'))].filter((path) => path !== '' && !BINARY.test(path));
  return paths
    .filter((path) => existsSync(join(root, path)))
    .sort()
    .map((path) => treeFile(path, readFileSync(join(root, path), 'utf8')));
}

/** 1-based line of an offset. */
export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

export interface Import {
  readonly specifier: string;
  readonly line: number;
}

const IMPORT = /\b(?:import|export)\b[^;'"()]*?\bfrom\s*'([^']+)'|\bimport\s*\(\s*'([^']+)'|\bimport\s+'([^']+)'/g;

/** What a file imports or re-exports, types included. */
export function importsOf({ bare }: TreeFile): Import[] {
  return [...bare.matchAll(IMPORT)].map((match) => ({
    specifier: match[1] ?? match[2] ?? match[3] ?? '',
    line: lineAt(bare, match.index + match[0].indexOf("'")),
  }));
}
