import assert from 'node:assert/strict';
import { connect, constants } from 'node:http2';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { until } from './fixtures.ts';
import { aCaller, aGrpcGateway, anEchoServer, ask, KINDS, type Kind } from './grpc-callers.ts';

function metadataOf(fields: Readonly<Record<string, string | Buffer>>): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [name, value] of Object.entries(fields)) metadata.add(name, value);
  return metadata;
}

const messagesFor = (kind: Kind, bytes: Buffer): Buffer[] =>
  kind === 'bidi' || kind === 'client' ? [bytes, bytes] : [bytes];
const echoed: Readonly<Record<Kind, number>> = { unary: 1, client: 2, server: 3, bidi: 2 };

describe('any call of gRPC through the gateway', () => {
  for (const kind of KINDS) {
    it(`${kind}: messages, metadata both ways, binary included, and the status`, async (t) => {
      const { target, seen } = await anEchoServer(t);
      const { port } = await aGrpcGateway(t, target, { token: 'of-the-provider' });
      const client = aCaller(t, port);
      const bytes = Buffer.alloc(100_000, 'keepwarm');
      const binary = Buffer.from([0, 1, 255, 44]);
      const metadata = metadataOf({ 'x-back': 'there and back', 'x-back-bin': binary, 'x-token': 'of-the-caller' });
      const { messages, headers, status } = await ask(client, kind, messagesFor(kind, bytes), metadata);
      assert.equal(status.code, grpc.status.OK);
      assert.equal(Buffer.concat(messages).length, bytes.length * echoed[kind]);
      assert.deepEqual(headers?.get('x-back'), ['there and back']);
      assert.deepEqual(status.metadata.get('x-back-bin'), [binary]);
      const [call] = seen.calls;
      assert.deepEqual(call!.metadata.get('x-token'), ['of-the-provider'], 'tokens of callers stay here');
    });

    it(`${kind}: every status with its message and trailers, also where there is nothing else`, async (t) => {
      const { target } = await anEchoServer(t);
      const { port } = await aGrpcGateway(t, target);
      const client = aCaller(t, port);
      for (let code = 1; code <= 16; code++) {
        const metadata = metadataOf({ 'x-status': String(code), 'x-back': 'why' });
        const { status } = await ask(client, kind, messagesFor(kind, Buffer.from('a')), metadata);
        assert.equal(status.code, code);
        assert.match(status.details, /as asked ☺ %/);
        assert.deepEqual(status.metadata.get('x-back'), ['why']);
      }
    });

    it(`${kind}: deadlines are told upstream, and cancelling here cancels there`, async (t) => {
      const { target, seen } = await anEchoServer(t);
      const { port } = await aGrpcGateway(t, target);
      const client = aCaller(t, port);
      const silent = metadataOf({ 'x-silent': '1', 'x-open': '1' });
      const late = await ask(client, kind, [Buffer.from('a')], silent, { deadline: Date.now() + 1_500 });
      assert.equal(late.status.code, grpc.status.DEADLINE_EXCEEDED);
      assert.notEqual(seen.calls[0]!.deadline, Number.POSITIVE_INFINITY);
      await until(() => seen.cancelled === 1, 'the call upstream has ended');
      const call = ask(client, kind, [Buffer.from('a')], silent);
      await until(() => seen.calls.length === 2, 'it is upstream');
      call.cancel();
      assert.equal((await call).status.code, grpc.status.CANCELLED);
      await until(() => seen.cancelled === 2, 'it is cancelled upstream');
    });
  }

  it('large messages pass, and those beyond the limit are refused by name', async (t) => {
    const { target } = await anEchoServer(t);
    const { port } = await aGrpcGateway(t, target, { messageBytesMax: 8_000_000 });
    const client = aCaller(t, port);
    const large = await ask(client, 'unary', [Buffer.alloc(8_000_000, 1)]);
    assert.equal(large.messages[0]!.length, 8_000_000);
    const larger = await ask(client, 'unary', [Buffer.alloc(8_000_001, 1)]);
    assert.equal(larger.status.code, grpc.status.RESOURCE_EXHAUSTED);
    assert.match(larger.status.details, /messageBytesMax/);
  });

  it('a caller that does not read stops the server, and nobody else', async (t) => {
    const { target } = await anEchoServer(t);
    const { port, gateway } = await aGrpcGateway(t, target);
    const stalled = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
    t.after(() => stalled.destroy());
    const call = stalled.request({
      ...{ ':method': 'POST', ':path': '/echo.Echo/bidi', 'content-type': 'application/grpc', te: 'trailers' },
    });
    call.on('error', () => undefined);
    const frame = Buffer.concat([Buffer.from([0, 0, 1, 0, 0]), Buffer.alloc(65_536, 7)]);
    let written = 0;
    const more = setInterval(() => {
      if (!call.writableNeedDrain && written < 200) written += Number(call.write(frame)) + 1;
    }, 1);
    await sleep(500);
    clearInterval(more);
    assert.ok(gateway.grpc.all[0]!.told().callers.inFlight === 1);
    const quick = await ask(aCaller(t, port), 'unary', [Buffer.from('hi')]);
    assert.equal(quick.status.code, grpc.status.OK);
    assert.ok(call.writableLength > 0 || written < 200, 'it is held up');
  });
});

describe('who may come in', () => {
  it('a token that is not of this gateway is refused, and never sent on', async (t) => {
    const { target, seen } = await anEchoServer(t);
    const { port } = await aGrpcGateway(t, target, { tokens: ['first-token', 'second-token'] });
    const client = aCaller(t, port);
    for (const token of ['first-token', 'second-token']) {
      const { status } = await ask(client, 'unary', [Buffer.from('a')], metadataOf({ 'x-token': token }));
      assert.equal(status.code, grpc.status.OK);
    }
    for (const fields of [{}, { 'x-token': 'first-toke' }, { 'x-token': 'FIRST-TOKEN' }]) {
      const { status } = await ask(client, 'unary', [Buffer.from('a')], metadataOf(fields));
      assert.equal(status.code, grpc.status.UNAUTHENTICATED);
    }
    assert.equal(seen.calls.length, 2);
    assert.deepEqual(seen.calls[0]!.metadata.get('x-token'), []);
  });

  it('what is no gRPC gets an answer of HTTP', async (t) => {
    const { port } = await aGrpcGateway(t, 'http://127.0.0.1:9');
    const session = connect(`http://127.0.0.1:${port}`);
    t.after(() => session.destroy());
    const status = await new Promise((resolve) => {
      session.request({ ':path': '/' }).on('response', (headers) => resolve(headers[constants.HTTP2_HEADER_STATUS]));
    });
    assert.equal(status, 415);
  });

  it('an upstream that is not there is UNAVAILABLE, and so is its health', async (t) => {
    const { port, admin } = await aGrpcGateway(t, 'http://127.0.0.1:9', { pool: { waitMs: 2_000, backoffMs: 10 } });
    const call = ask(aCaller(t, port), 'unary', [Buffer.from('a')]);
    await sleep(100);
    const health = await fetch(`${admin}/api/grpc-pool/health`);
    assert.equal(health.status, 503, 'while a call waits for a connection');
    const { status } = await call;
    assert.ok([grpc.status.UNAVAILABLE, grpc.status.INTERNAL].includes(status.code), status.details);
  });

  it('tells its pool, its callers and the figures of a dashboard', async (t) => {
    const { target } = await anEchoServer(t);
    const { port, admin } = await aGrpcGateway(t, target, { token: 'the-secret-of-upstream' });
    await ask(aCaller(t, port), 'unary', [Buffer.from('a')]);
    const texts = await Promise.all(
      ['grpc-pool/stats', 'grpc-pool/health', 'dashboard/metrics', 'stats'].map(async (path) => {
        const answer = await fetch(`${admin}/api/${path}`);
        assert.equal(answer.status, 200, path);
        return answer.text();
      }),
    );
    assert.equal(JSON.parse(texts[0]!).callers.calls, 1);
    assert.equal(JSON.parse(texts[2]!).grpcPool.connections, 1);
    assert.equal(JSON.parse(texts[3]!).grpc[0].name, 'up');
    assert.ok(texts.every((text) => !text.includes('the-secret-of-upstream')));
  });
});
