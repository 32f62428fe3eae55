import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { type FactOf, NetError, type Observer } from 'keepwarm';
import { CallLog, FOLLOWED_PER_SECOND, NOTABLE_MAX, RECENT_MAX, UNDER_WAY_MAX } from '../src/figures/call-log.ts';
import type { CallTold } from '../src/figures/call-told.ts';
import { Feed } from '../src/figures/feed.ts';
import { explain } from '../src/mcp/explain.ts';
import { ask, httpServer, Opened, startGateway } from './fixtures.ts';

const fact = (call: number) => ({
  call,
  method: 'GET',
  origin: 'https://host',
  section: '',
  attempt: 1,
  endpoint: undefined,
});
const socket = (socketId: number) => ({ socketId, origin: 'https://host', section: '' });
const opening = (socketId: number): FactOf<'socketOpened'> => ({
  ...socket(socketId),
  address: '127.0.0.1',
  dnsMs: 10,
  tcpMs: 20,
  tlsMs: 30,
  tlsResumed: false,
});
const replied = (call: number, totalMs: number, more: Partial<FactOf<'replied'>> = {}): FactOf<'replied'> => ({
  ...fact(call),
  status: 200,
  socketId: 1,
  reused: true,
  headMs: totalMs,
  totalMs,
  ...more,
});

function aLog() {
  const clock = { now: 0 };
  const feed = new Feed(() => clock.now);
  const log = new CallLog(
    feed,
    () => clock.now,
    () => clock.now,
  );
  return { clock, feed, log, told: log.observer('api') };
}

const sum = ({ phases }: CallTold): number => Object.values(phases ?? {}).reduce((all, ms) => all + ms, 0);

describe('the call log', () => {
  it('says where the time of a cold call went', () => {
    const { clock, log, told } = aLog();
    told.socketOpened?.(opening(1));
    clock.now = 65;
    told.leased?.({ ...socket(1), call: 1, waitMs: 65, fresh: true });
    clock.now = 110;
    told.replied?.(replied(1, 110, { headMs: 100, reused: false }));
    const [call] = log.of('api', false);
    const phases = { limitMs: 0, queueMs: 5, dnsMs: 10, tcpMs: 20, tlsMs: 30, repeatMs: 0, upstreamMs: 35, bodyMs: 10 };
    assert.deepEqual(call?.phases, phases);
    assert.deepEqual([call?.socketId, call?.reused, call?.attempts, call?.acted], [1, false, 1, []]);
  });

  it('charges a call with the part of an opening that it waited for', () => {
    const { clock, log, told } = aLog();
    told.socketOpened?.(opening(1));
    told.leased?.({ ...socket(1), call: 1, waitMs: 30, fresh: true });
    clock.now = 50;
    told.replied?.(replied(1, 50));
    const { phases } = log.of('api', false)[0]!;
    assert.deepEqual(
      [phases?.dnsMs, phases?.tcpMs, phases?.tlsMs, phases?.queueMs, phases?.upstreamMs],
      [5, 10, 15, 0, 20],
    );
  });

  it('knows all about a call that found nobody, though nothing else was told of it, and says what that means', () => {
    const { log, told } = aLog();
    const phaseOf = { connect: 'tcpMs', dns: 'dnsMs', tls: 'tlsMs', queue: 'queueMs' } as const;
    for (const [phase, part] of Object.entries(phaseOf) as ['connect', 'tcpMs'][]) {
      const error = new NetError('CONNECT', 'nobody there', { reach: 'unsent', phase });
      told.failed?.({ ...fact(1), error, totalMs: 3 });
      const call = log.of('api', true)[0]!;
      assert.equal(call.phases?.[part], 3, phase);
      assert.equal(sum(call), 3);
    }
    const call = log.of('api', true).find(({ error }) => error?.phase === 'connect')!;
    const { words, advice } = explain(call);
    assert.deepEqual(words, ['it waited 3.00 ms for a TCP connection']);
    assert.match(advice, /nobody could be reached there/);
  });

  it('explains with the id of the request that a call was made for, where it has one', () => {
    const { log, told } = aLog();
    for (const tag of ['order-7', undefined]) {
      const error = new NetError('CONNECT', 'nobody there', { reach: 'unsent' });
      told.failed?.({ ...fact(8), tag, error, totalMs: 3 });
    }
    const words = log.of('api', false).map((call) => explain(call).words.find((each) => each.includes('id')));
    assert.deepEqual(new Set(words), new Set(['its request has the id order-7', undefined]));
  });

  it('tells of attempts that failed, of waits between them, and of limits', () => {
    const { clock, log, told } = aLog();
    told.rateWaits?.({ ...fact(7), limit: 'per second', waiting: 1 });
    clock.now = 40;
    told.leased?.({ ...socket(1), call: 7, waitMs: 0, fresh: false });
    told.retried?.({ ...fact(7), endpoint: 'a', error: undefined, status: 503, delayMs: 25 });
    clock.now = 70;
    told.leased?.({ ...socket(2), call: 7, waitMs: 0, fresh: false });
    told.hedged?.({ ...fact(7), delayMs: 5 });
    clock.now = 90;
    told.replied?.(replied(7, 90, { socketId: 2, endpoint: 'b', attempt: 1 }));
    const [call] = log.of('api', true);
    assert.deepEqual(call?.acted, ['rate limit per second', 'retry', 'hedge']);
    assert.deepEqual(call?.failed, [{ attempt: 1, endpoint: 'a', status: 503, delayMs: 25 }]);
    assert.deepEqual([call?.attempts, call?.endpoint, call?.phases?.limitMs, call?.phases?.repeatMs], [2, 'b', 40, 25]);
    assert.equal(sum(call!), 90);
  });

  it('says of a call that was never sent that it waited for a connection', () => {
    const { clock, log, told } = aLog();
    clock.now = 500;
    const error = new NetError('TIMEOUT', 'x', { reach: 'unsent', phase: 'queue', limit: 'queueMs' });
    told.rateRefused?.({ ...fact(1), limit: 'l', error });
    told.failed?.({ ...fact(1), error, totalMs: 500 });
    const [call] = log.of('api', true);
    assert.deepEqual(call?.error, { code: 'TIMEOUT', reach: 'unsent', phase: 'queue', limit: 'queueMs' });
    assert.equal(call?.phases?.queueMs, 500);
    assert.deepEqual([call?.status, call?.socketId], [undefined, 0]);
  });

  it('keeps what is notable apart from a flood of good calls (1)', () => {
    const { clock, log, told } = aLog();
    const call = (id: number, totalMs: number, status: number): void => {
      told.leased?.({ ...socket(1), call: id, waitMs: 0, fresh: false });
      told.replied?.(replied(id, totalMs, { status }));
    };
    call(1, 10, 503);
    call(2, 10, 200);
    call(3, 400, 200);
    for (let id = 4; id < 1_000; id++) {
      clock.now += 100;
      call(id, 10, 200);
    }
    assert.deepEqual(
      log.of('api', true).map(({ id }) => id),
      [3, 1],
    );
    assert.deepEqual([log.of('api', false).length, log.of('api', false)[0]?.id], [RECENT_MAX, 999]);
    for (let id = 1_000; id < 1_500; id++) call(id, 10, 500);
    assert.equal(log.of('api', true).length, NOTABLE_MAX);
  });

  it('follows one call in so many when there are many, and misses none that fails (3)', () => {
    const { clock, log, feed, told } = aLog();
    let events = 0;
    feed.listen(() => void events++);
    for (let second = 0; second < 5; second++) {
      for (let i = 0; i < FOLLOWED_PER_SECOND * 50; i++) {
        clock.now = second * 1_000 + i / 10;
        const id = second * 100_000 + i + 1;
        told.leased?.({ ...socket(1), call: id, waitMs: 0, fresh: false });
        told.replied?.(replied(id, 1, { status: i === 777 ? 502 : 200 }));
      }
    }
    assert.equal(log.of('api', true).length, 5);
    assert.ok(events <= 5 * 20, 'the feed is bounded too');
    const followed = log.of('api', false).filter(({ phases }) => phases !== undefined);
    assert.ok(followed.length > RECENT_MAX / 2);
  });

  it('is not filled by what never ends: a copy that lost, a check in the background (2)', () => {
    const { clock, log, told } = aLog();
    for (let id = 1; id <= UNDER_WAY_MAX + 10; id++) told.leased?.({ ...socket(1), call: id, waitMs: 0, fresh: false });
    clock.now = 100;
    told.leased?.({ ...socket(1), call: 9_999, waitMs: 40, fresh: false });
    told.replied?.(replied(9_999, 60));
    assert.equal(log.of('api', false)[0]?.phases?.queueMs, 40);
  });

  it('never says more than the whole, whatever the facts (walk)', () => {
    const ms = fc.double({ min: 0, max: 100, noNaN: true });
    const step = fc.record({
      what: fc.constantFrom('wait', 'lease', 'fresh', 'retry', 'hedge', 'hop'),
      ms,
      call: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), ms, (steps, totalMs) => {
        const { clock, log, told } = aLog();
        const error = new NetError('RESET', 'x', { reach: 'unknown' });
        const does: Record<string, (told: Observer, call: number, ms: number) => void> = {
          wait: (to, call) => to.rateWaits?.({ ...fact(call), limit: 'l', waiting: 1 }),
          lease: (to, call, waitMs) => to.leased?.({ ...socket(1), call, waitMs, fresh: false }),
          fresh: (to, call, waitMs) => {
            to.socketOpened?.(opening(2));
            to.leased?.({ ...socket(2), call, waitMs, fresh: true });
          },
          retry: (to, call, delayMs) => to.retried?.({ ...fact(call), error, status: undefined, delayMs }),
          hedge: (to, call, delayMs) => to.hedged?.({ ...fact(call), delayMs }),
          hop: (to, call) => to.hopped?.({ ...fact(call), error, hop: 1 }),
        };
        for (const each of steps) {
          clock.now += each.ms;
          does[each.what]!(told, each.call, each.ms);
        }
        for (const call of [1, 2, 3]) told.replied?.(replied(call, totalMs, { headMs: totalMs / 2 }));
        for (const call of log.of('api', false)) {
          if (call.phases === undefined) continue;
          assert.ok(Math.abs(sum(call) - totalMs) < 1e-6, 'the sum of its phases is the whole');
          assert.ok(Object.values(call.phases).every((each) => each >= 0));
        }
        assert.ok(
          log.of('api', false).every(({ id }) => id !== 0),
          'checks of the library are no calls',
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe('/api/calls', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('shows the last calls of all upstreams, and those that are asked for', async () => {
    const upstream = opened.add(
      await httpServer((request, response) => {
        response.statusCode = request.url === '/bad' ? 500 : 200;
        setTimeout(() => response.end('x'), request.url === '/slow' ? 120 : 0);
      }),
    );
    const gateway = opened.add(await startGateway({ api: upstream.origin, dead: 'http://127.0.0.1:1' }));
    for (const path of ['api/', 'api/bad', 'dead/', 'api/slow']) await ask(`${gateway.url}/${path}`);
    const tell = async (query: string): Promise<CallTold[]> =>
      JSON.parse(String((await ask(`http://127.0.0.1:${gateway.adminPort}/api/calls${query}`)).body)).calls;
    const all = await tell('');
    assert.deepEqual(
      all.map(({ upstream: name, status, error }) => [name, status ?? error?.code]).toSorted(),
      [
        ['api', 200],
        ['api', 200],
        ['api', 500],
        ['dead', 'CONNECT'],
      ].toSorted(),
    );
    const slower = await tell('?slowerThanMs=100&upstream=api');
    assert.ok(slower.every(({ totalMs }) => totalMs > 100));
    // Others may be slow too, on a machine that is; but this one waited for its upstream.
    const slow = slower.find(({ phases }) => phases!.upstreamMs > 90);
    assert.equal(slow?.reused, true);
    assert.ok((await tell('?only=notable&limit=2')).length === 2);
  });
});
