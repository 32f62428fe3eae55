/** A section is a tenant's own pool: what one does to its connections, the others do not feel. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { answer, silence } from '../../src/testing/faulty-steps.ts';
import { aClient, aPair, aServer, leavesNothing } from './setup.ts';

leavesNothing();

it('a section whose only connection is held never makes another wait', async (t) => {
  const script = (request: Parameters<typeof silence>[0], connection: Parameters<typeof silence>[1]) =>
    request.path === '/stuck' ? silence(request, connection) : answer('ok')(request, connection);
  const { client } = await aPair(t, script, { pool: { socketsMax: 1 } });
  const ending = new AbortController();
  const stuck = client.get('/stuck', { section: 'a', signal: ending.signal });
  const queued = client.get('/behind', { section: 'a', signal: ending.signal });
  for (let i = 0; i < 20; i++) assert.equal(await client.get('/', { section: 'b' }).text(), 'ok');
  assert.equal(await client.get('/').text(), 'ok', 'and so for calls without a section');
  const pools = client.stats().pools.map(({ section, inFlight, waiting }) => ({ section, inFlight, waiting }));
  assert.deepEqual(pools, [
    { section: 'a', inFlight: 1, waiting: 1 },
    { section: 'b', inFlight: 0, waiting: 0 },
    { section: '', inFlight: 0, waiting: 0 },
  ]);
  ending.abort(new Error('over'));
  await assert.rejects(async () => stuck, /aborted/);
  await assert.rejects(async () => queued, /aborted/);
});

it('every socket says which section it is for', async (t) => {
  const { client } = await aPair(t, answer('ok'));
  await client.get('/', { section: 'tenant' }).text();
  assert.deepEqual(
    client.stats().sockets.live.map(({ section }) => section),
    ['tenant'],
  );
});

it('origins that share socketsTotalMax make room for each other, idle or as soon as a call is over', async (t) => {
  const [a, b] = [await aServer(t, { script: answer('a') }), await aServer(t, { script: answer('b') })];
  const client = aClient(t, { pool: { socketsTotalMax: 1 } });
  const get = (server: { origin: string }) => client.get(`${server.origin}/`).text();
  assert.equal(await get(a), 'a');
  assert.equal(await get(b), 'b', 'the idle connection to the other makes way');
  assert.equal(client.stats().sockets.history[0]?.closeReason, 'surplus');
  assert.deepEqual(await Promise.all([get(a), get(b), get(a), get(b)]), ['a', 'b', 'a', 'b']);
  assert.equal(client.stats().sockets.open, 1);
});
