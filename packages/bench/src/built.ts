/**
 * What is measured is what users install: the built packages, as everybody else's are. Sources cost a process more, in
 * heap above all, and with it collections. So before a run the packages are built, unless they are there and were built
 * from these sources; and what is not built from them is not measured.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CONDITION = '--conditions=keepwarm-source';
const root = fileURLToPath(new URL('../../../', import.meta.url));
const PACKAGES = ['keepwarm', 'gateway'];

let built = false;

/** Flags for a process whose packages are measured: this one's, and no sources once the packages are built. */
export function measuredArgv(): string[] {
  return built ? process.execArgv.filter((flag) => flag !== CONDITION) : process.execArgv;
}

/** The gateway's program, among its sources or as it is installed. */
export function gatewayMain(): string {
  return join(root, 'packages/gateway', built ? 'dist/main.js' : 'src/main.ts');
}

/** From now on the built packages are measured. @throws when they cannot be built */
export function measureBuilt(): void {
  if (!PACKAGES.every(isFresh)) {
    process.stderr.write('Building the packages … ');
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/build.ts')], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`the packages cannot be built: ${stderr.trim()}`);
    process.stderr.write('done\n');
  }
  const stale = PACKAGES.find((name) => !isFresh(name));
  if (stale !== undefined) throw new Error(`packages/${stale}/dist is not what its sources say; run npm run build`);
  built = true;
}

function isFresh(name: string): boolean {
  return isBuiltFrom(join(root, 'packages', name, 'src'), join(root, 'packages', name, 'dist'));
}

/** Whether each source has its declarations, no older than itself, and they their source: a build writes them last. */
export function isBuiltFrom(sources: string, dist: string): boolean {
  const modules = new Map([...filesIn(sources, '.ts'), ...filesIn(sources, '.js')]);
  const declared = filesIn(dist, '.d.ts');
  return (
    modules.size > 0 &&
    modules.size === declared.size &&
    [...modules].every(([name, changedAt]) => (declared.get(name) ?? 0) >= changedAt)
  );
}

/** What a browser runs is bundled, and measured by nobody. */
const isOfPage = (name: string): boolean => /^page[/\\]/.test(name);

/** Names without ending, and when each was changed last. */
function filesIn(folder: string, ending: '.ts' | '.js' | '.d.ts'): Map<string, number> {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const isWanted = (name: string) => name.endsWith(ending) && name.endsWith('.d.ts') === (ending === '.d.ts');
  const found = names.filter((name) => isWanted(name) && !isOfPage(name));
  return new Map(found.map((name) => [name.slice(0, -ending.length), statSync(join(folder, name)).mtimeMs]));
}
