/**
 * The checks that read the code instead of running it: format and lint, types, structure.
 *
 *   npm run check
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { violations } from './tidy/rule.ts';
import { RULES } from './tidy/rules.ts';
import { readTree } from './tidy/tree.ts';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

export interface Check {
  readonly name: string;
  /** What is wrong, as text; empty when nothing is. */
  readonly failure: string;
  readonly elapsedMs: number;
}

/** A tool of node_modules; its own words are the failure. */
async function tool(name: string, args: readonly string[]): Promise<Check> {
  const startedAt = performance.now();
  const binary = join(root, 'node_modules', '.bin', name);
  const child = spawn(binary, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let words = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      words += text;
    });
  }
  const failure = await once(child, 'close').then(
    ([status]) => (status === 0 ? '' : words.trim() || `${name} exited with ${status}`),
    (error: Error) => error.message,
  );
  return { name: [name, ...args].join(' '), failure, elapsedMs: performance.now() - startedAt };
}

/** Every check in turn, as it ends. */
export async function* structureChecks(): AsyncGenerator<Check> {
  yield await tool('biome', ['check', '--error-on-warnings', '.']);
  yield await tool('tsc', ['--noEmit', '-p', 'tsconfig.json']);
  const tree = readTree(root);
  for (const rule of RULES) {
    const startedAt = performance.now();
    const found = violations(rule, tree);
    const failure = found.length === 0 ? '' : [`Why: ${rule.reason}`, ...found].join('\n');
    yield { name: `tidy: ${rule.name}`, failure, elapsedMs: performance.now() - startedAt };
  }
}

if (import.meta.main) {
  let failed = 0;
  for await (const { name, failure } of structureChecks()) {
    if (failure === '') continue;
    failed++;
    console.log(`FAIL  ${name}\n${failure}\n`);
  }
  console.log(failed === 0 ? 'structure: all checks pass' : `structure: ${failed} checks fail`);
  process.exitCode = failed === 0 ? 0 : 1;
}
