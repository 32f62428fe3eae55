/** The block `redis`: what is refused, and that its secret is in no message; and connections that are counted there. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseConfig, readConfig } from '../src/config/config.ts';
import { ConfigError } from '../src/config/config-error.ts';
import { Gateway } from '../src/gateway.ts';
import { type Log, SILENT } from '../src/logs/log.ts';
import { type Client, openRedis, RedisConnection } from '../src/redis/connection.ts';
import { OwnRedis } from './a-redis.ts';
import { busiest } from './a-redis-gateway.ts';
import { eventually } from './fixtures.ts';

const URL = 'redis://127.0.0.1:6379';
const TLS_URL = 'rediss://127.0.0.1:6379';
const SECRET = 'hunter2-hunter2';

const endpoint = { url: 'http://127.0.0.1:1', name: 'one', rateLimit: { limit: 3, windowMs: 1_000 } };
const nodes = { jsonrpc: 'evm', endpoints: [endpoint] };
const stream = { grpc: 'any', target: 'http://127.0.0.1:1', listen: '127.0.0.1:0' };

const parsed = (redis: unknown, upstreams: object = { nodes }, more: object = {}) =>
  parseConfig({ redis, upstreams, ...more }, '.');

const refusal = (redis: unknown, upstreams?: object, more?: object): string => {
  try {
    parsed(redis, upstreams, more);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return assert.fail('it was taken');
};

describe('the block redis', () => {
  it('has defaults', () => {
    const { redis } = parsed({ url: URL });
    assert.deepEqual(redis, { url: URL, prefix: 'keepwarm', onLoss: 'closed', share: 1, redisMs: 250 });
    assert.equal(parsed(undefined).redis, undefined);
  });

  for (const [given, message] of [
    [{}, /^redis has neither url nor urlFile/],
    [{ url: URL, urlFile: 'x' }, /^redis has both/],
    [{ url: 5 }, /^redis\.url is no text/],
    [{ url: `${SECRET}@host` }, /^redis\.url is no URL/],
    [{ url: `http://x:${SECRET}@host` }, /^redis\.url begins with http:/],
    [{ url: `redis://x:${SECRET}@host/${SECRET}` }, /^redis\.url has a path that is no number/],
    [{ url: `redis://x:${SECRET}@host/?family=6` }, /^redis\.url has a query/],
    [{ url: `redis://x:${SECRET}%zz@host` }, /^redis\.url has credentials with a stray %/],
    [{ urlFile: '/nowhere/at/all' }, /^redis\.urlFile cannot be read/],
    [{ url: URL, prefix: '{x}' }, /^redis\.prefix is "\{x\}"; allowed: a text without braces/],
    [{ url: URL, onLoss: 'open' }, /^redis\.onLoss is "open"; allowed: closed, local/],
    [{ url: URL, onLoss: 'local' }, /^redis\.share is undefined; allowed: a whole number from 2/],
    [{ url: URL, share: 3 }, /^redis\.share has no meaning with onLoss closed/],
    [{ url: URL, tls: {} }, /^redis\.tls has no meaning with redis:\/\/; allowed: with rediss:\/\/$/],
    [{ url: TLS_URL, tls: { ca: 'x' } }, /^redis\.tls\.ca is not an option; known: caFile, certFile/],
    [{ url: TLS_URL, tls: { caFile: '/nowhere/at/all' } }, /^redis\.tls\.caFile cannot be read: ENOENT$/],
    [{ url: TLS_URL, tls: { certFile: '/dev/null' } }, /^redis\.tls has one of certFile and keyFile/],
    [{ url: TLS_URL, tls: { certFile: 'package.json', keyFile: 'package.json' } }, /^redis\.tls has files that cannot/],
    [{ url: TLS_URL, tls: { servername: 5 } }, /^redis\.tls\.servername is 5; allowed: text$/],
    [{ url: URL, redisMs: 0 }, /^redis\.redisMs is 0; allowed: a number of at least 1/],
    [{ url: URL, onlos: 'closed' }, /^redis\.onlos is not an option; did you mean onLoss\?/],
    [`redis://x:${SECRET}@host`, /^redis is no object; allowed: url or urlFile, tls, prefix, onLoss, share, redisMs/],
  ] as const) {
    it(`is refused as ${JSON.stringify(given).replaceAll(SECRET, '…')}`, () => {
      const said = refusal(given);
      assert.match(said, message);
      assert.ok(!said.includes(SECRET), said);
    });
  }

  it('is refused where a limit leaves nothing for each of those that share it, workers counted', () => {
    const local = { url: URL, onLoss: 'local', share: 2 };
    assert.equal(parsed(local).redis?.share, 2);
    assert.match(
      refusal(local, { nodes }, { workers: 2 }),
      /^upstreams\.nodes cannot be counted in Redis: .*share = 4/,
    );
    const plain = { origin: 'http://127.0.0.1:1', rateLimit: { limit: 1, windowMs: 100 } };
    assert.match(refusal(local, { plain }), /^upstreams\.plain cannot be counted in Redis: /);
  });

  it('is refused beside limits on connections that it cannot count', () => {
    const path = { ...stream, connectionRate: { path: 'starts' } };
    assert.match(refusal({ url: URL }, { path }), /^upstreams\.path\.connectionRate\.path is not used with redis/);
    const many = { ...stream, connectionRate: { limit: 3_000 } };
    assert.match(refusal({ url: URL }, { many }), /^upstreams\.many cannot be counted in Redis: .*at most 2000/);
    assert.ok(parsed({ url: URL }, { free: { ...stream, connectionRate: 'unlimited' } }));
  });

  it('may have its URL in a file or in the environment, and shows neither', () => {
    const folder = mkdtempSync(join(tmpdir(), 'keepwarm-redis-'));
    try {
      writeFileSync(join(folder, 'url'), `${URL}\n`);
      const file = join(folder, 'keepwarm.json');
      writeFileSync(file, JSON.stringify({ redis: { urlFile: 'url' }, upstreams: { nodes } }));
      assert.equal(readConfig(file).redis?.url, URL);
      process.env['KEEPWARM_TEST_REDIS'] = `http://x:${SECRET}@host`;
      writeFileSync(
        file,
        JSON.stringify({ redis: { url: ['$', '{KEEPWARM_TEST_REDIS}'].join('') }, upstreams: { nodes } }),
      );
      assert.throws(
        () => readConfig(file),
        ({ message }: Error) => !message.includes(SECRET),
      );
    } finally {
      delete process.env['KEEPWARM_TEST_REDIS'];
      rmSync(folder, { recursive: true });
    }
  });

  it('takes effect with a restart, and is never forgotten', async () => {
    const config = parsed(undefined, { nodes }, { listen: '127.0.0.1:0', admin: '127.0.0.1:0' });
    const gateway = new Gateway(config);
    assert.throws(
      () => gateway.reload({ ...config, redis: parsed({ url: URL }).redis }),
      /^ConfigError: redis cannot be changed while the gateway runs; restart it/,
    );
    await gateway.stop(0);
    assert.throws(() => new Gateway({ ...config, redis: parsed({ url: URL }).redis }), /redis has not been opened/);
  });
});

describe('the connection to Redis', () => {
  it('tells a change once, whatever is heard, and never what the URL holds', async () => {
    const lines: string[] = [];
    const write = (message: string, fields?: object): void => {
      lines.push(`${message} ${JSON.stringify(fields)}`);
    };
    const log: Log = { ...SILENT, info: write, warn: write };
    const heard = new Map<string, (error: Error) => void>();
    let answer = (): Promise<unknown> => Promise.reject(new Error(`no, ${SECRET}`));
    let asked = 0;
    const client: Client = {
      on: (event: string, hear: (error: Error) => void) => heard.set(event, hear),
      connect: async () => undefined,
      disconnect: () => undefined,
      evalsha: async () => undefined,
      eval: () => {
        asked++;
        return answer();
      },
    };
    const config = parsed({ url: `redis://operator:${SECRET}@127.0.0.1` }).redis!;
    const redis = new RedisConnection(config, client, log, 1);
    await redis.opened();
    assert.deepEqual([redis.told().state, redis.told().losses, redis.told().server], ['closed', 1, '127.0.0.1:6379']);
    for (let i = 0; i < 100; i++) {
      heard.get('error')?.(new Error(`AUTH operator ${SECRET} is wrong`));
      heard.get('close')?.(new Error());
    }
    assert.equal(redis.told().losses, 1);
    assert.equal(redis.told().lastError, 'AUTH [redacted] [redacted] is wrong');
    answer = async () => 'ok';
    await eventually(async () => redis.told().state === 'up');
    assert.deepEqual(
      lines.map((line) => line.split(',')[0]),
      ['Redis is lost', 'Redis is back'],
    );
    assert.ok(!lines.join().includes(SECRET), lines.join());
    // One that hangs is asked no more until it has answered.
    answer = () => new Promise(() => undefined);
    await eventually(async () => redis.told().state === 'closed');
    const before = asked;
    heard.get('ready')?.(new Error());
    assert.equal(asked, before);
    redis.close();
    redis.close();
    heard.get('close')?.(new Error());
    assert.equal(redis.told().losses, 2, 'the end is no loss');
  });
});

describe('connections that are counted in Redis', () => {
  let redis: OwnRedis;
  before(async () => {
    redis = await OwnRedis.start();
  });
  after(() => redis.stop());

  it('are opened by two gateways no faster than one may, as the server counts', async () => {
    const rate = { limit: 8, windowMs: 500, lateMs: 100, reserve: 0, assumed: 'empty' };
    const seen: number[] = [];
    const server = createServer().on('session', () => seen.push(performance.now()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const stream = { grpc: 'any', target, listen: '127.0.0.1:0', connectionRate: rate, pool: { connectionsMin: 15 } };
    const listeners = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', history: false };
    const config = parseConfig(
      { ...listeners, redis: { url: `redis://127.0.0.1:${redis.port}` }, upstreams: { stream } },
      '.',
    );
    const started = await Promise.all(
      [1, 2].map(async () => {
        const connection = await openRedis(config.redis, SILENT, 1);
        const gateway = new Gateway(config, { redis: connection });
        await gateway.start();
        return { gateway, connection };
      }),
    );
    try {
      await eventually(async () => seen.length >= 30);
      assert.ok(busiest(seen, rate.windowMs) <= rate.limit, `a window had ${busiest(seen, rate.windowMs)}`);
      for (const { gateway } of started) {
        const { connectionRate } = gateway.grpc.all[0]!.pool.stats();
        assert.equal(Reflect.get(connectionRate!, 'redis').state, 'up');
      }
    } finally {
      for (const { gateway, connection } of started) {
        await gateway.stop(0);
        connection?.close();
      }
      server.close();
    }
  });
});
