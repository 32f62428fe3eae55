/** What code over our agent is given of a socket's bytes, and keeps: nobody writes over it afterwards. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { answer, chunk, type Step, send } from '../../src/testing/faulty-steps.ts';
import { leavesNothing } from '../engine/setup.ts';
import { anAgent, ask, type NodePair, start } from './node-setup.ts';

leavesNothing();

const LENGTH = 600_000;
const letters = (letter: string): Buffer => Buffer.alloc(LENGTH, letter);

/** The letter in its path, often; `/chunked…` in chunks. */
const script: Step = (request, connection) => {
  const bytes = letters(request.path.at(-1)!);
  return answer(bytes, request.path.startsWith('/chunked') ? { framing: 'chunked' } : {})(request, connection);
};

async function responseOf(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

/** Runs what is kept through everything that could write over it: more replies, on the same connections and others. */
async function othersRead({ server, httpAgent: agent }: NodePair): Promise<void> {
  const paths = ['/x', '/chunked-y', '/z', '/chunked-x', '/y', '/x'];
  await Promise.all(paths.map((path) => ask(server.origin + path, { agent })));
}

const pair = (t: TestContext, more: Record<string, Step> = {}): Promise<NodePair> =>
  anAgent(t, (request, connection) => (more[request.path] ?? script)(request, connection));

describe('bytes over our agent', () => {
  it('are the reader’s own: large bodies kept in pieces stay as they came, chunked or not', async (t) => {
    const all = await pair(t);
    const { server, httpAgent: agent } = all;
    const paths = ['/a', '/chunked-b', '/c', '/chunked-d', '/e', '/f'];
    const kept = await Promise.all(
      paths.map(async (path) => {
        const pieces: Buffer[] = [];
        const response = await responseOf(start(server.origin + path, { agent }));
        response.on('data', (piece: Buffer) => pieces.push(piece));
        await once(response, 'end');
        return pieces;
      }),
    );
    await othersRead(all);
    for (const [index, path] of paths.entries()) {
      assert(Buffer.concat(kept[index]!).equals(letters(path.at(-1)!)), `${path} is as it was sent`);
    }
  });

  it('are everybody’s own who listens to the socket, from its beginning or from the middle of a body', async (t) => {
    const all = await pair(t);
    const { server, httpAgent: agent } = all;
    const early: Buffer[] = [];
    const late: Buffer[] = [];
    const first = start(`${server.origin}/a`, { agent }).once('socket', (socket: Socket) =>
      socket.on('data', (piece: Buffer) => early.push(piece)),
    );
    const second = start(`${server.origin}/b`, { agent });
    const whole = responseOf(first).then(text);
    const response = await responseOf(second);
    const keep = (piece: Buffer): void => void late.push(piece);
    response.once('data', () => response.socket.on('data', keep));
    await Promise.all([whole, text(response)]);
    first.socket!.removeAllListeners('data');
    second.socket!.removeAllListeners('data');
    await othersRead(all);
    const heard = Buffer.concat(early);
    assert(heard.subarray(heard.indexOf('\r\n\r\n') + 4).equals(letters('a')), 'all of it, head and body');
    assert(late.length > 0);
    assert(Buffer.concat(late).every((byte) => byte === 'b'.charCodeAt(0)));
  });

  it('that were no HTTP are shown by the error, and stay what they were', async (t) => {
    const broken = send(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      chunk('x'.repeat(200_000)),
      'not the size of a chunk, but a secret of its own\r\n',
    );
    const all = await pair(t, { '/broken': broken });
    const { server, httpAgent: agent } = all;
    const request = start(`${server.origin}/broken`, { agent });
    const failed = once(request, 'error') as Promise<[Error & { rawPacket: Buffer }]>;
    request.on('response', (response) => response.on('error', () => {}).resume());
    const [{ rawPacket }] = await failed;
    const before = Buffer.from(rawPacket);
    assert(before.includes('a secret of its own'));
    await othersRead(all);
    assert(rawPacket.equals(before));
  });

  it('that follow an upgrade or open a tunnel belong to whoever took the socket over', async (t) => {
    const all = await pair(t, {
      '/chat': send('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n', 'hello '.repeat(1_000)),
      'example.com:443': send('HTTP/1.1 200 Connected\r\n\r\n', 'hello '.repeat(1_000)),
    });
    const { server, httpAgent: agent } = all;
    const headers = { connection: 'upgrade', upgrade: 'chat' };
    const upgraded = once(start(`${server.origin}/chat`, { agent, headers }), 'upgrade');
    const connect = { agent, method: 'CONNECT', path: 'example.com:443' };
    const tunnelled = once(start(server.origin, connect), 'connect');
    for (const [, socket, head] of [await upgraded, await tunnelled] as [IncomingMessage, Socket, Buffer][]) {
      const pieces = [head];
      const arrived = (): number => pieces.reduce((sum, { length }) => sum + length, 0);
      while (arrived() < 6_000) pieces.push((await once(socket, 'data'))[0] as Buffer);
      await othersRead(all);
      assert.equal(Buffer.concat(pieces).toString(), 'hello '.repeat(1_000));
      socket.destroy();
    }
  });
});
