/**
 * A clone that is nobody's: what a build and the bench read, copied, with this repository's dependencies. What is built
 * there is built of what was copied, and whatever a command writes is thrown away with it.
 */
import { copyFileSync, cpSync, existsSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../check.ts';
import { stage } from '../release/stage.ts';

/** @param name of a folder in .tmp @returns its path; to be removed by whoever asked for it */
export function copyOf(name: string): string {
  const folder = stage(name);
  const bench = join('packages', 'bench');
  const filter = (path: string) => !/\/(?:test|node_modules)$/.test(path);
  for (const part of [bench, 'bench']) cpSync(join(root, part), join(folder, part), { recursive: true, filter });
  copyFileSync(join(root, 'package-lock.json'), join(folder, 'package-lock.json'));
  const modules = join(folder, 'node_modules');
  symlinkSync(join(folder, bench), join(modules, 'keepwarm-bench'));
  for (const each of readdirSync(join(root, 'node_modules'))) {
    if (!existsSync(join(modules, each))) symlinkSync(join(root, 'node_modules', each), join(modules, each));
  }
  const own = join(root, bench, 'node_modules');
  if (existsSync(own)) symlinkSync(own, join(folder, bench, 'node_modules'));
  return folder;
}

export const discard = (folder: string): void => rmSync(folder, { recursive: true, force: true });
