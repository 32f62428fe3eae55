/** A wish to go on in HTTP/2 or in anything else that is not taken up: the request is served, as is what follows it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { httpServer, Opened, startGateway, type TestGateway, until } from './fixtures.ts';

const H2C = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n';
const HOST = 'Host: x\r\n';
const NEXT = `GET /api/next HTTP/1.1\r\n${HOST}\r\n`;

describe('an Upgrade that is not taken up', () => {
  const opened = new Opened();
  const asked: string[] = [];
  let gateway: TestGateway;
  before(async () => {
    const note = (request: IncomingMessage, body: string) => {
      const { method, url, headers } = request;
      asked.push(`${method} ${url} ${body.length} ${headers.upgrade ?? '-'} ${headers['http2-settings'] ?? '-'}`);
    };
    const api = opened.add(
      await httpServer((request, response) => {
        let body = '';
        request.on('data', (chunk) => (body += chunk)).on('end', () => response.end(body));
        request.on('end', () => note(request, body));
      }),
    );
    gateway = opened.add(await startGateway({ api: { origin: api.origin } }));
  });
  after(() => opened.closeAll());

  /** What an API sees of so many requests in one connection, the parts of which are written one by one. */
  async function seen(count: number, ...parts: string[]): Promise<string[]> {
    asked.length = 0;
    const socket = connect(gateway.port, '127.0.0.1');
    let said = '';
    socket.on('data', (bytes) => (said += bytes.toString('latin1')));
    for (const part of parts) {
      socket.write(part, 'latin1');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await until(() => said.split('HTTP/1.1 200 OK').length === count + 1);
    socket.destroy();
    return [...asked];
  }

  const get = `GET /api/a HTTP/1.1\r\n${HOST}${H2C}\r\n`;
  const post = (more: string) => `POST /api/a HTTP/1.1\r\n${HOST}${H2C}${more}\r\n\r\n`;
  const chunked = `${post('Transfer-Encoding: chunked')}5\r\nhello\r\n0\r\n\r\n`;
  for (const [what, parts, first] of [
    ['a request without a body', [get + NEXT], 'GET /a 0 - -'],
    ['one with a body', [`${post('Content-Length: 5')}hello${NEXT}`], 'POST /a 5 - -'],
    ['a body that comes later', [post('Content-Length: 5'), `hello${NEXT}`], 'POST /a 5 - -'],
    ['a body in two parts', [`${post('Content-Length: 5')}he`, `llo${NEXT}`], 'POST /a 5 - -'],
    ['a chunked body', [chunked + NEXT], 'POST /a 5 - -'],
    ['half of the next', [get + NEXT.slice(0, 9), NEXT.slice(9)], 'GET /a 0 - -'],
    [
      'a WebSocket that is no GET',
      [`${post('Content-Length: 2').replace('h2c', 'websocket')}hi${NEXT}`],
      'POST /a 2 - -',
    ],
  ] as const) {
    it(`is served, and so is what a client sends behind it: ${what}`, async () => {
      // Both are upstream at once: which of them first is not said.
      assert.deepEqual((await seen(2, ...parts)).sort(), ['GET /next 0 - -', first].sort());
    });
  }

  it('is served again and again in one connection, and leaves nothing behind on it', async () => {
    const warnings: Error[] = [];
    const heard = (warning: Error) => warnings.push(warning);
    process.on('warning', heard);
    const socket = connect(gateway.port, '127.0.0.1');
    for (let i = 0; i < 30; i++) {
      socket.write(get);
      await once(socket, 'data');
    }
    socket.destroy();
    process.off('warning', heard);
    assert.deepEqual(warnings, []);
  });

  it('behind a request that waits is served, and its connection closed, as what follows is not known', async () => {
    const socket = connect(gateway.port, '127.0.0.1');
    let said = '';
    socket.on('data', (bytes) => (said += bytes.toString('latin1')));
    socket.write(NEXT + get + NEXT);
    await once(socket, 'close');
    assert.deepEqual(said.match(/HTTP\/1\.1 \d+|connection: close/gi), [
      'HTTP/1.1 200',
      'HTTP/1.1 200',
      'Connection: close',
    ]);
  });

  it('is what curl --http2 sends in the clear: it keeps its connection, whatever it sends', async () => {
    asked.length = 0;
    const url = `${gateway.url}/api`;
    const each = [
      '--http2',
      '-sS',
      '-m',
      '60',
      '-o',
      '/dev/null',
      '-w',
      '%{http_version} %{http_code} %{num_connects}\n',
    ];
    const large = ['--data-binary', 'x'.repeat(100_000), `${url}/large`];
    const calls = [
      [`${url}/a`],
      ['-d', 'hello', `${url}/b`],
      large,
      ['-H', 'Expect: 100-continue', '-d', 'hi', `${url}/c`],
    ];
    const words = calls.flatMap((call, i) => [...(i > 0 ? ['--next'] : []), ...each, ...call]);
    const curl = spawn('curl', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    curl.stdout.on('data', (chunk) => (out += chunk));
    const [code] = await once(curl, 'close');
    assert.deepEqual([code, out], [0, '1.1 200 1\n1.1 200 0\n1.1 200 0\n1.1 200 0\n']);
    assert.deepEqual(asked, ['GET /a 0 - -', 'POST /b 5 - -', 'POST /large 100000 - -', 'POST /c 2 - -']);
  });
});
