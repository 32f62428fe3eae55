/** Options that make sense together only: what passes `keepwarm check` starts, and what cannot start does not pass. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createClient, NetError } from 'keepwarm';
import { forwardingOptions } from '../src/config/client-options.ts';
import { parseConfig } from '../src/config/config.ts';
import { checkShares, configOfWorker } from '../src/config/shares.ts';

const ORIGIN = 'http://127.0.0.1:9';
const http = (more: object) => ({ upstreams: { up: { origin: ORIGIN, ...more } } });
const rpc = (more: object) => ({ upstreams: { up: { jsonrpc: 'evm', endpoints: [{ url: ORIGIN }], ...more } } });
const grpc = (pool: object) => ({ upstreams: { up: { grpc: 'any', target: ORIGIN, listen: '127.0.0.1:0', pool } } });

describe('options that do not go together', () => {
  for (const [config, message] of [
    [
      grpc({ connectionsMin: 5, connectionsMax: 2 }),
      /^upstreams\.up cannot be used: option connectionsMin is 5; allowed: at most connectionsMax 2$/,
    ],
    [grpc({ connectionsMin: 16 }), /option connectionsMin is 16; allowed: at most connectionsMax 15$/],
    [grpc({ connectionsMin: -1 }), /option connectionsMin is -1; allowed: a whole number from 0/],
    [grpc({ connectionsMin: 1.5 }), /option connectionsMin is 1\.5; allowed: a whole number/],
    [grpc({ connectionsMin: 'two' }), /option connectionsMin is "two"; allowed: a whole number/],
    [grpc({ backoffMs: 9, backoffMsMax: 3 }), /option backoffMs is 9; allowed: at most backoffMsMax 3$/],
    [grpc({ shrinkAt: 0.9 }), /option shrinkAt is 0\.9; allowed: at most growAt 0\.8$/],
    [
      http({ pool: { idleMin: 51 } }),
      /^upstreams\.up cannot be used: option pool\.idleMin is 51, more than pool\.socketsMax 50$/,
    ],
    [
      http({ pool: { idleMin: 9, socketsTotalMax: 8 } }),
      /option pool\.idleMin is 9, more than pool\.socketsTotalMax 8$/,
    ],
    [
      rpc({ pool: { idleMin: 9, socketsTotalMax: 8 } }),
      /option pool\.idleMin is 9, more than pool\.socketsTotalMax 8$/,
    ],
    [http({ retry: { baseMs: 30, capMs: 20 } }), /option retry\.baseMs is 30, more than retry\.capMs 20$/],
    [http({ concurrency: { limitMin: 30 } }), /option concurrency\.limitMin is 30, more than concurrency\.limit 20$/],
    [
      http({ hedge: { delayMsMin: 9, delayMsMax: 5 } }),
      /option hedge\.delayMsMin is 9, more than hedge\.delayMsMax 5$/,
    ],
    [http({ breaker: { openMsMax: 10 } }), /option breaker\.openMs is 5000, more than breaker\.openMsMax 10$/],
    [http({ dns: { ttlMsMin: 400_000 } }), /dns\.ttlMsMin is 400000; allowed: at most dns\.ttlMsMax, which is/],
    [
      http({ tls: { certFile: '/dev/null' } }),
      /^upstreams\.up\.tls has one of certFile and keyFile; allowed: both, or neither$/,
    ],
    [rpc({ freshness: { lagMax: -1 } }), /freshness\.lagMax is -1/],
    [rpc({ balance: { ejectMsMax: 10 } }), /option balance\.ejectMs is 5000, more than balance\.ejectMsMax 10$/],
    [
      { history: { minutesHours: 49, hoursDays: 2 } },
      /^history\.minutesHours is 49 hours; allowed: at most hoursDays, 2 days$/,
    ],
  ] as const) {
    it(`are refused: ${JSON.stringify(config)}`, () => {
      assert.throws(() => parseConfig(config, '.'), { name: 'ConfigError', message });
    });
  }

  it('are looked at without a connection being opened', async () => {
    let connections = 0;
    const server = createServer(() => connections++);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { readonly port: number };
    const up = { grpc: 'any', target: `http://127.0.0.1:${port}`, listen: '127.0.0.1:0', pool: { connectionsMin: 3 } };
    assert.equal(parseConfig({ upstreams: { up } }, '.').grpc?.get('up')?.pool.connectionsMin, 3);
    // One that is opened on purpose has its turn after any that had been.
    await fetch(`http://127.0.0.1:${port}`, { signal: AbortSignal.timeout(200) }).catch(() => undefined);
    server.close();
    assert.ok(connections <= 1, `${connections} connections`);
  });
});

describe('what a worker gets of options that go together', () => {
  it('goes together as well, whatever the whole and however many they are', () => {
    const pool = fc.record({
      socketsMax: fc.integer({ min: 1, max: 40 }),
      socketsTotalMax: fc.integer({ min: 1, max: 40 }),
      idleMin: fc.integer({ min: 0, max: 40 }),
      idleMax: fc.integer({ min: 0, max: 40 }),
    });
    const concurrency = fc.record({
      limit: fc.integer({ min: 1, max: 30 }),
      limitMin: fc.integer({ min: 1, max: 30 }),
      limitMax: fc.integer({ min: 1, max: 30 }),
    });
    fc.assert(
      fc.property(pool, concurrency, fc.integer({ min: 2, max: 8 }), (pool, concurrency, workers) => {
        let config: ReturnType<typeof parseConfig>;
        try {
          config = parseConfig({ workers, ...http({ pool, concurrency }) }, '.');
          checkShares(config);
        } catch {
          return; // refused: nothing starts
        }
        for (let slot = 0; slot < workers; slot++) {
          const up = configOfWorker(config, { slot, count: workers }).upstreams.get('up')!;
          assert.ok('client' in up);
          try {
            createClient(forwardingOptions(up.client)).destroy();
          } catch (error) {
            assert.ok(error instanceof NetError);
            assert.fail(`worker ${slot + 1} of ${workers} cannot start: ${error.message}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
