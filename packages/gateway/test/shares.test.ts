/** What each of several workers gets of a configuration. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseConfig } from '../src/config/config.ts';
import { checkShares, configOfWorker, partOf } from '../src/config/shares.ts';
import { arrived, carried } from '../src/workers/carried.ts';

const NODE = { url: 'http://127.0.0.1:9', rateLimit: { limit: 10, windowMs: 1_000 } };
const parse = (more: object) => parseConfig({ upstreams: {}, ...more }, '.');

describe('the shares of workers', () => {
  it('add up to the whole, whatever it is', () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.integer({ min: 1, max: 64 }), (whole, count) => {
        const parts = Array.from({ length: count }, (_, slot) => partOf(whole, { slot, count }));
        assert.equal(
          parts.reduce((all, each) => all + each, 0),
          whole,
        );
        assert.ok(Math.max(...parts) - Math.min(...parts) <= 1);
      }),
    );
    assert.equal(partOf(Number.POSITIVE_INFINITY, { slot: 1, count: 3 }), Number.POSITIVE_INFINITY);
  });

  it('are taken of connections, callers and what may be sent beyond calls; limits of endpoints stay whole', () => {
    const config = parse({
      callersMax: 10,
      workers: 3,
      access: { token: 'a-token-that-no-worker-needs' },
      upstreams: {
        api: { origin: 'http://127.0.0.1:9', pool: { socketsMax: 7, idleMin: 4 }, callerRate: { limit: 10 } },
        nodes: { jsonrpc: 'evm', endpoints: [NODE], hedge: true, websocket: { callersMax: 5 } },
        stream: { grpc: 'any', target: 'http://127.0.0.1:9', listen: '127.0.0.1:4399' },
      },
    });
    const all = [0, 1, 2].map((slot) => configOfWorker(config, { slot, count: 3 }));
    assert.deepEqual(
      all.map(({ callersMax }) => callersMax),
      [4, 3, 3],
    );
    const read = all.map(({ upstreams }) => {
      const [api, nodes] = [upstreams.get('api')!, upstreams.get('nodes')!];
      assert.ok('client' in api && 'rpc' in nodes);
      const { socketsMax, socketsTotalMax, idleMin, idleMax } = api.client.pool!;
      const { budget, hedge, endpoints } = nodes.rpc;
      assert.deepEqual(endpoints, [NODE]);
      assert.deepEqual([budget, hedge], [{ perSecond: 10 / 3 }, { perSecond: 1 / 3 }]);
      const { callersMax } = nodes.websocket!;
      assert.equal(api.callerRate!.limit, 10, 'counted at home');
      return [socketsMax, socketsTotalMax, idleMin, idleMax, callersMax];
    });
    assert.deepEqual(read, [
      [3, 86, 2, 4, 2],
      [2, 85, 2, 3, 2],
      [2, 85, 2, 3, 1],
    ]);
    for (const each of all) assert.deepEqual([each.access, each.grpc], [undefined, undefined]);
  });

  it('are refused where there is less than one for each', () => {
    const refused = (more: object, words: RegExp) =>
      assert.throws(() => checkShares(parse({ workers: 4, ...more })), words);
    const api = (more: object) => ({ upstreams: { api: { origin: 'http://127.0.0.1:9', ...more } } });
    refused({ callersMax: 3 }, /^ConfigError: callersMax is 3; allowed: at least 1 for each of 4 workers$/);
    refused(api({ pool: { socketsMax: 2 } }), /upstreams\.api\.pool\.socketsMax is 2; allowed: at least 1 for each/);
    refused(api({ upgrades: { upgradesMax: 1 } }), /upstreams\.api\.upgrades\.upgradesMax is 1/);
    checkShares(parse({ workers: 4, ...api({ upgrades: false }) }));
    checkShares(parse({ workers: 1, ...api({ pool: { socketsMax: 1 } }) }));
  });

  it('cross to another process as they are, what is code in them too', () => {
    const config = parse({
      upstreams: { nodes: { jsonrpc: 'solana', endpoints: [NODE], pool: { idleMs: 'unlimited' } } },
    });
    const crossed = arrived(structuredClone(carried(config, new Map([['nodes', 3]]))));
    const nodes = crossed.upstreams.get('nodes')!;
    assert.ok('rpc' in nodes);
    assert.equal(nodes.rpc.adapter.name, 'solana');
    assert.deepEqual(
      { ...crossed, upstreams: new Map([['nodes', { ...config.upstreams.get('nodes')!, version: 3 }]]) },
      crossed,
    );
  });
});
