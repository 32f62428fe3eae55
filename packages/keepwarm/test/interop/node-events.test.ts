/** What a request of Node's tells its listeners, and in which order, is the same over our agent as over Node's own. */
import assert from 'node:assert/strict';
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as requestHttp,
} from 'node:http';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { FaultyServer } from '../../src/testing/faulty-server.ts';
import { answer, chunk, hangUp, reset, type Step, send } from '../../src/testing/faulty-steps.ts';
import { aServer, leavesNothing, until } from '../engine/setup.ts';
import { theAgents } from './node-setup.ts';

leavesNothing();

/** What one run saw, in order. */
class Log {
  readonly lines: string[] = [];

  hear(name: string, emitter: ClientRequest | IncomingMessage, events: readonly string[]): void {
    for (const event of events) {
      emitter.on(event, (first: unknown) => {
        const told = first instanceof Error ? ` ${(first as NodeJS.ErrnoException).code} ${first.message}` : '';
        this.lines.push(`${name} ${event}${told}`);
      });
    }
  }
}

const OF_REQUEST = ['socket', 'response', 'finish', 'close', 'error', 'abort', 'timeout', 'continue', 'information'];
const OF_RESPONSE = ['end', 'close', 'error', 'aborted'];

interface Run {
  readonly log: Log;
  readonly server: FaultyServer;
  /** Begins a request; its response is read unless `read` does otherwise. */
  begin(options?: RequestOptions, read?: (response: IncomingMessage) => void): ClientRequest;
  /** A request that has nothing more to say. */
  over(request: ClientRequest): Promise<void>;
}

interface Scenario {
  readonly what: string;
  readonly script: Step;
  readonly run: (run: Run) => Promise<void>;
}

const plain: Scenario['run'] = async ({ begin, over }) => {
  await over(begin().end());
  await over(begin().end());
};
const half = send('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n', 'x'.repeat(50_000));
const switching = send('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nfirst');
const POST = { method: 'POST', headers: { 'content-length': 4 } };

const SCENARIOS: readonly Scenario[] = [
  { what: 'two answers on one connection', script: answer('ok'), run: plain },
  { what: 'answers that end the connection', script: answer('ok', { headers: { connection: 'close' } }), run: plain },
  { what: 'bodies that end with the connection', script: answer('ok', { framing: 'close' }), run: plain },
  { what: 'no answer but an end', script: hangUp, run: plain },
  { what: 'no answer but a reset', script: reset, run: plain },
  { what: 'an answer that is none', script: send('nonsense\r\n\r\n'), run: plain },
  {
    what: 'bodies that are cut short',
    script: (request, connection) =>
      request.path === '/length'
        ? connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf')
        : connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk('half')}`),
    run: async ({ begin, over, server }) => {
      for (const path of ['/length', '/chunks']) {
        for (const how of ['end', 'reset'] as const) {
          const read = (response: IncomingMessage): void => {
            response.once('data', () => server.connections.at(-1)![how]());
          };
          await over(begin({ path }, read).end());
        }
      }
    },
  },
  {
    what: 'a body it waits to be asked for',
    script: async (request, connection) => {
      await connection.send('HTTP/1.1 100 Continue\r\n\r\n');
      await answer('ok')(request, connection);
    },
    run: async ({ begin, over }) => {
      const request = begin({ ...POST, headers: { ...POST.headers, expect: '100-continue' } });
      request.on('continue', () => request.end('body'));
      request.flushHeaders();
      await over(request);
    },
  },
  {
    what: 'hints before the answer, and trailers after it',
    script: send(
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      '2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n',
    ),
    run: async ({ begin, over, log }) => {
      const read = (response: IncomingMessage): void => {
        response.resume().on('end', () => log.lines.push(JSON.stringify(response.trailers)));
      };
      const request = begin({}, read).on('information', ({ statusCode, headers }) => {
        log.lines.push(`${statusCode} ${JSON.stringify(headers)}`);
      });
      await over(request.end());
    },
  },
  {
    what: 'an upgrade',
    script: switching,
    run: async ({ begin, over, log }) => {
      const headers = { connection: 'upgrade', upgrade: 'chat' };
      const request = begin({ headers }).on('upgrade', (_response, socket: Socket, first: Buffer) => {
        log.lines.push(`upgraded: ${first}`);
        socket.destroy();
      });
      await over(request.end());
    },
  },
  {
    what: 'an upgrade nobody listens to',
    script: switching,
    run: ({ begin, over }) => over(begin({ headers: { connection: 'upgrade', upgrade: 'chat' } }).end()),
  },
  {
    what: 'a tunnel that is refused',
    script: send('HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n'),
    run: async ({ begin, over, log }) => {
      const request = begin({ method: 'CONNECT', path: 'example.com:443' });
      request.on('connect', ({ statusCode }, socket: Socket) => {
        log.lines.push(`connect ${statusCode}`);
        socket.destroy();
      });
      await over(request.end());
    },
  },
  {
    what: 'a response destroyed in the middle, with a reason, without one, and at once',
    script: half,
    run: async ({ begin, over }) => {
      await over(begin({}, (response) => response.once('data', () => response.destroy(new Error('enough')))).end());
      await over(begin({}, (response) => response.once('data', () => response.destroy())).end());
      await over(begin({}, (response) => void response.destroy()).end());
      await over(begin({}, (response) => response.once('data', () => response.socket.destroy())).end());
    },
  },
  {
    what: 'a request destroyed before it had a socket',
    script: answer('ok'),
    run: async ({ begin, over }) => {
      await over(begin().destroy());
      await over(begin().destroy(new Error('why')));
      await over(begin({ signal: AbortSignal.abort() }));
    },
  },
  {
    what: 'a request destroyed while it waits for its answer',
    script: async (request) => void (await request.body),
    run: async ({ begin, over, log }) => {
      const sent = (): boolean => log.lines.filter((line) => line === 'request finish').length > count;
      let count = 0;
      for (const give of ['abort', 'destroy', 'signal'] as const) {
        const aborting = new AbortController();
        const request = begin({ signal: aborting.signal }).end();
        await until(sent, 'it was sent');
        if (give === 'signal') aborting.abort();
        else request[give]();
        await over(request);
        count++;
      }
    },
  },
  {
    what: 'an answer that came before the request was sent',
    script: async (_request, connection) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly'),
    run: async ({ begin, over, log }) => {
      const request = begin(POST);
      request.write('bo');
      await until(() => log.lines.includes('response end'), 'the answer was read');
      request.end('dy');
      await over(request);
    },
  },
];

/** @returns what was heard, and how many connections it took */
async function heard(t: TestContext, { script, run }: Scenario, agent: Agent): Promise<readonly string[]> {
  const server = await aServer(t, { script });
  const log = new Log();
  await run({
    log,
    server,
    begin(options, read = (response) => void response.resume()) {
      const request = requestHttp(server.origin, { agent, ...options });
      log.hear('request', request, OF_REQUEST);
      request.on('socket', () => log.lines.push(request.reusedSocket ? 'a used one' : 'a fresh one'));
      request.on('response', (response) => {
        log.hear('response', response, OF_RESPONSE);
        read(response);
      });
      return request;
    },
    async over(request) {
      const seen = (line: string): number => log.lines.filter((each) => each === line).length;
      const all = (): boolean => seen('response close') === seen('request response');
      await until(() => request.closed && all(), 'the request is over');
      for (let i = 0; i < 3; i++) await turn();
    },
  });
  return [...log.lines, `${server.accepted} connections`];
}

describe('what a request hears over our agent, and when, is what it hears over Node’s', () => {
  for (const scenario of SCENARIOS) {
    it(scenario.what, async (t) => {
      const own = new Agent({ keepAlive: true, scheduling: 'lifo' });
      t.after(() => own.destroy());
      const { httpAgent } = theAgents(t);
      const expected = await heard(t, scenario, own);
      assert.deepEqual(await heard(t, scenario, httpAgent), expected);
    });
  }

  it('and so does who listens to the agent: a socket that is free, and for what', async (t) => {
    const server = await aServer(t, { script: answer('ok') });
    const own = new Agent({ keepAlive: true });
    t.after(() => own.destroy());
    const { httpAgent } = theAgents(t);
    for (const agent of [own, httpAgent]) {
      const freed = new Promise<[Socket, RequestOptions]>((resolve) =>
        agent.once('free', (socket: Socket, options: RequestOptions) => resolve([socket, options])),
      );
      requestHttp(server.origin, { agent }, (response) => void response.resume()).end();
      const [socket, { host, port }] = await freed;
      assert.equal(socket.remotePort, server.port);
      assert.deepEqual([host, Number(port)], ['127.0.0.1', server.port]);
    }
  });
});
