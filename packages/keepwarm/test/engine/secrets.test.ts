/** What callers send in confidence stays between them and the server: no error, fact or figure repeats it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { inspect } from 'node:util';
import type { Observer } from '../../src/index.ts';
import { answer, hangUp, inOrder, reset, type Step, send, silence } from '../../src/testing/faulty-steps.ts';
import { aClient, aPair, leavesNothing, quiet } from './setup.ts';

leavesNothing();

const SECRET = 'hunter2';

/** Every fact there is, as it comes. */
function recorder(): { readonly facts: unknown[]; readonly observer: Observer } {
  const facts: unknown[] = [];
  const observer = new Proxy({}, { get: (_, name) => (fact: unknown) => void facts.push([name, fact]) });
  return { facts, observer };
}

/** All that can be seen of a value: as JSON, as a logger prints it, and as text; errors with their causes. */
function shown(value: unknown): string {
  const seen = new Set<unknown>();
  const json = JSON.stringify(value, (_key, each) => {
    if (typeof each !== 'object' || each === null) return typeof each === 'bigint' ? String(each) : each;
    if (seen.has(each)) return '(again)';
    seen.add(each);
    return each instanceof Error ? { ...each, message: each.message, stack: each.stack, cause: each.cause } : each;
  });
  return `${json}\n${inspect(value, { depth: 10, showHidden: true, getters: true })}\n${String(value)}`;
}

const ENDS: Record<string, Step> = {
  '/ok': answer('ok'),
  '/closed': hangUp,
  '/reset': reset,
  '/silent': silence,
  '/broken': send('nonsense\r\n'),
  '/half': inOrder(send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab'), hangUp),
  '/bomb': send(`HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n`),
  '/gzip': answer('no gzip', { headers: { 'Content-Encoding': 'gzip' } }),
  '/denied': answer('no', { status: 403 }),
  '/away': answer('', { status: 302, headers: { Location: 'ftp://elsewhere.test/' } }),
};

it('a secret in a header, query, path, body or reply appears in no error, no fact and no figure', async (t) => {
  const script: Step = (request, connection) => ENDS[request.path.split('?')[0]!]!(request, connection);
  const { facts, observer } = recorder();
  const { client } = await aPair(t, script, {
    observer,
    headers: { 'x-api-key': SECRET },
    limits: { bodyBytesMax: 1_000 },
    redirectsMax: 3,
    leak: { afterMs: 10, stacks: true },
  });
  const errors: unknown[] = [];
  for (const path of Object.keys(ENDS)) {
    const options = {
      headers: { authorization: `Bearer ${SECRET}`, cookie: `session=${SECRET}` },
      query: { token: SECRET },
      deadlineMs: 100,
    };
    for (const call of [client.post(path, { password: SECRET }, options), client.get(path, options)]) {
      await call.text().catch((error: unknown) => errors.push(error));
    }
  }
  const bad = { authorization: `${SECRET}\n` };
  errors.push(await client.get('/', { headers: bad }).catch((error: unknown) => error));
  errors.push(await client.get(`/${SECRET} `).catch((error: unknown) => error));
  errors.push(await client.get('/', { signal: AbortSignal.abort(), query: { a: SECRET } }).catch((error) => error));
  const anywhere = aClient(t, {});
  errors.push(await anywhere.get(`http://user:${SECRET}@127.0.0.1:1/`).catch((error: unknown) => error));
  errors.push(await anywhere.get(`http://127.0.0.1:1/?token=${SECRET}`).catch((error: unknown) => error));
  await quiet(client);
  assert(errors.length >= 20, `${errors.length} failures were looked at`);
  assert(facts.length > 40, `${facts.length} facts were looked at`);
  for (const each of [...errors, ...facts, client.stats(), anywhere.stats(), client]) {
    assert.doesNotMatch(shown(each), new RegExp(SECRET), shown(each));
  }
});
