/** Many requests of Node's at once over our agent: what they write goes out together, at the end of a turn. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { answer, type Step, send } from '../../src/testing/faulty-steps.ts';
import { leavesNothing, until } from '../engine/setup.ts';
import { anAgent, ask, type NodePair, start } from './node-setup.ts';

leavesNothing();

const MANY = 20;
const each = <T>(make: (index: number) => T): T[] => Array.from({ length: MANY }, (_, index) => make(index));

/** Says what it was sent, by its length and its first byte. */
const echo: Step = async (request, connection) => {
  const body = await request.body;
  await answer(`${request.method} ${request.path} ${body.length} ${body.subarray(0, 1)}`)(request, connection);
};

/** No socket that rests holds anything back. */
function nothingCorked({ httpAgent }: NodePair): void {
  const sockets = Object.values(httpAgent.freeSockets).flatMap((list) => list ?? []);
  assert(sockets.length > 0);
  assert.deepEqual(new Set(sockets.map(({ writableCorked }) => writableCorked)), new Set([0]));
}

async function answerTo(request: ClientRequest): Promise<string> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return text(response);
}

describe('many requests at once', () => {
  it('arrive whole, however their bodies are written', async (t) => {
    const pair = await anAgent(t, echo, { pool: { socketsMax: MANY } });
    const { server, httpAgent: agent } = pair;
    const letter = (index: number): string => String.fromCharCode(97 + index);
    const bodies: ((request: ClientRequest, index: number) => unknown)[] = [
      (request) => request.end(),
      (request, index) => request.end(letter(index).repeat(9)),
      (request, index) => request.end(Buffer.alloc(300_000, letter(index))),
      (request, index) => request.end(letter(index).repeat(300_000)),
      (request, index) => Readable.from(each(() => Buffer.alloc(20_000, letter(index)))).pipe(request),
      (request, index) => {
        request.flushHeaders();
        setImmediate(() => request.end(letter(index)));
      },
    ];
    const lengths = [0, 9, 300_000, 300_000, MANY * 20_000, 1];
    for (let round = 0; round < 3; round++) {
      const heard = await Promise.all(
        each(async (index) => {
          const request = requestHttp(`${server.origin}/${index}`, { agent, method: 'POST' });
          bodies[index % bodies.length]!(request, index);
          const bytes = lengths[index % bodies.length];
          return (await answerTo(request)) === `POST /${index} ${bytes} ${bytes === 0 ? '' : letter(index)}`;
        }),
      );
      assert(heard.every(Boolean), `round ${round}: ${heard}`);
    }
    assert(server.accepted <= MANY);
    nothingCorked(pair);
  });

  it('are told that their writes are done, and when there is room for more', async (t) => {
    const pair = await anAgent(t, echo, { pool: { socketsMax: MANY } });
    const { server, httpAgent: agent } = pair;
    const piece = Buffer.alloc(100_000, 'x');
    await Promise.all(
      each(async (index) => {
        const request = requestHttp(`${server.origin}/${index}`, { agent, method: 'POST' });
        const answered = answerTo(request);
        for (let i = 0; i < 5; i++) {
          const written = new Promise((resolve) => request.write(piece, resolve));
          await (i % 2 === 0 ? written : request.writableNeedDrain ? once(request, 'drain') : written);
        }
        request.end();
        assert.equal(await answered, `POST /${index} 500000 x`);
      }),
    );
    nothingCorked(pair);
  });

  it('that are given up as soon as they have a socket are never sent, and the others do not notice', async (t) => {
    const seen: string[] = [];
    const leaves = (index: number): boolean => index % 2 === 1 && index > 5; // the first few are written at once
    const { server, httpAgent: agent } = await anAgent(
      t,
      async (request, connection) => {
        seen.push(request.path);
        await answer('ok')(request, connection);
      },
      { pool: { socketsMax: MANY } },
    );
    await Promise.all(each(() => ask(`${server.origin}/warm`, { agent })));
    seen.length = 0;
    const outcomes = await Promise.all(
      each((index) => {
        const request = start(`${server.origin}/${index}`, { agent });
        if (!leaves(index)) return answerTo(request);
        request.once('socket', () => process.nextTick(() => request.destroy()));
        return once(request, 'error').then(([error]) => (error as { code?: string }).code);
      }),
    );
    assert.deepEqual(
      outcomes,
      each((index) => (leaves(index) ? 'ECONNRESET' : 'ok')),
    );
    assert.deepEqual(new Set(seen), new Set(each((index) => (leaves(index) ? '/0' : `/${index}`))));
  });

  it('may be upgraded: what is said on such a socket goes out at once', async (t) => {
    const upgrade: Step = async (request, connection) => {
      await send('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n')(request, connection);
      connection.socket.on('data', (bytes: Buffer) => connection.socket.write(bytes));
      await once(connection.socket, 'close');
    };
    const { server, httpAgent: agent } = await anAgent(t, upgrade, { pool: { socketsMax: MANY } });
    const headers = { connection: 'upgrade', upgrade: 'echo' };
    await Promise.all(
      each(async (index) => {
        const request = start(`${server.origin}/${index}`, { agent, headers });
        const [, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Socket];
        socket.write(`said by ${index}`);
        assert.equal(String((await once(socket, 'data'))[0]), `said by ${index}`);
        assert.equal(socket.writableCorked, 0);
        socket.destroy();
        await once(socket, 'close');
      }),
    );
    await until(() => Object.keys(agent.sockets).length === 0, 'no socket is counted');
  });

  it('are answered in the context they were made in, whoever had the socket before them', async (t) => {
    const { server, httpAgent: agent } = await anAgent(t, echo, { pool: { socketsMax: 2 } });
    const context = new AsyncLocalStorage<number>();
    const heard = await Promise.all(
      each((index) =>
        context.run(
          index,
          () =>
            new Promise<unknown[]>((resolve, reject) => {
              const stores: unknown[] = [];
              const note = (): void => void stores.push(context.getStore());
              const request = start(`${server.origin}/${index}`, { agent });
              request.once('socket', note).once('error', reject);
              request.once('response', (response) => {
                note();
                response.resume().once('end', () => {
                  note();
                  resolve(stores);
                });
              });
            }),
        ),
      ),
    );
    assert.deepEqual(
      heard,
      each((index) => [index, index, index]),
    );
  });
});
