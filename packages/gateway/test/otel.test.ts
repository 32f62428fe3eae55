import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata } from '@grpc/grpc-js';
import type { Snapshot } from '../src/admin/snapshot.ts';
import { gatewayProcess } from './command-process.ts';
import { aCaller, anEchoServer, ask, KINDS } from './grpc-callers.ts';

interface Told {
  readonly name: string;
  /** 1 for a server, 2 for a client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent?: string;
}

const SDK = new URL('../../keepwarm/test/telemetry/preload-sdk.ts', import.meta.url).href;
const CALLER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** A gateway before a node of both kinds, with an SDK loaded before it or not; what its node saw, and what it told. */
async function aTracedGateway(t: TestContext, isTraced = true, more: object = {}) {
  const seen: IncomingHttpHeaders[] = [];
  const node = createServer((request, response) => {
    seen.push(request.headers);
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      const id = text.startsWith('{"jsonrpc"') ? JSON.parse(text).id : undefined;
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id, result: '0x1' }));
    });
  });
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
  t.after(() => node.close().closeAllConnections());
  const origin = `http://127.0.0.1:${(node.address() as AddressInfo).port}`;
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-otel-'));
  const file = join(folder, 'spans');
  const { NODE_OPTIONS = '' } = process.env;
  if (isTraced) Object.assign(process.env, { NODE_OPTIONS: `${NODE_OPTIONS} --import ${SDK}`, SPANS_FILE: file });
  const upstreams = {
    api: { origin: `${origin}/key-that-is-secret` },
    eth: { jsonrpc: 'evm', endpoints: [{ url: origin }] },
    ...more,
  };
  const gateway = await gatewayProcess(upstreams);
  Object.assign(process.env, { NODE_OPTIONS });
  t.after(async () => {
    await gateway.close();
    rmSync(folder, { recursive: true });
  });
  return {
    seen,
    data: gateway.data,
    admin: gateway.admin,
    async spans(count: number): Promise<Told[]> {
      for (let waited = 0; waited < 5_000; waited += 20) {
        const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
        if (lines.length >= count) return lines.map((line) => JSON.parse(line) as Told);
        await sleep(20);
      }
      throw new Error(`there are not ${count} spans`);
    },
  };
}

describe('a gateway with an SDK of OpenTelemetry', () => {
  it("goes on with its caller's trace: a span for what comes in, and in it one for what is sent", async (t) => {
    const { seen, data, spans } = await aTracedGateway(t);
    const caller = { headers: { traceparent: CALLER } };
    await (await fetch(`${data}/api/users?token=secret`, caller)).text();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'eth_chainId' });
    await (await fetch(`${data}/eth`, { ...caller, method: 'POST', body })).text();

    const all = (await spans(4)).filter(({ traceId }) => traceId === CALLER.split('-')[1]);
    const served = all.filter(({ kind }) => kind === 1);
    const sent = all.filter(({ kind }) => kind === 2);
    assert.deepEqual(
      served.map(({ name, parent, attributes }) => [
        name,
        parent,
        attributes['keepwarm.upstream'],
        attributes['http.response.status_code'],
      ]),
      [
        ['GET', CALLER.split('-')[2], 'api', 200],
        ['POST', CALLER.split('-')[2], 'eth', 200],
      ],
    );
    assert.deepEqual(
      sent.map(({ name, parent }) => [name, parent]),
      [
        ['GET', served[0]!.spanId],
        ['eth_chainId', served[1]!.spanId],
      ],
    );
    const carried = seen.map(({ traceparent }) => String(traceparent).split('-')[2]);
    for (const { spanId } of sent) assert(carried.includes(spanId), 'the node is told of the span that sent it');
    assert(!JSON.stringify(all).includes('secret'));
  });

  it('goes on with the trace of a caller that speaks gRPC, for every kind of call and every end of it', async (t) => {
    const { target, seen } = await anEchoServer(t);
    const rpc = { grpc: 'any', target, listen: '127.0.0.1:0', connectionRate: 'unlimited' };
    const { admin, spans } = await aTracedGateway(t, true, { rpc });
    const { grpc: told } = (await (await fetch(`http://${admin}/api/stats?sockets=0`)).json()) as Snapshot;
    const client = aCaller(t, Number(told[0]!.address!.split(':')[1]));
    const metadata = new Metadata();
    metadata.set('traceparent', CALLER);
    for (const kind of KINDS) await ask(client, kind, [Buffer.from('a')], metadata);
    metadata.set('x-status', '13');
    await ask(client, 'unary', [Buffer.from('secret')], metadata);
    metadata.set('x-silent', '1');
    await ask(client, 'unary', [Buffer.from('a')], metadata, { deadline: Date.now() + 1_500 });

    const ofTrace = (all: Told[]) => all.filter(({ traceId }) => traceId === CALLER.split('-')[1]);
    const all = ofTrace(await spans(12));
    const served = all.filter(({ kind }) => kind === 1);
    const sent = all.filter(({ kind }) => kind === 2);
    assert.deepEqual(
      served.map(({ name, parent, attributes }) => [name, parent, attributes['keepwarm.upstream']]),
      [...KINDS, 'unary', 'unary'].map((kind) => [`echo.Echo/${kind}`, CALLER.split('-')[2], 'rpc']),
    );
    assert.deepEqual(
      served.slice(0, 5).map(({ attributes }) => [attributes['rpc.status_code'], attributes['error.type']]),
      [...KINDS.map(() => ['OK', undefined]), ['INTERNAL', 'INTERNAL']],
    );
    assert.deepEqual(new Set(sent.map(({ parent }) => parent)), new Set(served.map(({ spanId }) => spanId)));
    for (const { metadata: heard } of seen.calls) {
      const carried = heard.get('traceparent').map(String);
      assert.equal(carried.length, 1, 'one word for one trace');
      assert(sent.some(({ spanId }) => carried[0]!.split('-')[2] === spanId));
    }
    assert(!JSON.stringify(all).includes('secret'));
  });

  it('passes the fields of callers on as they came where there is none', async (t) => {
    const { seen, data } = await aTracedGateway(t, false);
    await (await fetch(`${data}/api/users`, { headers: { traceparent: CALLER } })).text();
    assert(seen.some(({ traceparent }) => traceparent === CALLER));
  });
});
