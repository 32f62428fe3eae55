/** The dashboard's page of one upstream, in a real browser: an origin that is down, and callers by WebSocket. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { ANode } from './a-node.ts';
import { ASocket } from './a-socket.ts';
import { ask, Opened, startGateway, type TestGateway, until } from './fixtures.ts';
import { holds, launch, look, textOf } from './page-browser.ts';

const TOKEN = 'token-of-a-test-0123456789';

describe('the page of an upstream', () => {
  const opened = new Opened();
  let browser: Browser;
  let gateway: TestGateway;
  let nodes: readonly [ANode, ANode];
  let admin: string;

  before(async () => {
    nodes = [opened.add(await ANode.start()), opened.add(await ANode.start())];
    const endpoints = nodes.map(({ url }, i) => ({ url, name: `node-${i}` }));
    const breaker = { consecutiveMax: 2, failingMs: 0, openMs: 600_000, openMsMax: 600_000 };
    gateway = opened.add(
      await startGateway(
        {
          down: { origin: 'http://127.0.0.1:1', breaker },
          chain: { jsonrpc: 'evm', endpoints, freshness: false },
        },
        { access: { token: TOKEN } },
      ),
    );
    admin = `http://127.0.0.1:${gateway.adminPort}/`;
    browser = await launch();
  });
  after(async () => {
    await browser.close();
    await opened.closeAll();
  });

  it('shows the breaker of an origin that is down, when it opened, and resets it', async () => {
    const { page, complaints } = await look(browser, admin);
    await page.goto(`${admin}#/upstreams/down`);
    await page.waitForSelector('.status[data-state=live]');
    for (let i = 0; i < 3; i++) await ask(`${gateway.url}/down/`);
    await page.waitForSelector('.breakers li[data-state=open]');
    await page.waitForSelector('.breakers .timeline [data-state=open]', { state: 'attached' });
    assert.match(await textOf(page, '.breakers .state'), /^open, probe in \d/);
    await holds(page, `/1\\srefused/.test(document.querySelector('.breakers .note').textContent)`);
    await holds(page, `document.querySelector('.happenings').textContent.includes('nothing is sent to')`);
    const happened = await textOf(page, '.happenings');
    assert.match(happened, /no connection to http:\/\/127\.0\.0\.1:1: ECONNREFUSED\s*\d+ times since/, 'told once');
    await page.getByRole('button', { name: /^Reset the breaker/ }).click();
    await page.locator('dialog input').fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.breakers li[data-state=closed]');
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it('shows callers by WebSocket, what they share at nodes, and what became of a loss', async () => {
    const { page, complaints } = await look(browser, admin);
    await page.goto(`${admin}#/upstreams/chain`);
    await page.waitForSelector('.endpoint-row');
    assert.equal(await page.locator('#websocket-title').count(), 0, 'nobody has come');
    const sockets = [];
    for (let i = 0; i < 2; i++) sockets.push(opened.add(await ASocket.open(`${gateway.url}/chain`)));
    for (const socket of sockets) await socket.ask('eth_subscribe', ['newPendingTransactions']);
    await until(() => nodes.some(({ subscriptions }) => subscriptions === 1));
    await page.waitForSelector('#websocket-title');
    const all = (of: string) => `[...document.querySelectorAll('section[aria-labelledby=websocket-title] ${of}')]`;
    const figures = `${all('.figure')}.map((each) => Number.parseInt(each.textContent))`;
    await holds(page, `JSON.stringify(${figures}) === '[2,2,1,0]'`);
    nodes.find(({ subscriptions }) => subscriptions === 1)!.cut();
    await holds(page, `JSON.stringify(${figures}) === '[2,2,1,1]'`);
    await holds(page, `/1\\staken\\sup\\sagain/.test(document.querySelector('#main').textContent)`);
    await holds(page, `document.querySelector('.happenings').textContent.includes('it is resumed')`);
    const rows = await page.evaluate(`${all('tbody th')}.map((each) => each.textContent)`);
    assert.deepEqual(rows, ['node-0', 'node-1']);
    assert.deepEqual(complaints, []);
    await page.close();
  });
});
