import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseConfig } from '../src/config/config.ts';
import { HISTORY_DEFAULTS, parseHistory } from '../src/config/history.ts';
import { Feed } from '../src/figures/feed.ts';
import { KeptHistory } from '../src/history/kept.ts';
import { SILENT } from '../src/logs/log.ts';
import { ask, httpServer, Opened, startGateway, type TestGateway } from './fixtures.ts';

const MINUTE = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'keepwarm-kept-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('history of a gateway', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  async function serving(more: object = {}): Promise<TestGateway> {
    const upstream = opened.add(
      await httpServer((request, response) => {
        response.statusCode = request.url === '/bad' ? 503 : 200;
        response.end('x');
      }),
    );
    return opened.add(await startGateway({ api: upstream.origin, dead: 'http://127.0.0.1:1' }, more));
  }

  function keeping({ gateway }: TestGateway, path: string) {
    /** `setBy` is by how much somebody has set the wall clock. */
    const clock = { now: 1_000 * MINUTE, setBy: 0 };
    const told: unknown[] = [];
    const feed = new Feed();
    feed.listen((event) => void told.push(event['state']));
    const parts = {
      upstreams: () => gateway.upstreams,
      feed,
      log: SILENT,
      wall: () => clock.now + clock.setBy,
      now: () => clock.now,
    };
    const history = new KeptHistory({ ...HISTORY_DEFAULTS, path }, parts);
    opened.add({ close: () => history.close() });
    return { clock, told, history };
  }

  it('misses nothing of a minute in which upstreams were changed and taken out', async () => {
    const serves = opened.add(await httpServer((_, response) => void response.end('x')));
    const { origin } = serves;
    const { gateway, url } = opened.add(await startGateway({ changed: origin, gone: origin, kept: origin }));
    const { clock, history } = keeping({ gateway } as TestGateway, ':memory:');
    await history.start();
    const call = async (): Promise<void> => {
      for (const name of ['changed', 'gone', 'kept', 'come']) await ask(`${url}/${name}/`);
    };
    await call();
    const local = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', drainMs: 500 };
    const changed = { origin, via: false };
    const upstreams = { changed, kept: { origin }, come: { origin } };
    for (let i = 0; i < 3; i++) {
      gateway.reload(
        parseConfig({ ...local, upstreams: { ...upstreams, changed: { origin, deadlineMs: 1_000 + i } } }, '.'),
      );
      await call();
    }
    assert.equal(gateway.upstreams[0]!.book.figures().latency.count, 4, 'nor of the last seconds');
    await new Promise((resolve) => setTimeout(resolve, 1_100)); // figures are by the second, and this one must be over
    clock.now += MINUTE;
    await history.flush(false);
    const calls = async () => {
      const told = await history.read('1h', undefined);
      const of = (rates: readonly (number | null)[]) =>
        Math.round(rates.reduce<number>((all, one) => all + (one ?? 0) * 60, 0));
      return Object.fromEntries(told.upstreams.map(({ upstream, rate }) => [upstream, of(rate)]));
    };
    assert.deepEqual(await calls(), { changed: 4, gone: 1, kept: 4, come: 3 });
    clock.now += MINUTE;
    await history.flush(false);
    assert.deepEqual(await calls(), { changed: 4, gone: 1, kept: 4, come: 3 }, 'nothing is told twice');
  });

  it('has a minute once it is over: calls, errors, reuse and percentiles of each upstream', async () => {
    const gateway = await serving();
    const { clock, history } = keeping(gateway, join(folder, 'kept.sqlite'));
    await history.start();
    for (const path of ['api/', 'api/', 'api/bad', 'dead/']) await ask(`${gateway.url}/${path}`);
    await new Promise((resolve) => setTimeout(resolve, 1_100)); // figures are by the second, and this one must be over
    clock.now += MINUTE - 1;
    await history.flush(false);
    assert.deepEqual((await history.read('1h', undefined)).upstreams, [], 'it is not over');
    clock.now += 1;
    await history.flush(false);
    const { at, upstreams, history: state } = await history.read('1h', undefined);
    const [api, dead] = upstreams;
    const i = at.indexOf(1_000 * MINUTE);
    assert.deepEqual([api?.upstream, api?.rate[i], api?.errors[i]], ['api', 3 / 60, 1 / 60]);
    assert.ok(api!.p50Ms[i]! > 0 && api!.p99Ms[i]! >= api!.p95Ms[i]! && api!.p95Ms[i]! >= api!.p50Ms[i]!);
    assert.ok(api!.reuse[i]! > 0.5);
    assert.deepEqual([dead?.rate[i], dead?.errors[i], dead?.p50Ms[i]], [1 / 60, 1 / 60, null]);
    assert.equal(state.state, 'on');
    assert.equal((await history.read('1h', 'dead')).upstreams.length, 1);
    assert.equal((await history.read('7d', undefined)).upstreams.length, 2);
  });

  it('goes on when the wall clock is set back or ahead, with rates of the time that really passed', async () => {
    const gateway = await serving();
    const { clock, history } = keeping(gateway, ':memory:');
    await history.start();
    const called = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) await ask(`${gateway.url}/api/`);
      // figures are by the second, and this one must be over
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      clock.now += MINUTE;
      await history.flush(false);
    };
    const rates = async (): Promise<(number | null)[]> => {
      const { upstreams } = await history.read('1h', 'api');
      return upstreams[0]?.rate.filter((rate) => rate !== null) ?? [];
    };
    clock.setBy = -30 * MINUTE; // before the first minute is over
    await called();
    clock.setBy = -29 * MINUTE;
    await called();
    assert.deepEqual(await rates(), [3 / 60], 'the first minute was named by a clock that was ahead');
    clock.setBy = 10 * MINUTE;
    await called();
    assert.deepEqual(await rates(), [3 / 60, 3 / 60, 3 / 60]);
    const { history: state } = await history.read('1h', 'api');
    assert.deepEqual([state.state, state.lostMinutes], ['on', undefined]);
  });

  it('goes on when the disk does not, says so, and comes back', async () => {
    const gateway = await serving();
    const path = join(folder, 'blocked.sqlite');
    mkdirSync(path);
    const { clock, told, history } = keeping(gateway, path);
    await history.start();
    assert.equal(history.state.state, 'unavailable');
    assert.match(history.state.reason!, /unable to open/);
    clock.now += 2 * MINUTE;
    await history.flush(false);
    assert.equal(history.state.lostMinutes, 1);
    assert.equal((await ask(`${gateway.url}/api/`)).status, 200);
    rmSync(path, { recursive: true });
    clock.now += MINUTE;
    await history.flush(false);
    assert.deepEqual([history.state.state, told], ['on', ['unavailable', 'on']]);
    await history.close();
    await history.close();
  });

  it('is told by the admin listener, and is not asked for where it is off', async () => {
    const gateway = await serving({ history: { path: join(folder, 'deep', 'er', 'own.sqlite') } });
    const tell = async (path: string, { adminPort }: TestGateway = gateway) =>
      JSON.parse(String((await ask(`http://127.0.0.1:${adminPort}/api/${path}`)).body));
    await ask(`${gateway.url}/api/`);
    const told = await tell('history?range=24h');
    assert.deepEqual([told.range, told.stepMs, told.at.length, told.history.state], ['24h', 300_000, 288, 'on']);
    assert.equal((await tell('stats')).history.state, 'on');
    await gateway.close();
    assert.ok(existsSync(join(folder, 'deep', 'er', 'own.sqlite')));
    const off = await serving({ history: false });
    assert.deepEqual((await tell('history', off)).history, { state: 'off' });
  });

  for (const [given, message] of [
    [{ bytesMax: 10 }, /history\.bytesMax is 10; allowed: a number of at least 1048576/],
    [{ path: '' }, /history\.path is ""; allowed: the name of a file/],
    [{ minuteHours: 1 }, /history\.minuteHours is not an option; did you mean minutesHours\?/],
    ['yes', /history is "yes"; allowed: an object/],
  ] as const) {
    it(`is not set up by ${JSON.stringify(given)}`, () => {
      assert.throws(() => parseHistory(given, '.'), message);
    });
  }
});
