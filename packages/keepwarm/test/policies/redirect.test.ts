/** What the redirect policy takes along, and where it does not go. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Targets } from '../../src/clients/targets.ts';
import type { Call, CallBody, Send } from '../../src/core/call.ts';
import { systemClock } from '../../src/core/clock.ts';
import { NetError } from '../../src/core/error.ts';
import { Fields } from '../../src/core/fields.ts';
import type { Origin } from '../../src/core/origin.ts';
import { Reply } from '../../src/core/reply.ts';
import { redirect } from '../../src/policies/redirect.ts';

const LIMITS = { queueMs: 1, firstByteMs: 1, betweenBytesMs: 1, bodyBytesMax: 1 };
const targets = new Targets(undefined);
const interned = (url: URL): Origin => targets.origin(url);
const targetOf = (url: URL, from: Origin) => targets.onward(url, from);

function aCall(url: string, more: Partial<Call> = {}): Call {
  const parsed = new URL(url);
  return {
    method: 'GET',
    origin: interned(parsed),
    path: parsed.pathname + parsed.search,
    headers: Fields.none,
    body: undefined,
    signal: undefined,
    startedAt: 0,
    deadlineAt: Number.POSITIVE_INFINITY,
    limits: LIMITS,
    traits: { idempotent: false },
    attempt: 1,
    section: '',
    ...more,
  };
}

const aReply = (status: number, location?: string): Reply => {
  const field = location === undefined ? '' : `Location: ${location}\r\n`;
  return new Reply(status, `HTTP/1.1 ${status} \r\n${field}\r\n`, new Uint8Array(0), false, 1, true);
};

/** Answers the first call with the redirect, the next with 200, and remembers both. */
function follow(first: Call, status: number, location: string): { calls: Call[]; reply: Promise<Reply> } {
  const calls: Call[] = [];
  const engine: Send = async (call) => {
    calls.push(call);
    return calls.length === 1 ? aReply(status, location) : aReply(200);
  };
  return { calls, reply: redirect({ redirectsMax: 5, targetOf, clock: systemClock })(engine)(first) };
}

const refuses = async (first: Call, status: number, location: string, message: RegExp): Promise<void> => {
  const { calls, reply } = follow(first, status, location);
  await assert.rejects(reply, (error: unknown) => {
    assert(error instanceof NetError);
    assert.deepEqual([error.code, error.reach, error.phase], ['REDIRECT', 'answered', 'redirect']);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
  assert.equal(calls.length, 1);
};

describe('a redirect', () => {
  it('to another origin takes along what is on the short list, and nothing else', async () => {
    const headers = Fields.of({
      authorization: 'a',
      cookie: 'b',
      'x-api-key': 'c',
      'idempotency-key': 'd',
      host: 'api.example.com',
      accept: 'e',
      'content-type': 'f',
      'user-agent': 'g',
    });
    const { calls, reply } = follow(aCall('https://a.example/', { headers }), 302, 'https://b.example/x');
    assert.equal((await reply).movedTo, 'https://b.example/x');
    const names = calls[1]!.headers.list.map(([name]) => name);
    assert.deepEqual(names, ['accept', 'content-type', 'user-agent']);
  });

  it('within an origin keeps what the caller set', async () => {
    const headers = Fields.of({ authorization: 'a', 'x-api-key': 'b' });
    const { calls, reply } = follow(aCall('https://a.example/v1/x?y', { headers }), 302, '../z#part');
    assert.equal((await reply).movedTo, 'https://a.example/z');
    assert.equal(calls[1]!.headers, headers);
  });

  it('that ends nowhere says that the call was received: an order behind a 303 is not to be sent again', async () => {
    for (const status of [303, 307]) {
      const failures = [aReply(status, '/orders/1'), new NetError('CONNECT', 'nobody is there', { reach: 'unsent' })];
      const engine: Send = async () => {
        const next = failures.shift()!;
        if (next instanceof NetError) throw next;
        return next;
      };
      const send = redirect({ redirectsMax: 5, targetOf, clock: systemClock })(engine);
      const order = aCall('https://a.example.com/orders', { method: 'POST', body: '{}' });
      await assert.rejects(send(order), { code: 'CONNECT', reach: 'answered' });
    }
  });

  it('within an origin keeps it however many other origins there were before', async () => {
    for (let i = 0; i < 1_100; i++) interned(new URL(`https://host-${i}.example.com`));
    const headers = Fields.of({ authorization: 'Bearer secret', cookie: 'a=b' });
    const { calls, reply } = follow(aCall('https://late.example.com/a', { headers }), 302, '/b');
    await reply;
    assert.deepEqual([calls[1]?.path, calls[1]?.headers.get('authorization')], ['/b', 'Bearer secret']);
    const elsewhere = follow(aCall('https://late.example.com/a', { headers }), 302, 'https://later.example.com/b');
    await elsewhere.reply;
    assert.equal(elsewhere.calls[1]?.headers.get('authorization'), undefined);
  });

  it('from https to cleartext, to another scheme, with credentials or to nowhere is refused', async () => {
    const call = aCall('https://a.example/?key=secret');
    await refuses(call, 302, 'http://a.example/', /from https to cleartext http:\/\/a\.example/);
    await refuses(call, 302, 'ftp://a.example/', /unsupported scheme/);
    await refuses(call, 302, 'https://user:secret@a.example/', /credentials in the URL/);
    await refuses(call, 302, 'https://[', /something that is not a URL/);
  });

  it('becomes a GET without body after 303, and after 301 and 302 of a POST; otherwise it stays', async () => {
    const after = async (method: string, status: number): Promise<string> => {
      const headers = Fields.of({ 'content-type': 'a/b', 'x-a': '1' });
      const { calls, reply } = follow(aCall('http://a.example/', { method, headers, body: 'x' }), status, '/y');
      await reply;
      const [, { method: now, body, headers: kept, traits }] = calls as [Call, Call];
      return `${now} ${body ?? '-'} ${kept.has('content-type')} ${traits.idempotent}`;
    };
    for (const status of [301, 302, 303]) assert.equal(await after('POST', status), 'GET - false true');
    assert.equal(await after('PUT', 303), 'GET - false true');
    for (const status of [307, 308]) assert.equal(await after('POST', status), 'POST x true false');
    assert.equal(await after('PUT', 301), 'PUT x true false');
    assert.match(await after('HEAD', 303), /^HEAD/);
  });

  it('of a body that cannot be sent again is refused', async () => {
    const open = (): AsyncIterable<Uint8Array> => assert.fail('it was read');
    const body: CallBody = { bytes: undefined, repeatable: false, open };
    await refuses(aCall('http://a.example/', { method: 'POST', body }), 307, '/y', /cannot be sent again/);
    const { calls, reply } = follow(
      aCall('http://a.example/', { method: 'POST', body: { ...body, repeatable: true } }),
      307,
      '/y',
    );
    await reply;
    assert.equal(calls.length, 2);
  });

  it('from a path that begins with two slashes stays at its origin: such a path names no host', async () => {
    const from = async (path: string, location: string): Promise<string> => {
      const { calls, reply } = follow(aCall('https://a.example/', { path }), 301, location);
      await reply;
      return calls[1]!.origin.key + calls[1]!.path;
    };
    assert.equal(await from('//v1/x', '/v1/x'), 'https://a.example/v1/x');
    assert.equal(await from('//evil.example/x?y', 'z'), 'https://a.example//evil.example/z');
    assert.equal(await from('/\\evil.example/x', 'z'), 'https://a.example//evil.example/z');
    assert.equal(await from('*', 'z'), 'https://a.example/z');
  });

  it('to an address in UTF-8 goes there', async () => {
    const { calls, reply } = follow(aCall('http://a.example/'), 302, Buffer.from('/ü').toString('latin1'));
    await reply;
    assert.equal(calls[1]!.path, '/%C3%BC');
  });

  it('without a location, or with another status, is the reply', async () => {
    for (const status of [300, 304, 305, 306]) {
      assert.equal((await follow(aCall('http://a.example/'), status, '/x').reply).status, status);
    }
    const bare: Send = async () => aReply(302);
    const reply = await redirect({ redirectsMax: 5, targetOf, clock: systemClock })(bare)(aCall('http://a.example/'));
    assert.deepEqual([reply.status, reply.movedTo], [302, undefined]);
  });
});
