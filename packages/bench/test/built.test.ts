import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { isBuiltFrom, measuredArgv } from '../src/built.ts';

/** A package with one module in each of two folders, built an hour after it was written. */
function aPackage(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-built-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, hour: number): void => {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
    utimesSync(file, hour * 3_600, hour * 3_600);
  };
  for (const name of ['src/index.ts', 'src/wire/head.ts', 'src/wire/made.js', 'src/wire/made.d.ts']) write(name, 1);
  for (const name of ['dist/index.js', 'dist/index.d.ts', 'dist/wire/head.d.ts', 'dist/wire/made.d.ts']) write(name, 2);
  const fresh = (): boolean => isBuiltFrom(join(folder, 'src'), join(folder, 'dist'));
  return { write, fresh, folder };
}

it('a package built after its last change is measured as it is', (t) => {
  const { fresh, write } = aPackage(t);
  assert(fresh());
  write('src/page/main.ts', 3); // bundled for browsers
  write('dist/page/main.js', 2);
  assert(fresh());
});

it('one that is not what its sources say is not: changed, added to, taken from, or not built at all', (t) => {
  const changed = aPackage(t);
  changed.write('src/wire/head.ts', 3);
  assert(!changed.fresh());
  const added = aPackage(t);
  added.write('src/wire/body.ts', 1);
  assert(!added.fresh());
  const removed = aPackage(t);
  rmSync(join(removed.folder, 'src/wire/head.ts'));
  assert(!removed.fresh());
  const renamed = aPackage(t);
  rmSync(join(renamed.folder, 'src/wire/head.ts'));
  renamed.write('src/wire/body.ts', 1);
  assert(!renamed.fresh());
  const broken = aPackage(t); // the JavaScript is there, its declarations are not: the build ended before
  rmSync(join(broken.folder, 'dist/wire/head.d.ts'));
  assert(!broken.fresh());
  const unbuilt = aPackage(t);
  rmSync(join(unbuilt.folder, 'dist'), { recursive: true });
  assert(!unbuilt.fresh());
  assert(!isBuiltFrom(join(unbuilt.folder, 'nothing'), join(unbuilt.folder, 'nothing')));
});

it('without a build processes measure what this one runs', () => {
  assert.deepEqual(measuredArgv(), process.execArgv);
});
