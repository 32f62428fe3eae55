/** Each page of the dashboard over the demo, in a real browser. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { bundlePage } from '../src/admin/page-bundle.ts';
import { PAGE_PATHS, readPage } from '../src/admin/page-files.ts';
import { type DemoProcess, startDemoProcess } from './demo-process.ts';
import { go, holds, type Looking, launch, look, textOf } from './page-browser.ts';

const root = new URL('../../../', import.meta.url).pathname;

it('the page is typed as strictly as everything else', () => {
  const { stdout } = spawnSync(
    `${root}node_modules/.bin/tsc`,
    ['--noEmit', '--pretty', 'false', '-p', 'packages/gateway/tsconfig.page.json'],
    { cwd: root, encoding: 'utf8' },
  );
  // With the browser's types at hand, some of Node's that the library uses mean something else: not of interest here.
  assert.deepEqual(
    stdout.split('\n').filter((line) => line.startsWith('packages/gateway/src/page/')),
    [],
  );
});

it('is the same from the sources as from the files that are published', async () => {
  const sources = new URL('../src/page/', import.meta.url);
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-page-'));
  for (const [name, content] of await bundlePage(sources)) writeFileSync(join(folder, name), content);
  const [made, published] = [await readPage(sources), await readPage(pathToFileURL(`${folder}/`))];
  rmSync(folder, { recursive: true });
  assert.deepEqual(new Set(made.keys()), PAGE_PATHS);
  for (const [path, { type, content }] of made) {
    assert.equal(published.get(path)?.type, type);
    assert.ok(Buffer.from(content).equals(published.get(path)!.content), path);
  }
  const page = Buffer.from(made.get('/')!.content).toString();
  assert.ok(!/<style|<script(?![^>]*src=)|\son\w+=|https?:/.test(page), 'nothing inline, nothing from elsewhere');
});

// What runs in the page is written as text: this file is checked with Node's types, which know no document.
describe('the dashboard over the demo', () => {
  let browser: Browser;
  let demo: DemoProcess;
  let looking: Looking;

  before(async () => {
    demo = await startDemoProcess('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0');
    browser = await launch();
    looking = await look(browser, demo.page, { colorScheme: 'light' });
    await looking.page.goto(demo.page);
    await looking.page.waitForSelector('.status[data-state=live]');
  });
  after(async () => {
    await browser?.close();
    if (demo?.child.exitCode === null) await demo.stop();
  });

  it('begins with what keepwarm does: cold against warm, and figures that change', async () => {
    const { page } = looking;
    const before = await textOf(page, '.uptime');
    await holds(page, `document.querySelector('.uptime').textContent !== ${JSON.stringify(before)}`);
    await holds(page, `document.querySelector('.stories .note').textContent.includes('saves')`);
    await holds(page, `Number.parseFloat(document.querySelectorAll('.tile .figure')[0].textContent) > 1`);
    assert.match(await textOf(page, '.about'), /This is the demo/);
    await holds(page, `document.querySelectorAll('.stories h3').length === 3`);
    assert.deepEqual(await page.locator('.stories h3').allTextContents(), [
      ...['Cold against warm market', 'Around trouble chain', 'Within limits'],
    ]);
    assert.match(await textOf(page, '.stories .figure'), /^[0-3] of 3endpoints in rotation$/);
    assert.deepEqual(await page.locator('.kept .who').allTextContents(), ['orders', 'solana, connections']);
    assert.match(await textOf(page, '.kept .of'), /^[0-8] of 8 in any 1 s$/);
    assert.deepEqual(await page.locator('.tiles h3').allTextContents(), [
      ...['Calls per second', 'Latency', 'Reuse', 'Errors', 'Saturation'],
    ]);
    assert.deepEqual(await page.locator('.endpoint .who').allTextContents(), ['near', 'far', 'flaky']);
    assert.match(await textOf(page, '.card .pool'), /\d+\sin\sflight\s·\s\d+\sidle/);
    await holds(page, painted('.chart canvas'));
    for (const range of ['15 min', '1 h', '24 h', '7 d']) {
      await page.getByRole('button', { name: range, exact: true }).click();
      await holds(page, `/first minute|Calls per second/.test(document.querySelector('#main').textContent)`);
    }
  });

  it('shows one upstream: endpoints with load and freshness, breakers, limits', async () => {
    const { page } = looking;
    await page.getByRole('link', { name: 'chain' }).click();
    await page.waitForSelector('.endpoint-row');
    assert.deepEqual(await page.locator('.endpoint-row th').allTextContents(), ['near', 'far', 'flaky']);
    await holds(
      page,
      `[...document.querySelectorAll('.endpoint-row td:nth-child(5)')].some((td) => /ms/.test(td.textContent))`,
    );
    await holds(page, `document.querySelectorAll('.breakers li').length === 3`);
    await holds(page, painted('.trail-cell canvas'));
    await holds(page, `document.querySelector('.limits')?.textContent.includes('repeats') ?? false`);
    assert.equal(await page.title(), 'chain · keepwarm');
    await go(page, '#/upstreams/nobody', '.empty');
    assert.match(await textOf(page, '.empty'), /no upstream nobody/);
  });

  it('shows every connection as a line of life, by keyboard as well', async () => {
    const { page } = looking;
    await page.keyboard.press('3');
    await page.waitForSelector('.rows .row[data-state]');
    await holds(page, painted('.rows canvas'));
    await page.locator('.scroller').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.waitForSelector('.row[aria-selected=true]');
    assert.match(await textOf(page, '.details'), /opened\s*\d+ s ago/);
    assert.equal(await page.locator('[aria-selected=true]').count(), 1);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.details', { state: 'hidden' });
    await page.getByRole('button', { name: 'in use' }).press('Enter');
    await holds(
      page,
      `[...document.querySelectorAll('.rows .row[data-state]')].every((row) => row.dataset.state === 'in use')`,
    );
    await page.locator('select').selectOption('orders');
    await holds(
      page,
      `[...document.querySelectorAll('.rows .name')].every((name) => name.textContent.startsWith('orders'))`,
    );
  });

  it('shows where the milliseconds of the last calls went', async () => {
    const { page } = looking;
    await page.keyboard.press('Escape');
    await go(page, '#/calls', '.calls-list .row[data-state]');
    await page.getByRole('button', { name: 'Hold still' }).click();
    await page.locator('.calls-list .row').first().click();
    await page.waitForSelector('.steps');
    assert.match(await textOf(page, '.steps'), /network and upstream/);
    assert.match(await textOf(page, '.details'), /socket \d+, (?:reused|its first call)/);
    await page.locator('input[type=search]').fill('eth_');
    await holds(
      page,
      `[...document.querySelectorAll('.operation')].every((each) => each.textContent.startsWith('eth_'))`,
    );
    await page.locator('input[type=search]').fill('no call is like this');
    await holds(page, `document.querySelector('.empty')?.textContent.startsWith('None of the last calls') ?? false`);
  });

  it('shows monitors that share one stream, and the starts a provider allows', async () => {
    const { page } = looking;
    await go(page, '#/grpc', '.tiles.four');
    await holds(page, `document.querySelectorAll('.rate-cell').length === 7`);
    assert.match(await textOf(page, '.tiles.four'), /Starts in any 1 min\d+of 60/);
    assert.match(await textOf(page, 'caption'), /1\supstream\sstream\sfor\sall\sof\sthem/);
  });

  it('lists its keys, and fits every screen in light and dark without scrolling sideways', async () => {
    const { page } = looking;
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open] .keys');
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    for (const [colorScheme, hash] of [
      ['light', '#/'],
      ['dark', '#/upstreams/chain'],
    ] as const) {
      await page.emulateMedia({ colorScheme });
      await go(page, hash, 'main section');
      for (const width of [1280, 900, 390, 320]) {
        await page.setViewportSize({ width, height: 844 });
        const content = Number(await page.evaluate('document.documentElement.scrollWidth'));
        assert.ok(content <= width, `${hash}: ${content} pixels wide on a screen of ${width}`);
      }
      const ground = String(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
      const brightness = Number(/\d+/.exec(ground)?.[0]);
      assert.ok(colorScheme === 'dark' ? brightness < 60 : brightness > 200, `${colorScheme}: ${ground}`);
    }
    for (const hash of ['#/sockets', '#/calls', '#/grpc']) {
      await go(page, hash, 'main section');
      assert.ok(Number(await page.evaluate('document.documentElement.scrollWidth')) <= 320, hash);
    }
  });

  it('has complained of nothing, and is honest when the gateway has gone', async () => {
    const { page, complaints } = looking;
    assert.deepEqual(complaints, []);
    assert.equal(await demo.stop(), 0);
    await page.waitForSelector('.status[data-state=lost]');
    assert.match(await textOf(page, '.status'), /not connected; last seen \d+ s ago/);
    assert.match(await textOf(page, '.freshness button'), /try now|trying/);
    assert.equal(await page.evaluate(`document.querySelector('main').classList.contains('stale')`), true);
    await go(page, '#/upstreams/chain', '.heading');
    assert.ok(await page.getByRole('button', { name: 'Warm up' }).isDisabled());
  });
});

/**
 * Whether anything is drawn on some canvas. Read from a copy made for reading: on a slow machine the question is asked
 * more than once, and Chromium warns of a page's canvas that is read twice.
 */
const painted = (selector: string): string =>
  `[...document.querySelectorAll('${selector}')].some((canvas) => {
    if (canvas.width === 0) return false;
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    return copy.getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
  })`;
