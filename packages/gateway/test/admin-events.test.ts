import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { EVENTS_MAX, Feed, PER_SECOND_MAX } from '../src/figures/feed.ts';
import { ask, httpServer, Opened, startGateway, until } from './fixtures.ts';

describe('the feed', () => {
  it('tells what was missed, and how much is lost (1) (2)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2_500 }), fc.integer({ min: 0, max: 2_500 }), (before, after) => {
        let now = 0;
        const feed = new Feed(() => (now += 1_000));
        for (let i = 0; i < before; i++) feed.tell('x', undefined, { i });
        const seen = feed.last;
        for (let i = 0; i < after; i++) feed.tell('x', undefined, { i: before + i });
        const { lost, events } = feed.since(seen);
        assert.equal(lost! + events.length, after);
        assert.equal(events.length, Math.min(after, EVENTS_MAX));
        assert.deepEqual(
          events.map((event) => event['i']),
          Array.from({ length: events.length }, (_, i) => before + lost! + i),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('does not let calls push out what happened to an endpoint (2)', () => {
    let now = 0;
    const feed = new Feed(() => (now += 1_000));
    feed.tell('endpointEjected', 'api', {});
    for (let i = 0; i < EVENTS_MAX + 10; i++) feed.tell('call', 'api', { call: i });
    feed.tell('endpointReadmitted', 'api', {});
    const { lost, events } = feed.since(`${feed.run}-0`);
    assert.equal(lost, 10);
    assert.equal(events.length, EVENTS_MAX + 2);
    assert.deepEqual([events[0]!.kind, events.at(-1)!.kind], ['endpointEjected', 'endpointReadmitted'], 'in order');
  });

  it('knows events of another run for what they are', () => {
    const feed = new Feed();
    feed.tell('x', undefined, {});
    for (const id of ['other-1', `${feed.run}-99`, `${feed.run}--1`, `${feed.run}-x`, '', 'x'.repeat(10_000)]) {
      assert.deepEqual([feed.since(id).lost, feed.since(id).events.length], [undefined, 1], id.slice(0, 20));
    }
  });

  it('is bounded by kind and upstream, and says how many it left out (3)', () => {
    let now = 0;
    const feed = new Feed(() => now);
    const heard: (number | undefined)[] = [];
    feed.listen(({ omitted }) => void heard.push(omitted));
    for (let i = 0; i < 50; i++) feed.tell('x', 'a', {});
    feed.tell('x', 'b', {});
    assert.equal(heard.length, PER_SECOND_MAX + 1);
    now = 1_000;
    feed.tell('x', 'a', {});
    assert.equal(heard.at(-1), 50 - PER_SECOND_MAX);
  });
});

interface Event {
  readonly event: string;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
}

/** A reader of server-sent events, as simple as can be. */
async function reading(url: string, headers: Record<string, string> = {}) {
  const asked = request(url, { headers, agent: false });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const events: Event[] = [];
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map(
        text
          .slice(0, end)
          .split('\n')
          .map((line) => [line.split(': ')[0]!, line.slice(line.indexOf(': ') + 2)]),
      );
      text = text.slice(end + 2);
      const data = fields.get('data');
      if (data !== undefined)
        events.push({ event: fields.get('event') ?? 'message', id: fields.get('id'), data: JSON.parse(data) });
    }
  });
  response.on('error', () => undefined); // it was dropped
  const kinds = () => events.map(({ event, data }) => (event === 'message' ? data['kind'] : event));
  return { response, events, kinds, close: () => asked.destroy() };
}

describe('/api/events', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  async function started() {
    const upstream = opened.add(await httpServer((_, response) => void response.end('x')));
    const gateway = opened.add(await startGateway({ api: upstream.origin, dead: 'http://127.0.0.1:1' }));
    return { ...gateway, events: `http://127.0.0.1:${gateway.adminPort}/api/events` };
  }

  it('tells what happens as it happens: connections, calls and how they ended', async () => {
    const { events: url, url: data } = await started();
    const reader = await reading(url);
    assert.match(String(reader.response.headers['content-type']), /^text\/event-stream/);
    await ask(`${data}/api/a-path?with=secret-of-mine`, { headers: { authorization: 'secret-of-mine' } });
    await ask(`${data}/dead/`);
    await until(() => reader.kinds().filter((kind) => kind === 'call').length === 2);
    assert.equal(reader.kinds()[0], 'hello');
    const calls = reader.events.filter(({ data }) => data['kind'] === 'call');
    assert.deepEqual(
      calls.map(({ data }) => [data['upstream'], data['status']]),
      [
        ['api', 200],
        ['dead', undefined],
      ],
    );
    assert.ok(calls.every(({ data }) => /^[0-9a-f]{8}-\d+$/.test(String(data['id'])) && Number(data['call']) > 0));
    assert.equal((calls[1]!.data['error'] as { code: string }).code, 'CONNECT');
    assert.ok(reader.kinds().includes('socketOpenFailed'));
    assert.ok(
      !JSON.stringify(reader.events).includes('secret-of-mine') && !JSON.stringify(reader.events).includes('a-path'),
    );
    reader.close();
  });

  it('tells only what was asked for', async () => {
    const { events: url, url: data } = await started();
    const reader = await reading(`${url}?upstream=dead&kinds=call`);
    await ask(`${data}/api/`);
    await ask(`${data}/dead/`);
    await until(() => reader.events.length === 2);
    assert.deepEqual(reader.kinds(), ['hello', 'call']);
    assert.equal((await ask(`${url}?upstream=nobody`)).status, 404);
    reader.close();
  });

  it('goes on where a reader was, and says what is lost', async () => {
    const { events: url, gateway } = await started();
    const { feed } = gateway;
    feed.tell('action', undefined, { n: 1 });
    const seen = feed.last;
    feed.tell('action', undefined, { n: 2 });
    const reader = await reading(url, { 'last-event-id': seen });
    await until(() => reader.kinds().includes('action'));
    assert.ok(!reader.kinds().includes('gap'));
    assert.deepEqual(
      reader.events.filter(({ data }) => data['kind'] === 'action').map(({ data }) => data['n']),
      [2],
    );
    reader.close();
    const stranger = await reading(url, { 'last-event-id': 'another-run-7' });
    await until(() => stranger.kinds().includes('action'));
    const gap = stranger.events.find(({ event }) => event === 'gap');
    assert.deepEqual(gap?.data, { lost: null });
    stranger.close();
  });

  it('tells a reader that comes back all that is remembered, however much: it has not been slow yet', async () => {
    const { events: url, gateway } = await started();
    const filler = 'x'.repeat(2_000);
    for (let i = 0; i < EVENTS_MAX; i++) gateway.feed.tell(`kind-${i}`, undefined, { filler });
    const reader = await reading(url, { 'last-event-id': 'before-the-restart-7' });
    await until(() => reader.kinds().includes(`kind-${EVENTS_MAX - 1}`));
    const told = reader.kinds().filter((kind) => String(kind).startsWith('kind-')).length;
    assert.ok(told > EVENTS_MAX - 10, `${told}: the gateway may have told of something itself`);
    gateway.feed.tell('after', undefined, {});
    await until(() => reader.kinds().includes('after'));
    reader.close();
  });

  it('drops a reader that does not read, counts it, and nobody else notices', async () => {
    const { gateway, adminPort, events: url } = await started();
    const slow = connect(adminPort, '127.0.0.1');
    slow.on('error', () => undefined); // it is dropped
    slow.write(`GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:${adminPort}\r\n\r\n`);
    await once(slow, 'data');
    slow.pause();
    const reader = await reading(url);
    await until(() => gateway.feed.listening === 2);
    const filler = 'x'.repeat(64 * 1024);
    for (let i = 0; gateway.feed.listening === 2 && i < 2_000; i++) {
      // Twice in a turn: one that has been dropped is still closing when the next comes.
      for (const part of ['a', 'b']) gateway.feed.tell(`kind-${i}${part}`, undefined, { filler });
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(gateway.feed.listening, 1);
    const told = JSON.parse(String((await ask(`http://127.0.0.1:${adminPort}/api/stats`)).body));
    assert.deepEqual(told.events, { readers: 1, readersDropped: 1 });
    const count = reader.events.length;
    gateway.feed.tell('after', undefined, {});
    await until(() => reader.events.length > count && reader.kinds().includes('after'));
    reader.close();
    slow.destroy();
    await until(() => gateway.feed.listening === 0);
  });

  it('tells a HEAD what it would be, and that is all: no place of a reader is taken', async () => {
    const { events: url } = await started();
    const { status, headers, body } = await ask(url, { method: 'HEAD' });
    assert.deepEqual([status, headers['content-type'], body.length], [200, 'text/event-stream; charset=utf-8', 0]);
    const { events } = JSON.parse(String((await ask(new URL('/api/stats', url).href)).body));
    assert.equal(events.readers, 0);
  });

  it('takes so many readers and no more', async () => {
    const { events: url } = await started();
    const readers = await Promise.all(Array.from({ length: 64 }, () => reading(url)));
    const answer = await ask(url);
    assert.equal(answer.status, 503);
    assert.match(String(answer.body), /limit readersMax 64/);
    for (const reader of readers) reader.close();
  });
});
