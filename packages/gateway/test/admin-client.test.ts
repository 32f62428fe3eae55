import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { AdminClient, AdminError } from '../src/admin/client.ts';
import type { FeedEvent } from '../src/figures/feed.ts';
import { ask, httpServer, Opened, startGateway } from './fixtures.ts';

const TOKEN = 'token-of-a-test-0123456789';

describe('the client of the admin API', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  async function started(token: string | undefined = TOKEN) {
    const upstream = opened.add(await httpServer((_, response) => void response.end('x')));
    const gateway = opened.add(await startGateway({ api: upstream.origin }, { access: { token: TOKEN } }));
    const client = new AdminClient({ address: { host: '127.0.0.1', port: gateway.adminPort }, token });
    opened.add(client);
    return { ...gateway, client, origin: upstream.origin };
  }

  it('asks for everything there is', async () => {
    const { client, url, origin } = await started();
    await ask(`${url}/api/`);
    const stats = await client.stats();
    assert.deepEqual([stats.upstreams[0]?.name, stats.upstreams[0]?.sockets.live], ['api', []]);
    assert.ok((await client.sockets({ state: 'all', limit: 10 })).total >= 1);
    assert.deepEqual((await client.endpoints()).endpoints, []);
    const { breakers } = await client.breakers({ upstream: 'api' });
    assert.deepEqual(
      breakers.map(({ key, state }) => [key, state]),
      [[origin, 'closed']],
    );
    assert.deepEqual((await client.limits()).rate, []);
    assert.equal((await client.calls({ limit: 1 })).calls[0]?.status, 200);
    assert.equal((await client.history('6h')).range, '6h');
    assert.match(await client.code(), /^[\w-]{43}$/);
    assert.equal((await client.act('warm-up', { count: 2 }))['open'], 2);
  });

  it('hands on what the gateway says, and says when there is none', async () => {
    const { client } = await started('another-token-0123456789');
    await assert.rejects(client.act('drain'), ({ code, status, message }: AdminError) => {
      assert.deepEqual([code, status], ['TOKEN', 401]);
      return /needs another token/.test(message);
    });
    await assert.rejects(client.sockets({ limit: 0 }), /limit is "0"; allowed: a whole number from 1 to 500/);
    await assert.rejects(client.act('../../x'), { code: 'PATH' });
    const nobody = new AdminClient({ address: { host: '127.0.0.1', port: 1 } });
    await assert.rejects(nobody.stats(), (error: Error) => error instanceof AdminError && error.code === 'UNREACHABLE');
    await nobody.close();
    const other = opened.add(await httpServer((_, response) => void response.writeHead(500).end('<html>')));
    const stranger = opened.add(new AdminClient({ address: { host: '127.0.0.1', port: other.port } }));
    await assert.rejects(stranger.stats(), { code: 'ANSWER' });
  });

  it('listens until it has heard enough', async () => {
    const { client, gateway } = await started();
    gateway.feed.tell('action', undefined, { n: 0 });
    const since = gateway.feed.last;
    for (const n of [1, 2, 3]) gateway.feed.tell('action', undefined, { n });
    const heard: FeedEvent[] = [];
    for await (const event of client.events({ since })) {
      if (event.kind === 'action') heard.push(event);
      if (heard.length === 3) break;
    }
    assert.deepEqual(
      heard.map((event) => event['n']),
      [1, 2, 3],
    );
    const leaving = new AbortController();
    const listening = client.events({ signal: leaving.signal }).next();
    setTimeout(() => leaving.abort(), 50);
    await assert.rejects(listening);
  });
});
