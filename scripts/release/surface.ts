/**
 * The public interface of the library as one text, so that a change of it shows in review: which names each subpath
 * exports, and every declaration that can be reached from them, once, without its comments.
 *
 * It reads the declarations that the compiler emitted. Those have a regular form: what stands at the top level of a
 * file begins in the first column, and what is imported comes from a file beside it.
 *
 *   npm run api                  writes api/keepwarm.api.md anew
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { root } from '../check.ts';
import { build, type Manifest, manifestOf, stage, subpathsOf } from './stage.ts';

export const SURFACE_PAGE = join(root, 'api', 'keepwarm.api.md');

interface Source {
  /** Where a name comes from: another file, and what it is called there. */
  readonly from: ReadonlyMap<string, { readonly file: string; readonly name: string }>;
  /** What this file declares itself. */
  readonly declared: ReadonlyMap<string, readonly string[]>;
  /** Names this file exports, in its own words. */
  readonly exported: ReadonlyMap<string, string>;
}

const COMMENT = /^[ \t]*\/\*[\s\S]*?\*\/\n?|^[ \t]*\/\/.*\n?/gm;
const STATEMENT = /^(?:export|import|declare|interface|type|class|function|const|\})/;
const DECLARES =
  /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const|let|namespace|enum) (\w+)/;
const CLAUSE = /^(import|export)(?: type)? \{([\s\S]*?)\}(?: from ['"](.+)['"])?;/;

/** A file's top-level statements, without comments. */
function statements(text: string): string[] {
  const found: string[] = [];
  for (const line of text.replaceAll(COMMENT, '').split('\n')) {
    const begins = STATEMENT.test(line) && !line.startsWith('}');
    if (begins) found.push(line);
    else if (found.length > 0 && line.trim() !== '') found.push(`${found.pop()}\n${line}`);
  }
  return found.filter((text) => !text.startsWith('//#'));
}

function read(dist: string, file: string): Source {
  const from = new Map<string, { file: string; name: string }>();
  const declared = new Map<string, string[]>();
  const exported = new Map<string, string>();
  for (const text of statements(readFileSync(join(dist, file), 'utf8'))) {
    const [, verb, names = '', specifier] = CLAUSE.exec(text) ?? [];
    const [, name] = DECLARES.exec(text) ?? [];
    if (name !== undefined) {
      declared.set(name, [...(declared.get(name) ?? []), text.replace(/^(?:export )?(?:declare )?/, '')]);
      if (text.startsWith('export')) exported.set(name, name);
    }
    if (verb === undefined) continue;
    const origin = specifier?.startsWith('.')
      ? posix.join(posix.dirname(file), specifier.replace(/\.(?:js|ts)$/, '.d.ts'))
      : undefined;
    for (const part of names.split(',').map((part) => part.trim().replace(/^type /, ''))) {
      if (part === '') continue;
      const [original = '', alias = original] = part.split(' as ');
      if (origin !== undefined)
        from.set(verb === 'export' ? `export ${alias}` : alias, { file: origin, name: original });
      if (verb === 'export') exported.set(alias, origin === undefined ? original : `export ${alias}`);
    }
  }
  return { from, declared, exported };
}

/** Follows names through the emitted declarations and remembers what it met. */
class Reach {
  readonly #dist: string;
  readonly #sources = new Map<string, Source>();
  /** By file, by name. */
  readonly met = new Map<string, Map<string, readonly string[]>>();

  constructor(dist: string) {
    this.#dist = dist;
  }

  source(file: string): Source {
    const known = this.#sources.get(file) ?? read(this.#dist, file);
    this.#sources.set(file, known);
    return known;
  }

  /** What a file exports under this name, and all that its declaration names. */
  follow(file: string, name: string): void {
    const { exported } = this.source(file);
    this.#meet(file, exported.get(name) ?? name);
  }

  #meet(file: string, name: string): void {
    const { from, declared } = this.source(file);
    const elsewhere = from.get(name);
    if (elsewhere !== undefined) return this.follow(elsewhere.file, elsewhere.name);
    const texts = declared.get(name);
    const here = this.met.get(file) ?? new Map<string, readonly string[]>();
    if (texts === undefined || here.has(name)) return;
    here.set(name, texts);
    this.met.set(file, here);
    for (const [word] of texts.join('\n').matchAll(/\b[A-Za-z_]\w*\b/g)) if (word !== name) this.#meet(file, word);
  }
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1);

/** The text of the interface of a package whose `dist` is built. Compiled definitions are named, not repeated. */
export function surface(folder: string): string {
  const manifest: Manifest = manifestOf(folder);
  const reach = new Reach(join(folder, 'dist'));
  const lines = [`# The public interface of ${manifest.name}`, '', 'Made by `npm run api`; do not edit.'];
  for (const subpath of subpathsOf(manifest)) {
    const entry = manifest.exports?.[subpath];
    const types = typeof entry === 'object' ? (entry['types'] ?? '') : '';
    const file = types.replace('./dist/', '');
    const names = [...reach.source(file).exported.keys()].sort();
    lines.push('', `## ${manifest.name}${subpath.slice(1)}`, '', ...names.map((name) => `- ${name}`));
    for (const name of names) reach.follow(file, name);
  }
  lines.push('', '## Declarations');
  for (const [file, declarations] of [...reach.met].sort(byName)) {
    if (file.includes('/generated/')) continue;
    const texts = [...declarations].sort(byName).flatMap(([, texts]) => texts);
    lines.push('', `### ${file.replace('.d.ts', '')}`, '', '```typescript', texts.join('\n\n'), '```');
  }
  return `${lines.join('\n')}\n`;
}

if (import.meta.main) {
  const staged = stage(`api-${process.pid}`);
  try {
    await build(staged, ['keepwarm']);
    writeFileSync(SURFACE_PAGE, surface(join(staged, 'packages', 'keepwarm')));
    console.log(`api: ${SURFACE_PAGE}`);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}
