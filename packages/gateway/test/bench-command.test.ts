import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { commandHere } from './command-process.ts';
import { httpServer, Opened } from './fixtures.ts';

describe('keepwarm bench', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('sends each client as many calls as it was told, and tells of each', async () => {
    let served = 0;
    const server = opened.add(
      await httpServer((_, response) => {
        served++;
        response.end('hello');
      }),
    );
    const args = [
      'bench',
      '--url',
      `${server.origin}/?key=hunter2`,
      '--requests',
      '20',
      '--rounds',
      '3',
      '--connections',
      '4',
    ];
    const { code, out } = await commandHere([...args, '--json']);
    assert.equal(code, 0);
    assert.ok(!out.includes('hunter2'));
    const { measured, url } = JSON.parse(out);
    assert.equal(url, server.origin);
    assert.deepEqual(measured.map(({ name }: { name: string }) => name).slice(0, 2), ['keepwarm', 'fetch of Node']);
    assert.equal(served, measured.length * 20 * 4, 'a round to warm up, and three that count');
    for (const { calls, failed, rates, p50Ms, p99Ms } of measured) {
      assert.deepEqual([calls, failed, rates.length], [60, 0, 3]);
      assert.ok(p50Ms > 0 && p99Ms >= p50Ms);
    }
    assert.match((await commandHere(args)).out, /client +calls\/s \(median\) +rounds .*\nkeepwarm +\d+ /);
  });

  it('says when nothing answers, and what it cannot do', async () => {
    const dead = await commandHere(['bench', '--url', 'http://127.0.0.1:1/', '--requests', '2', '--rounds', '1']);
    assert.equal(dead.code, 1);
    for (const [args, message] of [
      [[], /bench needs --url/],
      [['--url', 'ftp://x'], /bench needs --url/],
      [['--url', 'http://x', '--requests', '0'], /--requests is 0; allowed: 1 to 10000/],
      [['--url', 'http://x', '--connections', '1000'], /--connections is 1000; allowed: 1 to 200/],
    ] as const) {
      const { code, err } = await commandHere(['bench', ...args]);
      assert.deepEqual([code, message.test(err)], [2, true], err);
    }
  });
});
