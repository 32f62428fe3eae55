/** Calls that something above the engine has held up, such as a rate limit: what happens here counts from here on. */
import assert from 'node:assert/strict';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { doorOf } from '../../src/clients/client.ts';
import type { Call } from '../../src/core/call.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Client, ClientOptions } from '../../src/index.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { aClient, fails, leavesNothing, until } from './setup.ts';

leavesNothing();

interface Peer {
  readonly client: Client;
  readonly received: () => number;
  /** Answers what it has been asked. */
  answer(): void;
}

const LIMITS = { queueMs: 120_000, firstByteMs: 120_000, betweenBytesMs: 120_000 };

async function overHttp1(t: TestContext, options: ClientOptions): Promise<Peer> {
  const held: (() => void)[] = [];
  const server = await startFaultyServer({
    script: (_request, connection) =>
      new Promise<void>((resolve) => {
        held.push(() => {
          connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
          resolve();
        });
      }),
  });
  t.after(() => server.close());
  const client = aClient(t, { origin: server.origin, pool: { socketsMax: 1 }, limits: LIMITS, ...options });
  return { client, received: () => server.received, answer: () => held.shift()!() };
}

async function overHttp2(t: TestContext, options: ClientOptions): Promise<Peer> {
  const held: ServerHttp2Stream[] = [];
  let received = 0;
  const server = createServer({ settings: { maxConcurrentStreams: 1 } });
  server.on('stream', (stream) => {
    received++;
    held.push(stream);
  });
  server.on('session', (session) => t.after(() => session.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = aClient(t, {
    origin,
    http2: 'prior-knowledge',
    session: { sessionsMax: 1 },
    limits: LIMITS,
    ...options,
  });
  return { client, received: () => received, answer: () => held.shift()!.end('ok') };
}

/** A call that was made so long ago, and comes to the engine now. */
function heldUp(client: Client, agoMs: number, deadlineMs: number): Call {
  const door = doorOf(client);
  const call = door.makeCall('GET', '/', { body: undefined, contentType: undefined }, undefined, undefined);
  const startedAt = systemClock.now() - agoMs;
  return { ...call, startedAt, deadlineAt: startedAt + deadlineMs };
}

for (const [protocol, aPeer] of Object.entries({ 'HTTP/1.1': overHttp1, 'HTTP/2': overHttp2 })) {
  describe(`a call that was held up above the engine (${protocol})`, () => {
    it('has all of queueMs to wait for a connection, and its wait is told without what was before', async (t) => {
      const waits: number[] = [];
      const { client, received, answer } = await aPeer(t, {
        observer: { leased: ({ waitMs }) => void waits.push(waitMs) },
      });
      const first = client.get('/').text();
      await until(() => received() === 1, 'the first call holds the only place');
      const second = doorOf(client).send(heldUp(client, 1_000_000, 10_000_000), 'manual');
      await until(() => client.stats().pools[0]!.waiting === 1, 'the second one waits');
      await sleep(30); // where its time counted from its making, it would be over by now
      answer();
      assert.equal(await first, 'ok');
      await until(() => received() === 2, 'the second has its turn');
      answer();
      assert.equal(await (await second).text(), 'ok');
      assert(
        waits.every((ms) => ms < 1_000_000),
        `waited ${waits} ms`,
      );
      assert(client.stats().queueWait.maxMs < 1_000_000);
    });

    it('is not sent once its deadline has passed, though a connection is idle', async (t) => {
      const { client, received, answer } = await aPeer(t, {});
      const first = client.get('/').text();
      await until(() => received() === 1, 'the first call is there');
      answer();
      await first;
      const late = doorOf(client).send(heldUp(client, 2_000, 1_000), 'manual');
      await fails(late, { code: 'DEADLINE', reach: 'unsent', phase: 'queue' });
      const next = client.get('/').text();
      await until(() => received() === 2, 'only the next call is there');
      answer();
      assert.equal(await next, 'ok');
      assert.equal(received(), 2);
    });
  });
}
