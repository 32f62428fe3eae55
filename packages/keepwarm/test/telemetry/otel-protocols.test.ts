import assert from 'node:assert/strict';
import * as http from 'node:http';
import { createServer, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { Histogram } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import fc from 'fast-check';
import { createClient } from 'keepwarm';
import { createGrpcPool } from 'keepwarm/grpc';
import { openTelemetry } from 'keepwarm/otel';
import { all, aServer, type grpc, aClient as grpcClient } from '../grpc/a-server.ts';
import { aNode, anRpc, bad, each, ok } from '../jsonrpc/a-node.ts';
import { eventsOf, sdk } from './an-sdk.ts';

const bytes = (path: string) => ({
  path: `/raw.Raw/${path}`,
  encode: (each: Uint8Array) => each,
  decode: (each: Uint8Array) => each,
});
const one = new Uint8Array([1]);

/** Name, status of the protocol, what kind of error. */
const told = ({ name, attributes }: ReadableSpan) => [name, attributes['rpc.status_code'], attributes['error.type']];
const traceparentOf = (span: ReadableSpan | undefined): string =>
  `00-${span!.spanContext().traceId}-${span!.spanContext().spanId}-01`;

async function rpcDurations(system: string): Promise<unknown[][]> {
  const points = (await sdk.metrics()).get('rpc.client.call.duration') ?? [];
  return points
    .filter(({ attributes }) => attributes['rpc.system.name'] === system)
    .map(({ attributes, value }) => [
      attributes['rpc.method'],
      attributes['rpc.status_code'],
      (value as Histogram).count,
    ]);
}

describe('HTTP/2', () => {
  it('has spans that say so, and carries their context', async (t) => {
    const seen: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers);
      response.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using client = createClient({ origin, http2: 'prior-knowledge', telemetry: openTelemetry() });
    sdk.spans();
    await client.get('/').json();
    const [span] = sdk.spans();
    assert.equal(span!.attributes['network.protocol.version'], '2');
    assert.equal(seen[0]!.traceparent, traceparentOf(span));
  });
});

describe('JSON-RPC', () => {
  it('has a span and a length for each call, by its method and the code of its error', async (t) => {
    const node = await aNode(
      t,
      each(({ id, method }) => (method === 'echo' ? bad(id, -32602, 'secret words') : ok(id, 1))),
    );
    const rpc = anRpc(t, [node], { telemetry: openTelemetry() });
    sdk.spans();
    await rpc.call('read');
    await assert.rejects(rpc.call('echo', ['secret']), { code: -32602 });

    const spans = sdk.spans();
    assert.deepEqual(spans.map(told), [
      ['read', undefined, undefined],
      ['echo', '-32602', '-32602'],
    ]);
    assert.equal(spans[0]!.attributes['rpc.system.name'], 'jsonrpc');
    assert.equal(spans[0]!.attributes['keepwarm.endpoint'], 'a');
    assert.deepEqual(
      node.messages.map(({ headers }) => headers.traceparent),
      spans.map(traceparentOf),
    );
    assert(!JSON.stringify(spans.map(({ attributes, events }) => [attributes, events])).includes('secret'));
    assert.deepEqual(await rpcDurations('jsonrpc'), [
      ['read', undefined, 1],
      ['echo', '-32602', 1],
    ]);
  });

  it('shows where else a call went, and that it waited for a limit', async (t) => {
    const ill = await aNode(
      t,
      each(({ id }) => bad(id, -32603)),
    );
    const well = await aNode(t);
    const rateLimit = { limit: 1, windowMs: 60 };
    const rpc = anRpc(t, [ill, well], {
      telemetry: openTelemetry(),
      endpoints: [
        { url: ill.url, name: 'ill', priority: 0 },
        { url: well.url, name: 'well', priority: 1, rateLimit },
      ],
      retry: { baseMs: 1, capMs: 2 },
    });
    sdk.spans();
    await Promise.all([rpc.call('head'), rpc.call('read')]);
    const spans = sdk.spans();
    const calls = spans.filter(({ attributes }) => attributes['keepwarm.sent'] !== undefined);
    assert.equal(calls.length, 2);
    for (const call of calls) {
      assert.equal(call.attributes['keepwarm.endpoint'], 'well');
      const resent = spans.filter(({ parentSpanContext }) => parentSpanContext?.spanId === call.spanContext().spanId);
      assert.deepEqual(
        resent.map(({ attributes }) => attributes['server.port']),
        [Number(new URL(well.url).port)],
      );
    }
    const events = calls.flatMap(eventsOf);
    assert(events.includes('keepwarm.limit.wait') && events.includes('keepwarm.retry'), events.join());
    assert.equal(sdk.open, 0);
  });
});

describe('gRPC', () => {
  it('has a span and a length for each call of every kind, which end with its status', async (t) => {
    const traceparents: unknown[] = [];
    const heard = (call: { metadata: grpc.Metadata }): void =>
      void traceparents.push(call.metadata.get('traceparent')[0]);
    const { target } = await aServer(t, {
      Unary: {
        kind: 'unary',
        handle: ((call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
          heard(call);
          done(null, call.request);
        }) as grpc.UntypedHandleCall,
      },
      Refused: {
        kind: 'unary',
        handle: ((call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
          heard(call);
          done({ code: 5, details: 'secret words' });
        }) as grpc.UntypedHandleCall,
      },
      Stream: {
        kind: 'server',
        handle: ((call: grpc.ServerWritableStream<Buffer, Buffer>) => {
          heard(call);
          for (let i = 0; i < 3; i++) call.write(Buffer.from([i]));
          setImmediate(() => call.emit('error', { code: 11, details: 'secret words' }));
        }) as grpc.UntypedHandleCall,
      },
    });
    const client = grpcClient(t, target, { telemetry: openTelemetry() });
    sdk.spans();
    await client.unary(bytes('Unary'), one);
    await assert.rejects(client.unary(bytes('Refused'), one), { status: 'NOT_FOUND' });
    await assert.rejects(all(client.serverStream(bytes('Stream'), one)), { status: 'OUT_OF_RANGE' });

    const spans = sdk.spans();
    assert.deepEqual(spans.map(told), [
      ['raw.Raw/Unary', 'OK', undefined],
      ['raw.Raw/Refused', 'NOT_FOUND', 'NOT_FOUND'],
      ['raw.Raw/Stream', 'OUT_OF_RANGE', 'OUT_OF_RANGE'],
    ]);
    assert.deepEqual(traceparents, spans.map(traceparentOf));
    assert(!JSON.stringify(spans.map(({ attributes, status }) => [attributes, status])).includes('secret'));
    assert.deepEqual(await rpcDurations('grpc'), [
      ['raw.Raw/Unary', 'OK', 1],
      ['raw.Raw/Refused', 'NOT_FOUND', 1],
      ['raw.Raw/Stream', 'OUT_OF_RANGE', 1],
    ]);
    assert.equal(sdk.open, 0);
  });

  it('is told of by a pool as well, whose connections and starts are counted', async (t) => {
    const { target } = await aServer(t);
    const connectionRate = { limit: 60, windowMs: 50 };
    const pool = createGrpcPool({ target, telemetry: openTelemetry(), connectionRate });
    t.after(() => pool.destroy());
    const lease = await pool.lease('monitor');
    sdk.spans();
    await assert.rejects(lease.client.unary(bytes('None'), one), { status: 'UNIMPLEMENTED' });
    assert.deepEqual(sdk.spans().map(told), [['raw.Raw/None', 'UNIMPLEMENTED', 'UNIMPLEMENTED']]);
    const metrics = await sdk.metrics();
    assert.equal(metrics.get('keepwarm.grpc_pool_connections_opened')?.at(-1)?.value, 1);
    assert.equal(metrics.get('keepwarm.starts_granted')?.at(-1)?.value, 1);
    lease.release();
  });
});

describe('whatever becomes of calls', () => {
  it('every span ends, once, and nothing is counted as under way', async () => {
    const server = createHostile();
    const origin = await server.listening;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...FATES), { maxLength: 12 }),
        fc.boolean(),
        async (fates, abruptly) => {
          sdk.spans();
          const telemetry = openTelemetry({ attemptSpans: 'every', attributes: { of: 'walk' } });
          const hedge = { delayMsMin: 2, delayMsMax: 5, countMin: 1 };
          const retry = { baseMs: 1, capMs: 2 };
          const client = createClient({ origin, telemetry, retry, hedge, breaker: false, pool: { socketsMax: 3 } });
          const done = fates.map(async (fate) => {
            const reply = await client.get(`/${fate}`, { deadlineMs: 60, ...signalOf(fate) });
            if (fate === 'dropped') return reply.discard();
            if (fate !== 'unread') await reply.text();
          });
          if (abruptly) client.destroy();
          await Promise.allSettled(done);
          await client.close({ deadlineMs: 100 });
          const spans = sdk.spans();
          assert.equal(sdk.open, 0, 'no span is left');
          assert.equal(new Set(spans.map((span) => span.spanContext().spanId)).size, spans.length, 'each once');
          assert.equal(spans.filter(({ parentSpanContext }) => parentSpanContext === undefined).length, fates.length);
          const active = (await sdk.metrics()).get('http.client.active_requests') ?? [];
          for (const { attributes, value } of active) if (attributes.of === 'walk') assert.equal(value, 0);
          telemetry.close();
        },
      ),
      { numRuns: 20 },
    );
    server.close();
  });
});

const FATES = ['well', 'hangs', 'lost', 'half', 'unread', 'dropped', 'aborted', 'ill', 'redirected'] as const;

function signalOf(fate: (typeof FATES)[number]): { readonly signal?: AbortSignal } {
  return fate === 'aborted' ? { signal: AbortSignal.timeout(8) } : {};
}

function createHostile() {
  const server = http.createServer(({ url = '' }, response) => {
    const fate = url.slice(1) as (typeof FATES)[number];
    if (fate === 'hangs' || fate === 'aborted') return;
    if (fate === 'lost') return void response.socket!.destroy();
    if (fate === 'redirected') return void response.writeHead(302, { location: '/well' }).end();
    if (fate === 'half') {
      response.write('x'.repeat(100_000));
      return void setTimeout(() => response.socket!.destroy(), 3);
    }
    if (fate === 'unread' || fate === 'dropped') return void response.end('x'.repeat(300_000));
    response.writeHead(fate === 'ill' ? 503 : 200).end('{}');
  });
  const listening = new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  });
  return { listening, close: () => server.close().closeAllConnections() };
}
