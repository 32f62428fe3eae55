/** What the options of `HTTPClient` do, each under the name it has there. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { HTTPClient, type NetError } from '../../src/index.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { type ApiServer, anApiServer } from './api-server.ts';

let server: ApiServer;
before(async () => {
  server = await anApiServer();
  server.server.keepAliveTimeout = 0; // it promises nothing of its own
});
after(() => server.close());

const idleOf = (http: HTTPClient): number => http.getStats().httpAgentStats.freeSockets;
const leasesOf = (http: HTTPClient): number[] => http.client.stats().sockets.live.map(({ leases }) => leases);
const get = (http: HTTPClient): Promise<unknown> => http.get(`${server.origin}/text`);

describe('options of HTTPClient, by what they do', () => {
  it('maxSockets: so many connections to an origin, whatever is asked at once', async () => {
    await using http = new HTTPClient({ maxSockets: 3 });
    await Promise.all(Array.from({ length: 20 }, () => get(http)));
    const leases = leasesOf(http);
    assert.equal(leases.length, 3);
    assert.equal(leases.reduce((sum, each) => sum + each, 0), 20); // biome-ignore format: short
  });

  it('maxFreeSockets: so many of them are kept, 10 by default', async () => {
    for (const [options, kept] of [
      [{ maxFreeSockets: 2 }, 2],
      [{}, 10],
    ] as const) {
      // biome-ignore format: short
      const clock = new FakeClock();
      await using http = new HTTPClient({ ...options, client: { clock } });
      let left = 15;
      for (let i = 0; i < 15; i++) void get(http).then(() => left--);
      // Calls of one turn are written together at its end, which comes when the clock says so.
      for (; left > 0; await turn()) clock.advance(0);
      assert.equal(idleOf(http), 15, 'a burst that follows finds what the last one opened');
      clock.advance(10_000);
      assert.equal(idleOf(http), kept);
    }
  });

  it('freeSocketTimeout: a connection is closed when it has been unused for so long, 30 s by default', async () => {
    for (const [options, ms] of [
      [{ freeSocketTimeout: 5_000 }, 5_000],
      [{}, 30_000],
    ] as const) {
      // biome-ignore format: short
      const clock = new FakeClock();
      await using http = new HTTPClient({ ...options, client: { clock } });
      await get(http);
      clock.advance(ms * 0.9);
      assert.equal(idleOf(http), 1);
      clock.advance(ms * 0.2);
      assert.equal(idleOf(http), 0);
    }
  });

  it('scheduling: idle connections take turns, or the one used last goes on', async () => {
    for (const [options, turns] of [
      [{}, [4, 4]],
      [{ scheduling: 'lifo' }, [1, 7]],
    ] as const) {
      // biome-ignore format: short
      await using http = new HTTPClient(options);
      await Promise.all([get(http), get(http)]);
      for (let i = 0; i < 6; i++) await get(http);
      assert.deepEqual(leasesOf(http).sort(), turns);
    }
  });

  it('family: names are looked up, and addresses tried, of this family alone', async () => {
    const { port } = new URL(server.origin);
    await using four = new HTTPClient({ family: 4 });
    assert.equal((await four.get(`http://localhost:${port}/text`)).status, 200);
    await using six = new HTTPClient({ family: 6, timeout: 60_000 });
    // The server listens at 127.0.0.1.
    await assert.rejects(six.get(`http://localhost:${port}/text`), ({ code }: NetError) => /CONNECT|DNS/.test(code));
  });

  it('keepAliveMsecs: the system probes the peer after so much silence, 30 s by default', async (t) => {
    const whyNot = 'the system does not say';
    if (process.platform !== 'linux') return t.skip(whyNot);
    for (const [options, seconds] of [
      [{ keepAliveMsecs: 90_000 }, 90],
      [{}, 30],
    ] as const) {
      // biome-ignore format: short
      await using http = new HTTPClient(options);
      await get(http);
      const left = probeSeconds(Number(new URL(server.origin).port));
      assert.ok(left !== undefined && left > seconds - 25 && left <= seconds, `${left} s`);
    }
  });
});

/** When the system will probe the one connection to this port, as it says in /proc/net/tcp (proc_net_tcp.txt). */
function probeSeconds(port: number): number | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, , remote, state, , timer] = line.trim().split(/\s+/);
    if (remote?.endsWith(`:${hex}`) !== true || state !== '01' || !timer?.startsWith('02:')) continue;
    return Number.parseInt(timer.slice(3), 16) / 100; // in hundredths of a second
  }
  return undefined;
}
