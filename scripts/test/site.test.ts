/** The documentation as a site: every page is built, and can be reached from the side. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, globSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { root } from '../check.ts';

const run = promisify(execFile);
const DOCS = join(root, 'docs');
const out = join(root, '.tmp', `site-${process.pid}`);
const pages = globSync('**/*.md', { cwd: DOCS }).map((file) => file.replace(/\.md$/, ''));

describe('the site', () => {
  before(async () => {
    const vitepress = join(root, 'node_modules', 'vitepress', 'bin', 'vitepress.js');
    // A dead link fails the build.
    await run(process.execPath, [vitepress, 'build', DOCS, '--outDir', out], { cwd: root, maxBuffer: 2 ** 26 });
  });
  after(() => rmSync(out, { recursive: true, force: true }));

  it('has every page', () => {
    assert.deepEqual(
      pages.filter((name) => !existsSync(join(out, `${name}.html`))),
      [],
    );
  });

  it('leads to every page from the side', () => {
    const html = readFileSync(join(out, 'guide', 'quick-start.html'), 'utf8');
    const unreachable = pages.filter((name) => name !== 'index' && !html.includes(`href="/${name}"`));
    assert.deepEqual(unreachable, []);
  });

  it('has the heading that a link leads to', () => {
    const html = new Map(pages.map((name) => [`/${name}`, readFileSync(join(out, `${name}.html`), 'utf8')]));
    const lost = [...html].flatMap(([name, text]) =>
      [...text.matchAll(/ href="((?:\/[^"#]*)?)#([^"]+)"/g)].flatMap(([, path = '', anchor = '']) => {
        const target = html.get(path === '' ? name : path);
        return target?.includes(` id="${decodeURIComponent(anchor)}"`) === true ? [] : [`${name}: ${path}#${anchor}`];
      }),
    );
    const links = [...html.values()].flatMap((text) => text.match(/ href="[^"]*#[^"]+"/g) ?? []);
    assert(links.length > 100);
    assert.deepEqual(lost, []);
  });

  it('fetches nothing from elsewhere', () => {
    for (const name of ['index', 'guide/quick-start']) {
      const html = readFileSync(join(out, `${name}.html`), 'utf8');
      const foreign = [...html.matchAll(/<(?:script|link|img)[^>]*(?:src|href)="(https?:[^"]*)"/g)].map(
        ([, url]) => url,
      );
      assert.deepEqual(foreign, []);
    }
  });
});
