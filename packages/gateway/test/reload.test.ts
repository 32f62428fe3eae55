import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { after, describe, it } from 'node:test';
import { parseConfig } from '../src/config/config.ts';
import { answerOf, ask, httpServer, Opened, startGateway, type TestGateway, until } from './fixtures.ts';

const LISTENERS = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', drainMs: 500 };
const config = (upstreams: object, more: object = {}) => parseConfig({ ...LISTENERS, upstreams, ...more }, '.');

describe('a reload', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  async function started(upstreams: Readonly<Record<string, object>>): Promise<TestGateway> {
    return opened.add(await startGateway(upstreams));
  }
  const server = async (says: string) => {
    const connections = { count: 0 };
    const made = opened.add(await httpServer((_, response) => void response.end(says)));
    made.server.on('connection', () => connections.count++);
    return { origin: made.origin, connections };
  };

  it('keeps the connections of what is configured as before, begins what is new, ends what is gone', async () => {
    const [a, b, c] = [await server('a'), await server('b'), await server('c')];
    const gateway = await started({ a: { origin: a.origin }, b: { origin: b.origin } });
    assert.equal(String((await ask(`${gateway.url}/a/`)).body), 'a');
    const before = a.connections.count;
    const told = gateway.gateway.reload(config({ a: { origin: a.origin }, c: { origin: c.origin } }));
    assert.deepEqual(told, { kept: ['a'], begun: ['c'], ended: ['b'] });
    assert.equal(String((await ask(`${gateway.url}/a/`)).body), 'a');
    assert.equal(String((await ask(`${gateway.url}/c/`)).body), 'c');
    assert.equal((await ask(`${gateway.url}/b/`)).status, 404);
    assert.equal(a.connections.count, before);
  });

  it('lets what is under way end where it began, a body that is still arriving too', async () => {
    let release = (): void => undefined;
    const old = opened.add(
      await httpServer((request, response) => {
        request.resume().on('end', () => {
          release = () => void response.end('old');
        });
      }),
    );
    const fresh = await server('new');
    const gateway = await started({ api: { origin: old.origin } });
    const whole = httpRequest(`${gateway.url}/api/`, {
      agent: false,
      method: 'POST',
      headers: { 'content-length': '4' },
    });
    const answered = new Promise<string>((resolve, reject) => {
      whole.on('response', (response) => void answerOf(response).then(({ body }) => resolve(String(body)), reject));
      whole.on('error', reject);
    });
    whole.write('ab');
    await until(() => gateway.gateway.data.inFlight === 1);
    gateway.gateway.reload(config({ api: { origin: fresh.origin } }, { drainMs: 10_000 }));
    assert.equal(String((await ask(`${gateway.url}/api/`)).body), 'new');
    whole.end('cd');
    await until(() => release.length === 0 && String(release).includes('end'));
    release();
    assert.equal(await answered, 'old');
  });

  it('fails no call, a hundred times over, while calls are made', async () => {
    const upstream = await server('here');
    const gateway = await started({ api: { origin: upstream.origin } });
    let running = true;
    const failed: unknown[] = [];
    let calls = 0;
    const loop = async (): Promise<void> => {
      while (running) {
        const { status, body } = await ask(`${gateway.url}/api/`, { method: 'POST', body: 'x' });
        calls++;
        if (status !== 200 || String(body) !== 'here') failed.push([status, String(body)]);
      }
    };
    const loops = Array.from({ length: 8 }, loop);
    for (let i = 0; i < 100; i++) {
      // Every time another configuration: the upstream begins anew each time.
      gateway.gateway.reload(config({ api: { origin: upstream.origin, deadlineMs: 20_000 + i } }));
      const until = calls + 4;
      while (calls < until) await new Promise((resolve) => setImmediate(resolve));
    }
    running = false;
    await Promise.all(loops);
    assert.deepEqual(failed, []);
    assert.ok(calls >= 400);
  });

  it('is refused as a whole when it changes what listeners were opened with', async () => {
    const a = await server('a');
    const gateway = await started({ a: { origin: a.origin } });
    const other = config({ b: { origin: a.origin } }, { callersMax: 7 });
    assert.throws(
      () => gateway.gateway.reload(other),
      /callersMax cannot be changed while the gateway runs; restart it/,
    );
    assert.equal((await ask(`${gateway.url}/a/`)).status, 200);
    assert.equal((await ask(`${gateway.url}/b/`)).status, 404);
  });
});
