import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Histogram } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { type Client, type ClientOptions, createClient, NetError } from 'keepwarm';
import { openTelemetry } from 'keepwarm/otel';
import { METRIC_NAMES } from '../../src/telemetry/catalog.ts';
import { otelNameOf } from '../../src/telemetry/otel-collect.ts';
import { eventsOf, type Point, sdk } from './an-sdk.ts';

interface Peer {
  readonly origin: string;
  readonly seen: IncomingMessage[];
  answer(request: IncomingMessage, response: ServerResponse): void;
}

async function aPeer(t: TestContext, answer: Peer['answer'] = (_, response) => void response.end('{}')): Promise<Peer> {
  const peer: { -readonly [N in keyof Peer]: Peer[N] } = { origin: '', seen: [], answer };
  const server: Server = createServer((request, response) => {
    peer.seen.push(request);
    request.resume();
    peer.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close().closeAllConnections());
  peer.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return peer;
}

/** A client whose doings are told, from a clean slate. */
function aClient(t: TestContext, peer: Peer, options: ClientOptions = {}): Client {
  sdk.spans();
  const telemetry = options.telemetry ?? openTelemetry();
  const client = createClient({ origin: peer.origin, ...options, telemetry });
  t.after(async () => {
    await client.close({ deadlineMs: 0 });
    if ('close' in telemetry) (telemetry.close as () => void)();
  });
  return client;
}

const portOf = ({ origin }: Peer): number => Number(new URL(origin).port);
const idOf = (span: ReadableSpan | undefined): string => span!.spanContext().spanId;
const traceparentOf = (span: ReadableSpan | undefined): string =>
  `00-${span!.spanContext().traceId}-${span!.spanContext().spanId}-01`;
const hereOf = (points: readonly Point[] | undefined, peer: Peer): Point[] =>
  (points ?? []).filter(({ attributes }) => attributes['server.port'] === portOf(peer));

describe('traces of a client', () => {
  it('have a span for each call, named and described by the conventions, within what its caller is in', async (t) => {
    const peer = await aPeer(t);
    const client = aClient(t, peer);
    const tracer = trace.getTracer('app');

    await tracer.startActiveSpan('order', async (parent) => {
      await client.get('/users/7?token=secret', { template: '/users/{id}' }).json();
      parent.end();
    });

    const [span, parent] = sdk.spans();
    assert.equal(span!.name, 'GET /users/{id}');
    assert.equal(span!.kind, SpanKind.CLIENT);
    assert.equal(span!.parentSpanContext?.spanId, idOf(parent));
    assert.deepEqual(span!.attributes, {
      'http.request.method': 'GET',
      'http.response.status_code': 200,
      'network.peer.address': '127.0.0.1',
      'network.protocol.version': '1.1',
      'server.address': '127.0.0.1',
      'server.port': portOf(peer),
      'url.full': `${peer.origin}/users/7`,
      'url.template': '/users/{id}',
    });
    assert.equal(span!.status.code, SpanStatusCode.UNSET);
    assert.deepEqual(eventsOf(span).slice(0, 1), ['keepwarm.connection.opened']);
    assert.equal(peer.seen[0]!.headers.traceparent, traceparentOf(span));
  });

  it('go on upstream by the propagator of the application, under what signs the call', async (t) => {
    const peer = await aPeer(t);
    const signed: (string | undefined)[] = [];
    const client = aClient(t, peer, {
      headers: { traceparent: 'of the client' },
      sign: ({ headers }) => {
        signed.push(headers.get('traceparent'));
        return { 'x-signature': 'ours' };
      },
    });
    const baggage = propagation.createBaggage({ userId: { value: 'a b' } });

    await context.with(propagation.setBaggage(context.active(), baggage), () => client.get('/').json());

    const [span] = sdk.spans();
    const { headers } = peer.seen[0]!;
    assert.equal(headers.traceparent, traceparentOf(span));
    assert.equal(headers.baggage, 'userId=a%20b');
    assert.equal(headers['x-signature'], 'ours');
    assert.deepEqual(signed, [traceparentOf(span)]);
  });

  it('give each resend a span of its own, and tell its peer of that one', async (t) => {
    const peer = await aPeer(t);
    peer.answer = (_, response) => void response.writeHead(peer.seen.length < 3 ? 503 : 200).end('{}');
    const client = aClient(t, peer, { retry: { baseMs: 1, capMs: 2 } });

    await client.get('/').json();

    const [second, third, call] = sdk.spans();
    assert.deepEqual(
      [second, third].map((span) => [
        span!.attributes['http.request.resend_count'],
        span!.attributes['http.response.status_code'],
        span!.attributes['error.type'],
        span!.parentSpanContext?.spanId,
      ]),
      [
        [1, 503, '503', idOf(call)],
        [2, 200, undefined, idOf(call)],
      ],
    );
    assert.deepEqual(
      peer.seen.map(({ headers }) => headers.traceparent),
      [call, second, third].map(traceparentOf),
    );
    assert.equal(call!.attributes['keepwarm.sent'], 3);
    assert.equal(call!.attributes['http.response.status_code'], 200);
    assert.deepEqual(
      eventsOf(call).filter((name) => name === 'keepwarm.retry'),
      ['keepwarm.retry', 'keepwarm.retry'],
    );
  });

  it('can give every sending a span', async (t) => {
    const peer = await aPeer(t);
    const client = aClient(t, peer, { telemetry: openTelemetry({ attemptSpans: 'every' }) });
    await client.get('/').json();
    const [sending, call] = sdk.spans();
    assert.equal(sending!.parentSpanContext?.spanId, idOf(call));
    assert.equal(peer.seen[0]!.headers.traceparent, traceparentOf(sending));
  });

  it('end when the reply has, not with its head', async (t) => {
    let finish = (): void => undefined;
    const peer = await aPeer(t, (_, response) => {
      response.write('x'.repeat(200_000));
      finish = () => response.end('end');
    });
    const client = aClient(t, peer);
    const reply = await client.get('/');
    assert.equal(sdk.spans().length, 0);
    finish();
    await reply.text();
    assert.equal(sdk.spans().length, 1);
  });

  it('say by what a call failed, in words of ours alone', async (t) => {
    const peer = await aPeer(t, (_, response) => void response.socket!.destroy());
    const client = aClient(t, peer, { retry: false });
    const caller = new AbortController();
    caller.abort(new Error('secret reason'));

    await assert.rejects(client.post('/lost', 'x').json(), NetError);
    await assert.rejects(client.get('/left', { signal: caller.signal }).json(), NetError);
    peer.answer = (_, response) => void response.writeHead(404, 'secret phrase').end('secret body');
    await client.get('/none');
    peer.answer = () => undefined;
    await assert.rejects(client.get('/late', { deadlineMs: 30 }).json(), NetError);

    const spans = sdk.spans();
    assert.deepEqual(
      spans.map(({ attributes, status }) => [attributes['error.type'], status.code, status.message]),
      [
        ['RESET', SpanStatusCode.ERROR, 'RESET in phase head'],
        ['ABORTED', SpanStatusCode.ERROR, 'ABORTED in phase queue'],
        ['404', SpanStatusCode.ERROR, undefined],
        ['DEADLINE', SpanStatusCode.ERROR, 'DEADLINE in phase head: limit deadlineMs 30'],
      ],
    );
    assert.equal(sdk.open, 0);
  });

  it('tell of waits and breakers, and of endpoints without their paths', async (t) => {
    const peer = await aPeer(t, (_, response) => void response.writeHead(503).end());
    const client = aClient(t, peer, {
      origin: undefined,
      endpoints: [{ url: `${peer.origin}/v1/key-that-is-secret`, name: 'one' }],
      retry: false,
      breaker: { consecutiveMax: 1, failingMs: 0 },
    });
    await client
      .get('/')
      .json()
      .catch(() => undefined);
    const refused = await client
      .get('/')
      .json()
      .catch((error: unknown) => error);

    const [first, second] = sdk.spans();
    assert(eventsOf(first).includes('keepwarm.breaker.opened'), eventsOf(first).join());
    assert.equal(first!.attributes['keepwarm.endpoint'], 'one');
    assert.equal((refused as NetError).code, 'OPEN');
    assert.equal(second!.attributes['error.type'], 'OPEN');
    assert.equal(second!.attributes['keepwarm.sent'], 0);
    assert(!JSON.stringify([first, second].map((span) => [span!.attributes, span!.events])).includes('secret'));
  });

  it('keep nothing of what the sampler leaves out, and tell peers so', async (t) => {
    const peer = await aPeer(t);
    const client = aClient(t, peer);
    sdk.sample(false);
    t.after(() => sdk.sample(true));
    await client.get('/').json();
    assert.equal(sdk.spans().length, 0);
    assert.match(String(peer.seen[0]!.headers.traceparent), /-00$/);
  });

  it('survive a propagator that fails', async (t) => {
    const peer = await aPeer(t);
    const client = aClient(t, peer);
    const { inject } = propagation;
    t.after(() => Object.assign(propagation, { inject }));
    for (const carried of [{ traceparent: 'line\r\nbreak' }, { 'content-length': '7' }]) {
      Object.assign(propagation, { inject: (_: unknown, carrier: object) => void Object.assign(carrier, carried) });
      assert.deepEqual(await client.post('/', '{}').json(), {});
    }
  });
});

describe('metrics of a client by the conventions', () => {
  it('measure each request once, by method, peer and outcome', async (t) => {
    const peer = await aPeer(t);
    peer.answer = (_, response) => void response.writeHead(peer.seen.length === 1 ? 503 : 200).end('{}');
    const client = aClient(t, peer, { retry: { baseMs: 1, capMs: 2 } });

    await client.get('/a?b=c', { template: '/{x}' }).json();
    await client.request('/', { method: 'PROPFIND' }).json();

    const told = await sdk.metrics();
    const points = hereOf(told.get('http.client.request.duration'), peer);
    const at = { 'server.address': '127.0.0.1', 'server.port': portOf(peer), 'network.protocol.version': '1.1' };
    const get = { ...at, 'http.request.method': 'GET', 'url.template': '/{x}' };
    assert.deepEqual(
      points.map(({ attributes }) => attributes),
      [
        { ...get, 'http.response.status_code': 503, 'error.type': '503' },
        { ...get, 'http.response.status_code': 200 },
        { ...at, 'http.request.method': '_OTHER', 'http.response.status_code': 200 },
      ],
    );
    for (const { value } of points) assert.equal((value as Histogram).count, 1);
    assert.deepEqual((points[0]!.value as Histogram).buckets.boundaries.slice(0, 3), [0.005, 0.01, 0.025]);
    assert.equal(told.get('keepwarm.retries')?.at(-1)?.value, 1);
  });

  it('tell what is open and on its way now', async (t) => {
    let finish = (): void => undefined;
    const peer = await aPeer(t, (_, response) => {
      response.flushHeaders();
      finish = () => response.end('{}');
    });
    const client = aClient(t, peer);
    const reply = await client.get('/');
    const during = await sdk.metrics();
    finish();
    await reply.text();
    const after = await sdk.metrics();
    await client.close();
    const closed = await sdk.metrics();

    const of = (told: Map<string, Point[]>, name: string) =>
      hereOf(told.get(name), peer).map(({ attributes, value }) => [attributes['http.connection.state'], value]);
    assert.deepEqual(of(during, 'http.client.open_connections'), [['active', 1]]);
    assert.deepEqual(of(during, 'http.client.active_requests'), [[undefined, 1]]);
    assert.deepEqual(of(after, 'http.client.open_connections').toSorted(), [
      ['active', 0],
      ['idle', 1],
    ]);
    assert.deepEqual(of(after, 'http.client.active_requests'), [[undefined, 0]]);
    assert(of(closed, 'http.client.open_connections').every(([, count]) => count === 0));
    assert.equal(hereOf(closed.get('http.client.connection.duration'), peer).length, 1);
    assert.equal(closed.get('keepwarm.calls')?.at(-1)?.value, 1, 'counters outlive their client');
  });

  it('have a bounded number of series, whatever calls go where', async (t) => {
    const peers = await Promise.all([aPeer(t), aPeer(t), aPeer(t), aPeer(t)]);
    const telemetry = openTelemetry({ seriesMax: 2, attributes: { of: 'bounds' } });
    const client = aClient(t, peers[0]!, { origin: undefined, telemetry });
    for (const { origin } of peers) {
      for (const id of [1, 2, 3]) await client.get(`${origin}/${id}`, { template: `/${id}` }).json();
    }
    const points = (await sdk.metrics()).get('http.client.request.duration')!;
    const ours = points.filter(({ attributes }) => attributes.of === 'bounds');
    const values = (name: string) => new Set(ours.map(({ attributes }) => attributes[name]));
    assert.equal(values('server.port').size, 3, 'two, and none');
    assert.deepEqual([...values('url.template')], ['/1', '/2', '_OTHER']);
    assert(ours.length <= 9);
  });

  it('can be had without traces, and traces without them', async (t) => {
    const peer = await aPeer(t);
    await aClient(t, peer, { telemetry: openTelemetry({ tracer: false }) })
      .get('/')
      .json();
    assert.equal(peer.seen[0]!.headers.traceparent, undefined);
    assert.equal(sdk.spans().length, 0);
    assert.equal(hereOf((await sdk.metrics()).get('http.client.request.duration'), peer).length, 1);
    const other = await aPeer(t);
    await aClient(t, other, { telemetry: openTelemetry({ meter: false }) })
      .get('/')
      .json();
    assert.equal(sdk.spans().length, 1);
    assert.equal(hereOf((await sdk.metrics()).get('http.client.request.duration'), other).length, 0);
  });
});

describe('requests that are passed on', () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };

  it('have a span of kind server within that of their caller, and what is sent for them is within it', async (t) => {
    const peer = await aPeer(t);
    const telemetry = openTelemetry({ attributes: { of: 'gateway' } });
    const client = aClient(t, peer, { telemetry });
    const serving = telemetry.serve({ method: 'BREW', headers, attributes: { for: 'one' } })!;
    await serving.within(() => client.get('/').json());
    serving.ended(503);
    serving.ended(200);

    const [sent, served, ...more] = sdk.spans();
    assert.equal(more.length, 0);
    assert.equal(served!.kind, SpanKind.SERVER);
    assert.equal(served!.name, 'HTTP');
    assert.equal(served!.parentSpanContext?.spanId, 'b7ad6b7169203331');
    assert.equal(sent!.parentSpanContext?.spanId, idOf(served));
    assert.equal(sent!.spanContext().traceId, traceId);
    assert.deepEqual(served!.attributes, {
      of: 'gateway',
      for: 'one',
      'http.request.method': '_OTHER',
      'http.response.status_code': 503,
      'error.type': '503',
    });
  });

  it('are served within the span that an instrumentation has made already', async (t) => {
    const peer = await aPeer(t);
    const telemetry = openTelemetry();
    const client = aClient(t, peer, { telemetry });
    await trace.getTracer('instrumentation').startActiveSpan('GET /', async (theirs) => {
      const serving = telemetry.serve({ method: 'GET', headers })!;
      await serving.within(() => client.get('/').json());
      serving.ended(200);
      theirs.end();
    });
    const [sent, theirs, ...more] = sdk.spans();
    assert.equal(more.length, 0);
    assert.equal(sent!.parentSpanContext?.spanId, idOf(theirs));
  });

  it('end when their caller leaves, and are none without traces', () => {
    sdk.spans();
    openTelemetry().serve({ method: 'GET', headers })!.ended(undefined);
    assert.equal(sdk.spans()[0]!.attributes['error.type'], 'ABORTED');
    assert.equal(openTelemetry({ tracer: false }).serve({ method: 'GET', headers }), undefined);
  });
});

describe('options of openTelemetry', () => {
  it('are refused by name, and so is what is no telemetry', () => {
    const refuses = (make: () => unknown, message: RegExp) => assert.throws(make, { code: 'INVALID', message });
    refuses(() => openTelemetry({ seriesMax: 0 }), /seriesMax is 0; allowed: a whole number from 1 to 10000/);
    refuses(
      () => openTelemetry({ attemptSpans: 'all' as 'every' }),
      /attemptSpans is "all"; allowed: "resent", "every"/,
    );
    refuses(() => openTelemetry({ paths: 1 as never }), /paths is 1/);
    refuses(
      () => createClient({ telemetry: {} as never }),
      /option telemetry is an object; allowed: what openTelemetry/,
    );
    refuses(() => createClient({ telemetry: null as never }), /option telemetry is null/);
  });
});

describe('names of our own', () => {
  it('are those of keepwarm/prometheus again, once a collector has put units and types behind them', () => {
    const suffixes: Record<string, string> = { s: '_seconds', By: '_bytes', '1': '_ratio' };
    const names = METRIC_NAMES.flatMap((metric) => {
      const named = otelNameOf(metric);
      if (named === undefined) return [];
      const base = named.name.replaceAll('.', '_');
      const suffix = suffixes[named.unit] ?? '';
      const whole = (base.endsWith(suffix) ? base : base + suffix) + (named.kind === 'counter' ? '_total' : '');
      assert.equal(whole, metric);
      return [named.name];
    });
    assert.equal(new Set(names).size, names.length, 'each once');
    assert(names.length > 80);
  });
});
