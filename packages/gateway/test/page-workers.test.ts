/** The dashboard of a gateway with several workers, in a real browser. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { type GatewayProcess, gatewayProcess } from './command-process.ts';
import { eventually, httpServer, Opened } from './fixtures.ts';
import { go, holds, type Looking, launch, look, textOf } from './page-browser.ts';
import { Caller, workersOf } from './workers-load.ts';

describe('the dashboard of a gateway with several workers', () => {
  const opened = new Opened();
  let gateway: GatewayProcess;
  let browser: Browser;
  let looking: Looking;
  let callers: readonly Caller[] = [];

  before(async () => {
    const upstream = opened.add(await httpServer((_, response) => void setTimeout(() => response.end('here'), 20)));
    gateway = await gatewayProcess({ api: { origin: upstream.origin } }, { workers: 3 });
    browser = await launch();
    callers = Array.from({ length: 6 }, () => new Caller(`${gateway.data}/api/`));
    looking = await look(browser, `http://${gateway.admin}/`, { colorScheme: 'light' });
    await looking.page.goto(`http://${gateway.admin}/`);
    await looking.page.waitForSelector('.status[data-state=live]');
  });
  after(async () => {
    await Promise.all(callers.map((caller) => caller.stop()));
    await browser?.close();
    await gateway?.close();
    await opened.closeAll();
  });

  it('shows each of them at work, and the gateway as one', async () => {
    const { page } = looking;
    await holds(page, `document.querySelector('#workers-title')?.textContent.includes('3 of 3 serve')`);
    const rows = `[...document.querySelectorAll('[aria-labelledby=workers-title] tbody tr')]`;
    await holds(page, `${rows}.length === 3 && ${rows}.every((row) => row.textContent.includes('serving for'))`);
    await holds(page, `${rows}.every((row) => Number.parseFloat(row.cells[2].textContent) > 0)`);
    assert.deepEqual(await page.locator('.card h3').count(), 1, 'one upstream, whoever asks it');
  });

  it('says of a socket and a call whose they are', async () => {
    const { page } = looking;
    await go(page, '#/sockets', '.sockets .row .name');
    await holds(page, `document.querySelectorAll('.sockets .row .name').length > 3`);
    const text = await textOf(page, '.sockets');
    for (const number of [1, 2, 3]) assert.match(text, new RegExp(`api \\d+ · worker ${number}`));
  });

  it('tells that one is gone, and that another has taken its place', async () => {
    const { page } = looking;
    await go(page, '#/', '#workers-title');
    const [first] = await workersOf(gateway.admin);
    process.kill(first!.pid!, 'SIGKILL');
    await eventually(async () => (await workersOf(gateway.admin))[0]!.replaced === 1);
    await holds(page, `document.querySelector('#main').textContent.includes('worker 1 is gone (SIGKILL)')`);
    await holds(page, `document.querySelector('#workers-title').textContent.includes('3 of 3 serve')`);
    await holds(page, `document.querySelector('[aria-labelledby=workers-title]').textContent.includes('1 ×')`);
    assert.deepEqual(looking.complaints, []);
  });
});
