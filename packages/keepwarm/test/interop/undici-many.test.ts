/** Many dispatches one after another and at once: what they share, so as to cost little, never shows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as undici from 'undici';
import { Turns } from '../../src/core/turns.ts';
import { answer, type Step } from '../../src/testing/faulty-steps.ts';
import { leavesNothing } from '../engine/setup.ts';
import { aDispatcher } from './undici-setup.ts';

leavesNothing();

const silence: Step = async (request) => void (await request.body);

/** Its path, or nothing at all. */
const byPath: Step = (request, connection) =>
  (request.path.startsWith('/silent') ? silence : answer(request.path))(request, connection);

type Controller = undici.Dispatcher.DispatchController;

interface Heard {
  readonly controller: Controller;
  readonly outcome: Promise<string>;
}

/** What was heard by the end, and by which controller it was dispatched. */
function dispatched(dispatcher: undici.Dispatcher, origin: string, path: string): Heard {
  let controller: Controller | undefined;
  const outcome = new Promise<string>((resolve) => {
    let heard = '';
    dispatcher.dispatch(
      { origin, path, method: 'GET' },
      {
        onRequestStart: (given) => {
          controller = given;
        },
        onResponseStart() {},
        onResponseData: (_, bytes) => {
          heard += bytes.toString();
        },
        onResponseEnd: () => resolve(heard),
        onResponseError: (_, error) => resolve(error.message),
      },
    );
  });
  return { controller: controller!, outcome };
}

describe('many dispatches', () => {
  it('end each by its own controller: one that is over ends none of those that come after it', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, byPath, { pool: { socketsMax: 4 } });
    const over: Controller[] = [];
    for (let round = 0; round < 40; round++) {
      const all = ['/a', '/b', '/silent', '/c'].map((path) => dispatched(dispatcher, server.origin, path + round));
      for (const controller of over.splice(0)) controller.abort(new Error('late'));
      const [a, b, silent, c] = all as [Heard, Heard, Heard, Heard];
      assert.equal(await a.outcome, `/a${round}`);
      silent.controller.abort(new Error(`enough of ${round}`));
      assert.equal(await silent.outcome, `enough of ${round}`);
      assert.deepEqual([await b.outcome, await c.outcome], [`/b${round}`, `/c${round}`]);
      over.push(...all.map(({ controller }) => controller));
    }
  });

  it('may be begun, and ended, within what one of them is told last', async (t) => {
    const { server, dispatcher } = await aDispatcher(t, byPath, { pool: { socketsMax: 2 } });
    const heard: string[] = [];
    await new Promise<void>((resolve) => {
      const next = (index: number): void => {
        const handler: undici.Dispatcher.DispatchHandler = {
          onRequestStart() {},
          onResponseStart() {},
          onResponseData: (_, bytes) => void heard.push(bytes.toString()),
          onResponseEnd: () => {
            if (index === 20) return resolve();
            const { controller, outcome } = dispatched(dispatcher, server.origin, '/silent');
            controller.abort(new Error('at once'));
            outcome.then((message) => assert.equal(message, 'at once'));
            next(index + 1);
          },
          onResponseError: (_, error) => void heard.push(error.message),
        };
        dispatcher.dispatch({ origin: server.origin, path: `/${index}`, method: 'GET' }, handler);
      };
      next(0);
    });
    assert.deepEqual(
      heard,
      Array.from({ length: 21 }, (_, index) => `/${index}`),
    );
  });

  it('get their bytes as they came, whether they are good text or not', async (t) => {
    const bodies: Record<string, Buffer> = {
      '/text': Buffer.from('{"name":"Zoë"}'),
      '/marked': Buffer.from('\ufeff{}'),
      '/broken': Buffer.from([0x22, 0xc3, 0x28, 0xff, 0x22]),
    };
    const { server, dispatcher } = await aDispatcher(t, (request, connection) =>
      answer(bodies[request.path]!, { headers: { 'Content-Type': 'application/json' } })(request, connection),
    );
    for (const [path, bytes] of Object.entries(bodies)) {
      const response = await undici.fetch(server.origin + path, { dispatcher });
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), bytes, path);
    }
  });

  it('have their fields sent, in whatever shape, and those that mean more taken at their word', async (t) => {
    const seen: Record<string, string | undefined>[] = [];
    const { server, dispatcher } = await aDispatcher(t, async (request, connection) => {
      seen.push(request.headers);
      await answer('ok')(request, connection);
    });
    const shapes: undici.Dispatcher.RequestOptions['headers'][] = [
      { 'X-One': '1', Two: '2' },
      ['X-One', '1', 'Two', '2'],
      new Map([
        ['X-One', '1'],
        ['Two', '2'],
      ]),
      { 'X-One': '1', Two: ['2'] },
      { 'X-One': '1', Two: '2', Connection: 'keep-alive' },
      { 'X-One': '1', Two: '2', constructor: undefined },
    ];
    for (const headers of shapes) {
      await (await undici.request(server.origin, { dispatcher, headers: headers! })).body.dump();
    }
    for (const headers of seen) {
      assert.deepEqual([headers['x-one'], headers['two'], headers['connection']], ['1', '2', undefined]);
    }
    const closing = await undici.request(server.origin, { dispatcher, headers: { cOnNection: 'close' } });
    await closing.body.dump();
    assert.equal(seen.at(-1)!['connection'], 'close');
    for (const headers of [{ expect: '100-continue' }, { 'Content-Length': '7' }] as const) {
      await assert.rejects(undici.request(server.origin, { dispatcher, method: 'POST', body: 'four', headers }));
    }
  });
});

describe('tasks of one turn', () => {
  it('are run in their order, once, those added meanwhile a turn later; one that throws keeps no other', (t) => {
    const ends: (() => void)[] = [];
    const failures: (() => void)[] = [];
    t.mock.method(globalThis, 'queueMicrotask', (task: () => void) => void failures.push(task));
    const turns = new Turns((task) => void ends.push(task));
    const run: string[] = [];
    turns.add(() => {
      run.push('first');
      turns.add(() => run.push('later'));
    });
    turns.add(() => {
      throw new Error('of one');
    });
    turns.add(() => run.push('last'));
    assert.equal(ends.length, 1, 'one turn for all of them');
    ends.shift()!();
    assert.deepEqual(run, ['first', 'last']);
    assert.equal(failures.length, 1);
    assert.throws(failures[0]!, /of one/);
    ends.shift()!();
    assert.deepEqual([run, ends.length], [['first', 'last', 'later'], 0]);
  });
});
