/** The pages that go from an empty folder to a working program, one for each kind of user. */
import { globSync } from 'node:fs';
import { root } from '../check.ts';

export const WALKS: readonly string[] = globSync('docs/guide/use-*.md', { cwd: root }).sort();
