/** Requests that do not wait for the answer to the one before: answered in order, bounded, and none is left behind. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { httpServer, Opened, startGateway, type TestGateway, until } from './fixtures.ts';

const get = (path: string, more = ''): string => `GET /api${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const WEBSOCKET = 'Connection: upgrade\r\nUpgrade: websocket\r\n';

describe('requests in one connection, not waiting for answers', () => {
  const opened = new Opened();
  const held: ServerResponse[] = [];
  const seen: string[] = [];
  let gateway: TestGateway;
  before(async () => {
    const api = opened.add(
      await httpServer((request, response) => {
        request.resume();
        seen.push(request.url!);
        if (request.url === '/begun') response.write('begun ');
        else if (request.url === '/held') held.push(response);
        else response.end('answered');
      }),
    );
    gateway = opened.add(await startGateway({ api: { origin: api.origin, pool: { socketsMax: 200 } } }));
  });
  after(() => opened.closeAll());

  function caller(...parts: string[]): Socket & { said: string; ended: boolean } {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    const told = Object.assign(socket, { said: '', ended: false });
    socket.on('error', () => undefined).on('close', () => (told.ended = true));
    socket.on('data', (bytes) => (told.said += bytes.toString('latin1')));
    for (const part of parts) socket.write(part, 'latin1');
    return told;
  }
  const answer = () => {
    for (const response of held.splice(0)) response.end('held');
  };
  const statuses = (said: string) => Array.from(said.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => status);
  const idle = () => until(() => gateway.gateway.data.inFlight === 0);

  it('a wish to upgrade behind one is a request like any other, in its order', async () => {
    const one = caller(get('/held') + get('/ws', WEBSOCKET));
    await until(() => held.length === 1 && seen.includes('/ws'));
    assert.equal(one.said, '', 'nobody is answered before the first');
    answer();
    await until(() => statuses(one.said).length === 2);
    assert.ok(one.said.indexOf('held') < one.said.indexOf('answered'));
    one.destroy();
    await idle();
  });

  for (const [what, text, status] of [
    ['what is no HTTP', 'GET /api/x HTTP/1.1\r\nHost : x\r\n\r\n', '400'],
    ['a CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n', '405'],
  ] as const) {
    it(`${what} behind one is refused after the answer to that`, async () => {
      const one = caller(get('/held') + text);
      await until(() => held.length === 1);
      assert.equal(one.said, '');
      answer();
      await until(() => one.ended);
      assert.deepEqual(statuses(one.said), ['200', status]);
      await idle();
    });
  }

  it('a body that breaks once its answer has begun cuts that off: no refusal stands in the middle of it', async () => {
    const one = caller('POST /api/begun HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n');
    await until(() => one.said.includes('begun'));
    one.write('zz\r\n');
    await until(() => one.ended);
    assert.deepEqual(statuses(one.said), ['200']);
    assert.ok(!one.said.includes('\r\n0\r\n'), 'nor does it look whole');
    await idle();
  });

  it('are all given up when their caller leaves, those behind the first too', async () => {
    const one = caller(get('/held').repeat(5));
    await until(() => held.length === 5 && gateway.gateway.data.inFlight === 5);
    one.destroy();
    await idle();
    for (const { tenure } of gateway.gateway.upstreams) assert.equal(tenure.held, 0);
    held.length = 0;
  });

  it('are a hundred at most: who sends more is cut off, and costs no more than that', async () => {
    const one = caller(get('/held').repeat(3_000));
    await until(() => one.ended);
    await idle();
    assert.ok(held.length <= 100);
    held.length = 0;
    assert.deepEqual(statuses(await answered(caller(get('/held').repeat(100)))), Array(100).fill('200'));
  });

  async function answered(one: ReturnType<typeof caller>): Promise<string> {
    await until(() => held.length === 100);
    answer();
    await until(() => statuses(one.said).length === 100);
    one.destroy();
    return one.said;
  }
});
