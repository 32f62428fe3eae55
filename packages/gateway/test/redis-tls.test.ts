/** A Redis that speaks TLS and lets in who has a password: who is believed, what is said of it, and what never is. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Authority, makeAuthority } from 'keepwarm/testing';
import { parseConfig } from '../src/config/config.ts';
import type { FeedEvent } from '../src/figures/feed.ts';
import { Feed } from '../src/figures/feed.ts';
import { SILENT } from '../src/logs/log.ts';
import { openRedis } from '../src/redis/connection.ts';
import { OwnRedis } from './a-redis.ts';
import { arrivals, busiest, countingNode, LIMIT, limitedGateway, QUESTION } from './a-redis-gateway.ts';
import { command, type GatewayProcess } from './command-process.ts';
import { ask, eventually, Opened } from './fixtures.ts';
import { Caller, snapshotOf } from './workers-load.ts';

const USER = { name: 'operator-of-limits', password: 'hunter2/hunter2' };
/** As it stands in a URL. */
const AUTH = `${USER.name}:${encodeURIComponent(USER.password)}`;
const SECRETS = [USER.name, USER.password, encodeURIComponent(USER.password)];

const authority = makeAuthority();
/** Authorities, certificates and keys, as files. */
function files(folder: string, pems: Readonly<Record<string, string>>): Record<string, string> {
  const named = Object.entries(pems).map(([name, pem]) => {
    const file = join(folder, `${name}.pem`);
    writeFileSync(file, pem);
    return [name, file];
  });
  return Object.fromEntries(named);
}

const silentAbout = (text: string): void => {
  for (const secret of SECRETS) assert.ok(!text.includes(secret), text.slice(0, 2_000));
};

describe('a Redis over TLS', { concurrency: true }, () => {
  const opened = new Opened();
  let redis: OwnRedis;
  let strict: OwnRedis;
  let elsewhere: OwnRedis;
  let plain: OwnRedis;

  const started = async (from: Authority, more: object = {}, names?: readonly string[]): Promise<OwnRedis> => {
    const redis = await OwnRedis.start({ tls: from.issue(names === undefined ? {} : { names }), user: USER, ...more });
    opened.add({ close: () => redis.stop() });
    return redis;
  };
  before(async () => {
    [redis, strict, elsewhere, plain] = await Promise.all([
      started(authority),
      started(authority, { tls: { ...authority.issue(), ca: authority.cert } }),
      started(authority, {}, ['limits.example']),
      OwnRedis.start(),
    ]);
    opened.add({ close: () => plain.stop() });
  });
  after(() => opened.closeAll());

  /** What is known of it once it has answered, or been given up. */
  async function told(port: number, tls: object | undefined, auth = `${AUTH}@`, scheme = 'rediss') {
    const block = { url: `${scheme}://${auth}127.0.0.1:${port}`, redisMs: 1_000, ...(tls && { tls }) };
    const connection = await openRedis(parseConfig({ redis: block }, '/').redis, SILENT, 1);
    const feed = new Feed();
    connection!.tellTo(feed);
    const events = feed.since('0-0').events.map(({ kind, reason }) => [kind, reason]);
    const { state, lastError, server } = connection!.told();
    connection!.close();
    silentAbout(JSON.stringify([lastError, events, server]));
    assert.deepEqual(events, state === 'up' ? [] : [['redisLost', lastError]]);
    return state === 'up' ? 'up' : lastError;
  }

  it('is believed where its certificate is good for it, and where it is not the reason is told', async () => {
    const stranger = makeAuthority('a stranger');
    const { ca, other } = files(redis.folder, { ca: authority.cert, other: stranger.cert });
    const caFile = ca!;
    assert.equal(await told(redis.port, { caFile }), 'up');
    assert.match(String(await told(redis.port, undefined)), /unable to (?:verify|get)|self-signed/i);
    assert.match(String(await told(redis.port, { caFile: other! })), /unable to (?:verify|get)|signature failure/i);
    assert.match(String(await told(elsewhere.port, { caFile })), /does not match certificate's altnames/);
    assert.equal(await told(elsewhere.port, { caFile, servername: 'limits.example' }), 'up');
  });

  it('is shown a certificate where it asks for one', async () => {
    const own = authority.issue({ subject: 'a gateway' });
    const { ca, cert, key } = files(strict.folder, {
      'own-ca': authority.cert,
      own: own.cert,
      'own-key': own.key,
      ca: authority.cert,
      cert: own.cert,
      key: own.key,
    });
    assert.equal(await told(strict.port, { caFile: ca!, certFile: cert!, keyFile: key! }), 'up');
    assert.notEqual(await told(strict.port, { caFile: ca! }), 'up');
  });

  it('takes the name and the password of the URL, and no others', async () => {
    const { mine } = files(redis.folder, { mine: authority.cert });
    const tls = { caFile: mine! };
    assert.match(String(await told(redis.port, tls, `${USER.name}:wrong@`)), /^WRONGPASS/);
    assert.match(String(await told(redis.port, tls, `nobody:${encodeURIComponent(USER.password)}@`)), /^WRONGPASS/);
    assert.match(String(await told(redis.port, tls, '')), /^NOAUTH/);
  });

  it('is not spoken to in the clear, nor one in the clear by TLS', async () => {
    assert.notEqual(await told(redis.port, undefined, `${AUTH}@`, 'redis'), 'up');
    assert.notEqual(await told(plain.port, undefined, ''), 'up');
    assert.equal(await told(plain.port, undefined, '', 'redis'), 'up');
  });
});

describe('a gateway whose limits are counted there', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  /** What its readers of events hear. */
  function heard({ admin }: GatewayProcess): FeedEvent[] {
    const events: FeedEvent[] = [];
    const leaving = new AbortController();
    const { signal } = leaving;
    opened.add({ close: async () => leaving.abort() });
    const read = async (): Promise<void> => {
      const { body } = await fetch(`http://${admin}/api/events?kinds=redisLost,redisBack&since=0-0`, { signal });
      let text = '';
      for await (const part of body!.pipeThrough(new TextDecoderStream())) {
        const lines = (text + part).split('\n');
        text = lines.pop()!;
        for (const line of lines) if (line.startsWith('data: {"id"')) events.push(JSON.parse(line.slice(6)));
      }
    };
    void read().catch(() => undefined); // it is left at the end
    return events;
  }

  it('tells when it loses it and has it back, in every worker, and no secret in any place', async () => {
    const tls = authority.issue();
    const redis = await OwnRedis.start({ tls, user: { ...USER, password: 'not-yet-that-one' } });
    opened.add({ close: () => redis.stop() });
    const { ca } = files(redis.folder, { authority: authority.cert, ca: authority.cert });
    const node = opened.add(await countingNode());
    const url = `rediss://${AUTH}@127.0.0.1:${redis.port}`;
    const { urlFile } = files(redis.folder, { urlFile: url });
    const block = { urlFile, tls: { caFile: ca! }, prefix: 'tls', redisMs: 1_000 };
    const gateway = opened.add(await limitedGateway(node, block, { workers: 2 }));
    const events = heard(gateway);
    const by = (kind: string) => new Set(events.filter((each) => each.kind === kind).map(({ worker = 0 }) => worker));
    await eventually(async () => by('redisLost').size === 3); // those of the first process and of both workers
    for (const { reason, onLoss } of events)
      assert.deepEqual([/^WRONGPASS/.test(String(reason)), onLoss], [true, 'closed']);
    assert.equal((await snapshotOf(gateway.admin)).redis?.state, 'closed');
    await redis.kill();
    await redis.restart({ user: USER });
    await eventually(async () => by('redisBack').size === 3);
    const callers = Array.from({ length: 6 }, () => new Caller(`${gateway.data}/nodes`, QUESTION));
    await arrivals(node, LIMIT.limit * 3);
    const paths = ['stats', 'limits', 'calls', 'endpoints', 'sockets', 'breakers'].map((name) => `/api/${name}`);
    const pages = await Promise.all(
      [...paths, '/metrics', '/', '/readyz', '/nowhere'].map((path) => ask(`http://${gateway.admin}${path}`)),
    );
    await Promise.all(callers.map((caller) => caller.stop()));
    assert.deepEqual(
      callers.flatMap(({ tally }) => tally.failed),
      [],
    );
    assert.ok(busiest(node.seen) <= LIMIT.limit, `a window had ${busiest(node.seen)}`);
    const checked = await command(['check', join(gateway.folder, 'keepwarm.json')]);
    assert.match(checked.out, new RegExp(`limits are counted in Redis at 127\\.0\\.0\\.1:${redis.port}`));
    silentAbout(checked.out + checked.err + gateway.printed() + JSON.stringify(events));
    for (const { body } of pages) silentAbout(String(body));
    const metrics = String(pages[6]!.body);
    assert.match(metrics, /^keepwarm_gateway_redis_up 1$/m);
    assert.ok(Number(/^keepwarm_gateway_redis_losses_total (\d+)$/m.exec(metrics)![1]) >= 3);
  });
});
