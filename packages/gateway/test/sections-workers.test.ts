/** Sections where several processes do the work: their limits, and what is told of them, are of all together. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ExactWindow } from 'keepwarm';
import type { LimitsTold } from '../src/admin/endpoints.ts';
import type { SocketsTold } from '../src/admin/sockets.ts';
import { command, gatewayProcess } from './command-process.ts';
import { ask, eventually, httpServer, Opened } from './fixtures.ts';
import { Caller, json, snapshotOf } from './workers-load.ts';

const EACH = { limit: 10, windowMs: 500 };
const LISTED = { limit: 20, windowMs: 500 };
/** Less than the others together. */
const WHOLE = { limit: 30, windowMs: 500, name: 'plan' };

describe('sections of several workers', () => {
  const opened = new Opened();
  after(() => opened.closeAll());
  let callers: Caller[] = [];
  after(() => Promise.all(callers.map((caller) => caller.stop())));

  it('keep each limit at the API, are told of together, and outlive a reload', async () => {
    const seen = new Map<string, number[]>();
    const api = opened.add(
      await httpServer((request, response) => {
        const tenant = String(request.url).slice(1);
        seen.set(tenant, [...(seen.get(tenant) ?? []), performance.now()]);
        request.resume().on('end', () => response.end('here'));
      }),
    );
    const sections = { by: 'path:1', strip: false, each: { rateLimit: EACH }, named: { acme: { rateLimit: LISTED } } };
    const upstreams = { api: { origin: api.origin, rateLimit: WHOLE, sections } };
    const gateway = opened.add(await gatewayProcess(upstreams, { workers: 2 }));
    const tenants = ['acme', 'globex', 'initech'];
    callers = Array.from({ length: 30 }, (_, i) => new Caller(`${gateway.data}/api/${tenants[i % 3]}`));
    const enough = async () => tenants.every((tenant) => (seen.get(tenant)?.length ?? 0) >= 40);
    await eventually(enough);
    const { upstreams: told } = await snapshotOf(gateway.admin);
    assert.deepEqual(told.map(({ name }) => name).sort(), ['api', 'api/acme', 'api/globex', 'api/initech']);
    assert.ok(told.find(({ name }) => name === 'api/acme')!.calls.total > 0);
    assert.equal(told.find(({ name }) => name === 'api')!.sections!.open, 3, 'each worker has the same');
    const { sockets } = (await json(gateway.admin, '/api/sockets?upstream=api%2Facme')) as SocketsTold;
    assert.ok(sockets.length > 0 && sockets.every(({ upstream }) => upstream === 'api/acme'));
    const warmed = await command(['warm-up', '--upstream', 'api/acme', '--admin', gateway.admin], gateway.env);
    assert.equal(warmed.code, 0, warmed.err);
    const more = { ...upstreams, api: { ...upstreams.api, sections: { ...sections, sectionsMax: 7 } } };
    const listeners = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', drainMs: 200, history: false, workers: 2 };
    writeFileSync(join(gateway.folder, 'keepwarm.json'), JSON.stringify({ ...listeners, upstreams: more }));
    const before = seen.get('globex')!.length;
    const reloaded = await command(['reload', '--admin', gateway.admin], gateway.env);
    assert.equal(reloaded.code, 0, reloaded.err);
    // More sections where callers of others have come to the worker that tells: how many come to which is chance.
    assert.match(reloaded.out, /\bapi, api\/acme\b.* unchanged/, 'a section and its limit, and what has none of them');
    await eventually(async () => seen.get('globex')!.length >= before + 20);
    await Promise.all(callers.map((caller) => caller.stop()));
    assert.deepEqual(
      callers.flatMap(({ tally }) => tally.failed),
      [],
    );
    for (const [tenant, times] of seen) {
      const limit = tenant === 'acme' ? LISTED : EACH;
      const window = new ExactWindow(limit);
      for (const at of times) assert.ok(window.take(1, at), `${tenant}: more than ${limit.limit} in a window`);
    }
    const window = new ExactWindow(WHOLE);
    const all = [...seen.values()].flat().sort((a, b) => a - b);
    for (const at of all) assert.ok(window.take(1, at), `more than ${WHOLE.limit} of all sections in a window`);
    const { rate } = (await json(gateway.admin, '/api/limits?upstream=api')) as LimitsTold;
    assert.deepEqual(
      rate.filter(({ name }) => name === 'plan').map(({ limit, granted }) => [limit, granted]),
      [[WHOLE.limit, all.length]],
    );
    const metrics = String((await ask(`http://${gateway.admin}/metrics`)).body);
    assert.match(metrics, /^keepwarm_gateway_sections\{client="api"\} /m);
    assert.match(metrics, /^keepwarm_rate_limit_max\{client="api\/globex",/m);
  });
});
