/** Acting from the dashboard in a real browser, and the dashboard with much to show. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { ask, httpServer, Opened, ownPort, startGateway, type TestGateway } from './fixtures.ts';
import { holds, type Looking, launch, look, textOf } from './page-browser.ts';

const TOKEN = 'a token of sixteen or more';

describe('acting from the dashboard', () => {
  let browser: Browser;
  let gateway: TestGateway;
  let looking: Looking;
  let url = '';
  let healthy = true;
  let reads = 0;
  const opened = new Opened();

  before(async () => {
    browser = await launch();
    const api = opened.add(
      await httpServer((_, response) => {
        response.statusCode = healthy ? 200 : 503;
        response.end('x');
      }),
    );
    const nodes = ['one', 'two'].map((name) => ({ name, url: `${api.origin}/${name}` }));
    gateway = opened.add(
      await startGateway(
        {
          api: api.origin,
          chain: {
            jsonrpc: 'evm',
            endpoints: nodes,
            breaker: { consecutiveMax: 2, failingMs: 0, openMs: 60_000 },
            freshness: false,
          },
        },
        { access: { token: TOKEN.replaceAll(' ', '-') } },
      ),
    );
    url = `http://127.0.0.1:${gateway.adminPort}/`;
    looking = await look(browser, url);
    await looking.page.goto(`${url}#/upstreams/chain`);
    await looking.page.waitForSelector('.endpoint-row');
  });
  after(async () => {
    await browser?.close();
    await opened.closeAll();
  });

  const click = (page: Page, name: string | RegExp): Promise<void> =>
    page.getByRole('button', { name }).first().click();
  const said = (page: Page, text: string): Promise<void> =>
    holds(page, `document.querySelector('.said').textContent.includes(${JSON.stringify(text)})`);

  it('asks for confirmation and for the token, refuses a wrong one, and cordons', async () => {
    const { page, complaints } = looking;
    await click(page, 'Cordon one');
    assert.match(await textOf(page, 'dialog h2'), /Cordon one of chain\?/);
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    await holds(page, `document.activeElement.getAttribute('aria-label') === 'Cordon one'`);
    await click(page, 'Cordon one');
    await page.locator('dialog input').fill('not the token at all');
    await page.keyboard.press('Enter');
    await holds(page, `document.querySelector('dialog .problem').textContent.includes('neither the token')`);
    await page.locator('dialog input').fill(TOKEN.replaceAll(' ', '-'));
    await page.keyboard.press('Enter');
    await said(page, 'one is cordoned');
    await holds(page, `document.querySelector('.endpoint-row .state').textContent.startsWith('cordoned')`);
    assert.ok(
      complaints.splice(0).every((words) => words.includes('status of 401')),
      'of the wrong token, and no more',
    );
    const kept = String(await page.evaluate('JSON.stringify({ ...sessionStorage, ...localStorage })'));
    assert.ok(!kept.includes(TOKEN.replaceAll(' ', '-')), 'the token itself is not kept');
  });

  it('does the rest without asking for it again: put back, warm up, close idle', async () => {
    const { page } = looking;
    await click(page, 'Put one back');
    await click(page, /^Put back$/);
    await said(page, 'one gets calls again');
    await click(page, 'Warm up');
    await page.locator('dialog input').fill('3');
    await page.keyboard.press('Enter');
    await said(page, 'connections are open');
    await click(page, 'Close idle');
    await page.locator('dialog').getByRole('button', { name: 'Close idle' }).click();
    await said(page, 'idle connections were closed');
  });

  it('shows an open breaker on its line of time, and resets it', async () => {
    const { page } = looking;
    healthy = false;
    const body = '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber"}';
    const headers = { 'content-type': 'application/json' };
    for (let i = 0; i < 4; i++) await ask(`${gateway.url}/chain`, { method: 'POST', headers, body });
    healthy = true;
    await page.waitForSelector('.breakers li[data-state=open] .timeline i[data-state=open]');
    await holds(page, `document.querySelector('.happenings').textContent.includes('nothing is sent to')`);
    await click(page, /Reset the breaker/);
    await click(page, /^Reset$/);
    await said(page, 'is closed');
    await page.waitForSelector('.breakers li[data-state=closed]');
  });

  it('lets a browser in by the code of an address, which is gone from it at once', async () => {
    const { code } = gateway.gateway.keys.issue();
    const { page } = await look(browser, url);
    await page.goto(`${url}#key=${code}`);
    await page.waitForSelector('.status[data-state]');
    await holds(page, `!location.href.includes(${JSON.stringify(code)}) && sessionStorage.length === 1`);
    await page.close();
  });

  it('asks for the token first where reading needs it, and goes on by itself when the gateway is back', async () => {
    const access = { token: 'the-token-of-readers', reads: 'token' };
    const admin = `127.0.0.1:${await ownPort()}`;
    const first = await startGateway({ api: 'http://127.0.0.1:1' }, { access, admin });
    const at = `http://127.0.0.1:${first.adminPort}/`;
    const { page } = await look(browser, at);
    await page.goto(at);
    await page.waitForSelector('.locked');
    assert.equal(await page.locator('.tile').count(), 0);
    await page.locator('.locked input').fill(access.token);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.status[data-state=live]');
    await first.close();
    await page.waitForSelector('.status[data-state=lost]');
    const again = { access: { token: access.token }, admin };
    const second = opened.add(await startGateway({ other: 'http://127.0.0.1:1' }, again));
    await page.waitForSelector('.status[data-state=live]');
    await holds(page, `document.querySelector('.card a').textContent === 'other'`);
    assert.equal(second.adminPort, first.adminPort);
    await page.close();
  });

  it('does not call itself live while it is told of no events, and asks for them ever less often', async () => {
    const { page } = await look(browser, url);
    await page.addInitScript('AbortSignal.timeout = () => new AbortController().signal'); // however slow the machine is
    await page.clock.install({ time: 0 });
    await page.clock.pauseAt(3_600_000); // until it is paused it goes on, and it does not go back
    let asked = 0;
    await page.route('**/api/events?*', async (route) => {
      asked++;
      await route.fulfill({ status: 503, json: { code: 'READERS', detail: '64 readers listen already' } });
    });
    const refused = Promise.withResolvers<void>();
    await page.route('**/api/stats?*', (route) => refused.promise.then(() => route.continue()));
    const answered = page.waitForResponse('**/api/stats?*');
    await page.goto(url);
    const appears = async (selector: string): Promise<void> => {
      for (; (await page.locator(selector).count()) === 0; await sleep(20)) await page.clock.runFor(1);
    };
    await appears('.status[data-state=lost]');
    assert.equal(asked, 1, 'it is told at once, and not only when it was asked again');
    refused.resolve();
    await answered; // by then no time has passed, and nothing was asked again
    await appears('.tile');
    await page.clock.resume();
    await page.evaluate(`{
      const status = document.querySelector('.status');
      globalThis.seen = [status.dataset.state];
      new MutationObserver(() => seen.push(status.dataset.state)).observe(status, { attributes: true });
    }`);
    const begun = asked;
    while (asked < begun + 2) await page.clock.fastForward(500);
    assert.ok(!String(await page.evaluate('seen.join()')).includes('live'), 'half of it is not fresh');
    await holds(page, `/in (?:[2-9]|1\\d) s/.test(document.querySelector('.freshness button')?.textContent ?? '')`);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    // It may have tried by itself meanwhile, and the button is gone.
    await page.evaluate(`document.querySelector('.freshness button')?.click()`);
    await page.waitForSelector('.status[data-state=live]');
    await page.close();
  });

  it('stays usable with two thousand sockets: only rows in view exist, and only they are asked for', async () => {
    const { page, complaints } = await look(browser, url);
    const [socket] = await lives(gateway);
    await page.route('**/api/sockets?*', async (route) => {
      const query = new URL(route.request().url()).searchParams;
      const [limit, offset] = [Number(query.get('limit')), Number(query.get('offset'))];
      reads = Math.max(reads, limit);
      const sockets = Array.from({ length: Math.min(limit, 2_000 - offset) }, (_, i) => ({
        ...{ ...socket, id: offset + i + 1, trail: '0123456789'.repeat(6) },
      }));
      await route.fulfill({ json: { total: 2_000, offset, sockets } });
    });
    await page.goto(`${url}#/sockets`);
    await page.waitForSelector('.rows .row[data-state]');
    assert.equal(await page.locator('.rows .row').first().getAttribute('aria-setsize'), '2000');
    await page.locator('.scroller').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('End');
    await page.waitForSelector('[aria-posinset="2000"][aria-selected=true]');
    assert.match(await textOf(page, '.details h3'), /socket 2000/);
    assert.ok((await page.locator('.rows .row').count()) < 60);
    assert.ok(Number(await page.evaluate(`document.querySelectorAll('*').length`)) < 1_500);
    assert.ok(reads <= 500, 'never all of them');
    assert.deepEqual(complaints, []);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.close();
  });

  it('stays usable with fifty endpoints, and never takes a name for HTML', async () => {
    const { page, complaints } = await look(browser, url, { colorScheme: 'dark' });
    await page.route('**/api/endpoints?*', async (route) => {
      const { endpoints } = await (await route.fetch()).json();
      const name = (i: number): string => (i === 0 ? '<img src=x onerror=alert(1)>' : `node ${i}`);
      const many = Array.from({ length: 50 }, (_, i) => ({
        ...{ ...endpoints[0], name: name(i), state: i === 1 ? 'ejected' : 'healthy', trail: Array(120).fill(i % 7) },
      }));
      await route.fulfill({ json: { endpoints: many } });
    });
    await page.goto(`${url}#/upstreams/chain`);
    await holds(page, `document.querySelectorAll('.endpoint-row').length === 50`);
    assert.equal(await page.locator('.endpoint-row img').count(), 0);
    assert.match(await textOf(page, '#endpoints-title'), /50, 1 out of rotation/);
    assert.ok(Number(await page.evaluate(`document.querySelectorAll('*').length`)) < 2_000);
    assert.deepEqual(complaints, []);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.close();
  });

  it('reloads, which needs a file, and says so; drains, and tells it', async () => {
    const { page, complaints } = looking;
    const menu = page.locator('.menu');
    await menu.locator('summary').press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Escape');
    assert.equal(await menu.getAttribute('open'), null);
    assert.equal(await page.evaluate('document.activeElement.localName'), 'summary');
    await menu.locator('summary').click();
    await page.locator('h1').click();
    assert.equal(await menu.getAttribute('open'), null);
    await menu.locator('summary').click();
    await click(page, 'Reload the configuration');
    await page.locator('dialog').getByRole('button', { name: 'Reload' }).click();
    await holds(page, `document.querySelector('dialog .problem').textContent.length > 10`);
    await page.keyboard.press('Escape');
    assert.ok(complaints.splice(0).every((words) => words.includes('status of 409')));
    await click(page, 'Drain the gateway');
    await page.locator('dialog').getByRole('button', { name: 'Drain' }).click();
    await page.waitForSelector('.status[data-state=draining]');
    await click(page, 'Forget the token in this tab');
    await said(page, 'can only look');
    assert.equal(await page.evaluate('sessionStorage.length'), 0);
    assert.deepEqual(complaints, []);
  });
});

interface SocketsAnswer {
  readonly sockets: readonly object[];
}

/** What the gateway tells of its own sockets, so that what is made up from it has its shape. */
async function lives({ adminPort }: TestGateway): Promise<readonly object[]> {
  const { body } = await ask(`http://127.0.0.1:${adminPort}/api/sockets?state=all`);
  const { sockets } = JSON.parse(body.toString()) as SocketsAnswer;
  return sockets;
}
