/** The dashboard's page of one upstream, in a real browser: an origin that is down, and callers by WebSocket. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import type { Snapshot } from '../src/admin/snapshot.ts';
import { ANode } from './a-node.ts';
import { ASocket } from './a-socket.ts';
import { ask, httpServer, Opened, startGateway, type TestGateway, until } from './fixtures.ts';
import { holds, launch, look, textOf } from './page-browser.ts';

const TOKEN = 'token-of-a-test-0123456789';
const LONG = 'an-upstream-with-a-name-longer-than-a-phone-is-wide';

describe('the page of an upstream', () => {
  const opened = new Opened();
  let browser: Browser;
  let gateway: TestGateway;
  let nodes: readonly [ANode, ANode];
  let admin: string;

  before(async () => {
    nodes = [opened.add(await ANode.start()), opened.add(await ANode.start())];
    const well = opened.add(await httpServer((_, response) => response.end('well')));
    const endpoints = nodes.map(({ url }, i) => ({ url, name: `node-${i}` }));
    const breaker = { consecutiveMax: 2, failingMs: 0, openMs: 600_000, openMsMax: 600_000 };
    gateway = opened.add(
      await startGateway(
        {
          down: { origin: 'http://127.0.0.1:1', breaker },
          [LONG]: { origin: well.origin },
          chain: { jsonrpc: 'evm', endpoints, freshness: false },
          doubts: { jsonrpc: 'evm', endpoints, freshness: false, splitting: true, agree: { eth_getBalance: 2 } },
        },
        { access: { token: TOKEN } },
      ),
    );
    admin = `http://127.0.0.1:${gateway.adminPort}/`;
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
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
    await holds(page, `/calls3p99–/.test(document.querySelector('.tile .facts').textContent)`); // failed ones, too
    const happened = await textOf(page, '.happenings');
    assert.match(happened, /no connection to http:\/\/127\.0\.0\.1:1: ECONNREFUSED\s*\d+ times since/, 'told once');
    await page.getByRole('button', { name: /^Reset the breaker/ }).click();
    await page.locator('dialog input').fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.breakers li[data-state=closed]');
    assert.deepEqual(complaints, []);
    await page.close();
  });

  it('lists connections and calls of an upstream with a long name on a phone, without scrolling sideways', async () => {
    const { page, complaints } = await look(browser, admin, { viewport: { width: 390, height: 844 } });
    await ask(`${gateway.url}/${LONG}/`);
    for (const hash of ['#/calls', '#/sockets']) {
      await page.goto(`${admin}${hash}`);
      await holds(page, `document.querySelector('.rows')?.textContent.includes('${LONG}') === true`);
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 390, hash);
    }
    await holds(page, `document.querySelector('.rows .state').clientWidth > 20`);
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

  it('shows which answers of nodes were not taken as they came, and which node answered otherwise', async () => {
    const lacks = (method: string) => (method === 'eth_getTransactionReceipt' ? null : '0x1');
    nodes[0].answer = ({ method }) => ({ result: lacks(method) });
    nodes[1].answer = ({ method, params = [] }) => {
      const [asked] = params as { fromBlock?: string; toBlock?: string }[];
      const wide = method === 'eth_getLogs' && Number(asked!.toBlock) - Number(asked!.fromBlock) > 3;
      if (wide) return { error: { code: -32005, message: 'query returned more than 10000 results' } };
      return { result: method === 'eth_getLogs' ? [] : method === 'eth_getBalance' ? '0x2' : { blockHash: '0xb' } };
    };
    const { page, complaints } = await look(browser, admin);
    await page.goto(`${admin}#/upstreams/doubts`);
    await page.waitForSelector('.endpoint-row');
    assert.equal(await page.locator('#answers-title').count(), 0, 'all were');
    const call = (method: string, ...params: unknown[]) =>
      ask(`${gateway.url}/doubts`, { method: 'POST', body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) });
    const hash = (i: number) => `0x${String(i).padStart(64, '0')}`;
    const balance = String((await call('eth_getBalance', '0x1', '0x10')).body);
    assert.match(balance, /"error"/, balance);
    // Which of them is asked first is not said.
    const told = async () => {
      const snapshot = JSON.parse(String((await ask(`${admin}api/stats?sockets=0`)).body)) as Snapshot;
      return snapshot.upstreams.find(({ name }) => name === 'doubts')!.jsonrpc!;
    };
    for (let i = 0; (await told()).answers.emptyFound === 0; i++) await call('eth_getTransactionReceipt', hash(i));
    nodes[0].answer = nodes[1].answer;
    const search = { fromBlock: '0x10', toBlock: '0x1f', address: hash(1).slice(0, 42) };
    assert.equal(String((await call('eth_getLogs', search)).body).includes('"result":[]'), true);
    const { answers, endpoints } = await told();
    assert.deepEqual([answers.agreed, answers.disagreed, answers.split], [0, 1, 1]);
    assert.ok(answers.splitParts >= 4 && answers.emptyAsked >= answers.emptyFound);
    assert.deepEqual(
      endpoints.map(({ differed }) => differed!.lacked),
      [answers.emptyFound, 0],
    );
    await page.waitForSelector('#answers-title');
    const section = `document.querySelector('section[aria-labelledby=answers-title]').textContent`;
    await holds(page, `/1 disagreed upon/.test(${section})`);
    await holds(page, `/${answers.splitParts} parts asked for/.test(${section})`);
    await holds(page, `[...document.querySelectorAll('th')].some((each) => each.textContent === 'differed')`);
    assert.deepEqual(complaints, []);
    await page.close();
  });
});
