/** What undici's callers are told besides the reply itself: interim replies and trailers, over both protocols. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { keepwarmDispatcher } from 'keepwarm/undici';
import { Agent, fetch, request, stream } from 'undici';
import { chunk, inOrder, type Step, send } from '../../src/testing/faulty-steps.ts';
import { leavesNothing } from '../engine/setup.ts';
import { aDispatcher, thrownBy } from './undici-setup.ts';

leavesNothing();

const script: Step = inOrder(
  send('HTTP/1.1 102 Processing\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n'),
  send('HTTP/1.1 200 OK\r\nX-Final: yes\r\nTransfer-Encoding: chunked\r\n\r\n', chunk('body'), '0\r\nX-Sum: 4\r\n\r\n'),
);

async function overHttp1(t: TestContext) {
  const { server, dispatcher } = await aDispatcher(t, script);
  return { origin: server.origin, dispatcher };
}

async function overHttp2(t: TestContext) {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.additionalHeaders({ ':status': 102 });
    stream.additionalHeaders({ ':status': 103, link: ['</a>', '</b>'] });
    stream.respond({ ':status': 200, 'x-final': 'yes' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '4' }));
    stream.end('body');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const dispatcher = keepwarmDispatcher({ http2: 'prior-knowledge' });
  t.after(async () => {
    await dispatcher.destroy();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, dispatcher };
}

for (const [name, over] of Object.entries({ 'HTTP/1.1': overHttp1, 'HTTP/2': overHttp2 })) {
  describe(`over ${name}`, () => {
    it('request and stream hear of interim replies through onInfo, and of trailers', async (t) => {
      const { origin, dispatcher } = await over(t);
      const heard: unknown[] = [];
      const onInfo = ({ statusCode, headers }: { statusCode: number; headers: Record<string, unknown> }) =>
        void heard.push([statusCode, headers['link']]);
      const { statusCode, headers, body, trailers } = await request(origin, { dispatcher, onInfo });
      assert.equal(await body.text(), 'body');
      assert.deepEqual([statusCode, headers['x-final'], { ...trailers }], [200, 'yes', { 'x-sum': '4' }]);
      assert.deepEqual(heard, [
        [102, undefined],
        [103, ['</a>', '</b>']],
      ]);
      const sink = () => new Writable({ write: (_chunk, _coding, done) => done() });
      const data = await stream(origin, { method: 'GET', dispatcher, onInfo }, sink);
      assert.deepEqual([{ ...data.trailers }, heard.length], [{ 'x-sum': '4' }, 4]);
    });

    it('fetch, of undici and of Node, gets the final reply', async (t) => {
      const { origin, dispatcher } = await over(t);
      for (const get of [fetch, globalThis.fetch as unknown as typeof fetch]) {
        const response = await get(origin, { dispatcher });
        assert.deepEqual([response.status, response.headers.get('link'), await response.text()], [200, null, 'body']);
      }
    });

    it('a handler that throws at an interim reply fails its call, and no other', async (t) => {
      const { origin, dispatcher } = await over(t);
      const onInfo = () => {
        throw new Error('not this one');
      };
      assert.match((await thrownBy(request(origin, { dispatcher, onInfo }))).message, /not this one/);
      assert.equal(await (await request(origin, { dispatcher })).body.text(), 'body');
    });
  });
}

it('a handler hears the same, in the same order, as from undici', async (t) => {
  const { origin, dispatcher } = await overHttp1(t);
  const agent = new Agent();
  t.after(() => agent.destroy());
  const heardFrom = (through: { dispatch: Agent['dispatch'] }): Promise<string[]> =>
    new Promise((resolve, reject) => {
      const heard: string[] = [];
      through.dispatch(
        { origin, path: '/', method: 'GET' },
        {
          onRequestStart: () => void heard.push('start'),
          onResponseStart: (controller, status, headers, text) =>
            void heard.push(`${status} ${text} ${JSON.stringify(headers)} ${String(controller.rawHeaders)}`),
          onResponseData: (_, piece) => void heard.push(`data ${piece}`),
          onResponseEnd: (controller, trailers) => {
            heard.push(`end ${JSON.stringify(trailers)} ${String(controller.rawTrailers)}`);
            resolve(heard);
          },
          onResponseError: (_, error) => reject(error),
        },
      );
    });
  assert.deepEqual(await heardFrom(dispatcher), await heardFrom(agent));
});
