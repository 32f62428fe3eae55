import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type DemoProcess, startDemoProcess } from './demo-process.ts';

const root = new URL('../../../', import.meta.url).pathname;

/** Where a Chromium is looked for; `BROWSER_PATH` names another. */
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env['BROWSER_PATH'] ?? BROWSERS.find((path) => existsSync(path)) ?? BROWSERS[0]!;

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
]; // biome-ignore format: a list of flags

it('the scripts of the page are typed as strictly as everything else', () => {
  const { stdout } = spawnSync(
    `${root}node_modules/.bin/tsc`,
    ['--noEmit', '--pretty', 'false', '-p', 'packages/gateway/tsconfig.page.json'],
    {
      cwd: root,
      encoding: 'utf8',
    },
  );
  // With the browser's types at hand, some of Node's that the library uses mean something else: not of interest here.
  assert.deepEqual(
    stdout.split('\n').filter((line) => line.startsWith('packages/gateway/src/page/')),
    [],
  );
});

describe('the status page in a browser', () => {
  let browser: Browser;
  let demo: DemoProcess;
  const complaints: string[] = [];

  before(async () => {
    demo = await startDemoProcess('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0');
    browser = await chromium.launch({ executablePath, args: FLAGS });
  });
  after(async () => {
    await browser.close();
    if (demo.child.exitCode === null) await demo.stop();
  });

  async function open(look: { colorScheme: 'light' | 'dark'; width: number; height: number }): Promise<Page> {
    const { colorScheme, ...viewport } = look;
    const page = await browser.newPage({ colorScheme, viewport });
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
    page.on('request', (request) => {
      if (!request.url().startsWith(demo.page)) complaints.push(`asks elsewhere: ${request.url()}`);
    });
    await page.goto(demo.page);
    await page.waitForSelector('#rows .row');
    return page;
  }

  const text = async (page: Page, selector: string): Promise<string> =>
    (await page.locator(selector).first().textContent()) ?? '';

  /** Waits until an expression is true in the page; the page's policy forbids the browser's own way of doing so. */
  async function holds(page: Page, expression: string): Promise<void> {
    while ((await page.evaluate(expression)) !== true) await page.waitForTimeout(100);
  }

  // What runs in the page is written as text: this file is checked with Node's types, which know no document.

  it('shows sockets and figures that change, and complains of nothing', async () => {
    const page = await open({ colorScheme: 'light', width: 1280, height: 900 });
    assert.equal(await text(page, '#status'), 'live');
    const before = await text(page, '#uptime');
    await holds(page, `document.querySelector('#uptime').textContent !== ${JSON.stringify(before)}`);
    await holds(page, `Number.parseFloat(document.querySelector('#rate').textContent) > 1`);
    await holds(page, `document.querySelector('#versus-note').textContent.includes('saves')`);
    assert.match(await text(page, '#latency'), /\d+ ms/);
    assert.equal(await page.locator('.card').count(), 3);
    assert.deepEqual(await page.locator('.endpoint .who').allTextContents(), ['near', 'far', 'flaky']);
    // Bars of the last seconds: calls go to the nodes, and the page says where.
    await holds(page, `[...document.querySelectorAll('.endpoint .trail i')].some((bar) => bar.style.height > '0%')`);
    assert.match(await text(page, '.card .pool'), /\d+\sin\sflight · \d+\sidle/);
    const painted = await page.evaluate(`[...document.querySelectorAll('canvas')].some((canvas) =>
      canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0))`);
    assert.equal(painted, true, 'lines of life are drawn');
    await page.close();
  });

  it('works by keyboard: choosing a socket tells more of it', async () => {
    const page = await open({ colorScheme: 'light', width: 1280, height: 900 });
    await page.locator('#scroller').focus();
    await page.keyboard.press('ArrowDown');
    assert.match(await text(page, '#details'), /opened\s*\d+ s ago/);
    assert.equal(await page.locator('[aria-selected=true]').count(), 1);
    await page.keyboard.press('Escape');
    assert.ok(await page.locator('#details').isHidden());
    await page.locator('[data-show=closed]').press('Enter');
    await holds(page, `[...document.querySelectorAll('#rows .row')].every((row) => row.dataset.state === 'closed')`);
    await page.close();
  });

  it('fits large and small screens, light and dark, without scrolling sideways', async () => {
    const page = await open({ colorScheme: 'light', width: 1280, height: 900 });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 900, 390, 320]) {
        await page.setViewportSize({ width, height: 844 });
        const content = Number(await page.evaluate('document.documentElement.scrollWidth'));
        assert.ok(content <= width, `${content} pixels wide on a screen of ${width}`);
        const ground = String(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
        const brightness = Number(/\d+/.exec(ground)?.[0]);
        assert.ok(colorScheme === 'dark' ? brightness < 60 : brightness > 200, `${colorScheme}: ${ground}`);
      }
    }
    await page.close();
  });

  it('stays usable with two thousand sockets: only rows in view exist', async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.route('**/api/stats', async (route) => {
      const told = await (await route.fetch()).json();
      const [socket] = told.upstreams[0].sockets.live;
      told.upstreams[0].sockets.live = Array.from({ length: 2_000 }, (_, i) => ({ ...socket, id: i + 1 }));
      await route.fulfill({ json: told });
    });
    await page.goto(demo.page);
    await page.waitForSelector('#rows .row');
    assert.ok(Number(await page.locator('#rows .row').first().getAttribute('aria-setsize')) >= 2_000);
    assert.ok((await page.locator('#rows .row').count()) < 60);
    await page.locator('#scroller').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('End');
    assert.ok((await page.locator('#rows .row').count()) < 60);
    assert.equal(await page.locator('[aria-selected=true]').count(), 1);
    await page.unrouteAll({ behavior: 'wait' });
    await page.close();
  });

  it('is honest when the gateway has gone, and has complained of nothing before', async () => {
    assert.deepEqual(complaints, []);
    const page = await browser.newPage();
    await page.goto(demo.page);
    await page.waitForSelector('#status[data-state=live]');
    assert.equal(await demo.stop(), 0);
    await page.waitForSelector('#status[data-state=lost]');
    assert.match(await text(page, '#status'), /not connected; last seen \d+ s ago/);
    assert.equal(await page.evaluate(`document.body.classList.contains('stale')`), true);
    await page.close();
  });
});
