import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Snapshot } from '../src/admin/snapshot.ts';
import { moodAt } from '../src/demo/chain.ts';
import { startDemoProcess } from './demo-process.ts';
import { ask, httpServer } from './fixtures.ts';

describe('the demo', () => {
  it('says where to look, has something to show, tells cold from warm, and ends when asked', async (t) => {
    const demo = await startDemoProcess('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0');
    t.after(() => demo.child.kill());
    const example = await ask(demo.example);
    assert.equal(example.status === 200 || example.status === 503, true, 'the example it prints really works');
    let told: Snapshot;
    do {
      await new Promise((resolve) => setTimeout(resolve, 100));
      told = JSON.parse(String((await ask(`${demo.page}api/stats`)).body));
    } while (told.upstreams[0]!.warm.count < 20 || told.upstreams[0]!.cold.count === 0);
    const { cold, warm, opening, sockets } = told.upstreams[0]!;
    // The distance is made of timers, which are late but never early: these are no measurements of speed.
    assert.ok(warm.p50Ms >= 38, `warm ${warm.p50Ms} ms: one round trip of 40 ms`);
    assert.ok(cold.p50Ms >= 110, `cold ${cold.p50Ms} ms: three round trips`);
    assert.ok(opening.dnsMs > 0 && opening.tlsMs > 0);
    assert.ok(sockets.open > 0);
    assert.equal(await demo.stop(), 0);
    assert.match(demo.printed(), /stopping/);
    await assert.rejects(ask(demo.page), { code: 'ECONNREFUSED' });
  });

  it('takes the next free port when one is taken', async (t) => {
    const taken = await httpServer(() => undefined);
    t.after(() => taken.close());
    const flags = ['--listen', `127.0.0.1:${taken.port}`, '--admin', `127.0.0.1:${taken.port}`];
    const demo = await startDemoProcess(...flags);
    t.after(() => demo.child.kill());
    assert.ok(Number(new URL(demo.example).port) > taken.port);
    assert.notEqual(new URL(demo.page).port, new URL(demo.example).port);
    const second = await startDemoProcess(...flags);
    t.after(() => second.child.kill());
    assert.notEqual(second.geyser, demo.geyser, 'of what speaks gRPC as well');
    assert.equal(await second.stop(), 0);
    assert.equal(await demo.stop(), 0);
  });
});

describe("the demo's chain", () => {
  it('has a node that fails, recovers, falls behind and recovers, again and again', () => {
    const moods = [0, 24, 25, 39, 40, 64, 65, 89, 90, 115].map(moodAt);
    const well = 'well';
    assert.deepEqual(moods, [well, well, 'failing', 'failing', well, well, 'stuck', 'stuck', well, 'failing']);
  });

  it('answers through the gateway, whatever the mood', async (t) => {
    const demo = await startDemoProcess('--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0');
    t.after(() => demo.child.kill());
    const url = new URL('/chain', demo.example).href;
    const ask3 = ['eth_blockNumber', 'eth_chainId', 'eth_mine'].map((method, id) => ({ jsonrpc: '2.0', id, method }));
    const headers = { 'content-type': 'application/json' };
    const { body } = await ask(url, { method: 'POST', headers, body: JSON.stringify(ask3) });
    const [block, chain, unknown] = JSON.parse(body.toString());
    assert.ok(Number(block.result) >= 21_000_000);
    assert.equal(chain.result, '0x6b77');
    assert.equal(unknown.error.code, -32601);
    assert.equal(await demo.stop(), 0);
  });
});

describe('the gateway as a command', () => {
  it('says which flag changes an address that is taken', async () => {
    const { execFile } = await import('node:child_process');
    const taken = await httpServer(() => undefined);
    const main = new URL('../src/main.ts', import.meta.url).pathname;
    const listen = `127.0.0.1:${taken.port}`;
    const args = [
      '--conditions=keepwarm-source',
      main,
      'gateway',
      '--upstream',
      'api=http://127.0.0.1:1',
      '--listen',
      listen,
    ];
    const { code, err } = await new Promise<{ code: unknown; err: string }>((resolve) => {
      execFile(process.execPath, args, (error, _out, err) => resolve({ code: error?.code, err }));
    });
    assert.equal(code, 1);
    assert.match(err, /is taken by another program; choose another address with --listen HOST:PORT/);
    await taken.close();
  });
});
