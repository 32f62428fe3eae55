/**
 * The checks that read the code instead of running it: format and lint, types, structure.
 *
 *   npm run check
 */
import { spawnSync } from 'node:child_process';
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
function tool(name: string, args: readonly string[]): Check {
  const startedAt = performance.now();
  const binary = join(root, 'node_modules', '.bin', name);
  const { status, stdout, stderr, error } = spawnSync(binary, args, { cwd: root, encoding: 'utf8' });
  const failure =
    status === 0 ? '' : (error?.message ?? `${stdout}${stderr}`.trim()) || `${name} exited with ${status}`;
  return { name: [name, ...args].join(' '), failure, elapsedMs: performance.now() - startedAt };
}

/** Every check in turn, as it ends. */
export function* structureChecks(): Generator<Check> {
  yield tool('biome', ['check', '--error-on-warnings', '.']);
  yield tool('tsc', ['--noEmit', '-p', 'tsconfig.json']);
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
  for (const { name, failure } of structureChecks()) {
    if (failure === '') continue;
    failed++;
    console.log(`FAIL  ${name}\n${failure}\n`);
  }
  console.log(failed === 0 ? 'structure: all checks pass' : `structure: ${failed} checks fail`);
  process.exitCode = failed === 0 ? 0 : 1;
}
