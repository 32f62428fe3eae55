/** What the group `session` sets, as a peer hears and feels it. */
import assert from 'node:assert/strict';
import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import type { ClientOptions } from '../../../src/index.ts';
import { createClient } from '../../../src/index.ts';
import { data, headers } from '../../wire/h2/raw.ts';
import { aClient, errorOf, leavesNothing, until } from '../setup.ts';
import { aPeer, aTalk, STATUS_200 } from './a-peer.ts';

leavesNothing();

const refusal = (session: object): string => {
  try {
    createClient({ session } as ClientOptions).destroy();
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was refused';
};

describe('the options of sessions', () => {
  it('are refused by name, with the value and what is allowed', () => {
    assert.match(refusal({ windowBytes: 1_000 }), /option session\.windowBytes is 1000; allowed: a whole number/);
    assert.match(refusal({ streamWindowBytes: 2 ** 31 }), /session\.streamWindowBytes is 2147483648; .* to 2147483647/);
    assert.match(refusal({ streamsMax: 0 }), /session\.streamsMax is 0; allowed: a whole number from 1/);
    assert.match(refusal({ sessionsMax: 0 }), /session\.sessionsMax is 0/);
    assert.match(refusal({ pingMs: '30s' }), /session\.pingMs is "30s"/);
    assert.match(refusal({ pongMs: Number.NaN }), /session\.pongMs is NaN/);
    assert.match(refusal({ tableBytesMax: -1 }), /session\.tableBytesMax is -1/);
    assert.match(refusal({ windowSize: 1 }), /there is no option session\.windowSize/);
  });

  it('are told to the peer: both windows and the table', async (t) => {
    const session = { windowBytes: 3_000_000, streamWindowBytes: 50_000, tableBytesMax: 8_192 };
    const { client, peer } = await aTalk(t, { request: (line, { id }) => line.answer(id) }, { session });
    await client.get('/').text();
    const { heard } = peer.line;
    assert.match(heard[0]!, /\[1,8192\].*\[4,50000\]/);
    assert(heard.includes(`window 0 ${3_000_000 - 65_535}`), heard.join());
  });

  it('hold: a peer that sends more than the window of a stream breaks the protocol', async (t) => {
    const session = { streamWindowBytes: 20_000 };
    const { client } = await aTalk(
      t,
      {
        request: (line, { id }) =>
          line.send(headers(id, STATUS_200), data(id, 'x'.repeat(9_000)), data(id, 'x'.repeat(12_000))),
      },
      { session },
    );
    const error = await errorOf(client.get('/').text());
    assert.equal(error.code, 'PROTOCOL');
    assert.match(error.message, /more DATA than the window of the stream/);
  });

  it('hold: the smallest window there may be is told by no frame, and replies larger than it arrive', async (t) => {
    const session = { windowBytes: 65_535, streamWindowBytes: 16_384 };
    let left = { session: 65_535, stream: 16_384 };
    let sent = 0;
    const size = 200_000;
    const { client, peer } = await aTalk(
      t,
      { request: (line, { id }) => line.send(headers(id, STATUS_200)) },
      { session },
    );
    const reply = client.get('/').text();
    await until(() => peer.asked.length === 1, 'it has asked');
    const { line } = peer;
    assert(!line.heard.some((frame) => frame.startsWith('window')), line.heard.join());
    let read = line.heard.length;
    while (sent < size) {
      const count = Math.min(left.session, left.stream, 8_192, size - sent);
      if (count > 0) line.send(data(1, 'x'.repeat(count), sent + count === size));
      sent += count;
      left = { session: left.session - count, stream: left.stream - count };
      if (Math.min(left.session, left.stream) > 0) continue;
      await until(() => line.heard.length > read, 'a window was opened');
      for (; read < line.heard.length; read++) {
        const [, id, by] = /^window (\d+) (\d+)/.exec(line.heard[read]!) ?? [];
        if (id === '0') left.session += Number(by);
        else if (id !== undefined) left.stream += Number(by);
      }
    }
    assert.equal((await reply).length, size);
  });

  it('hold: so many calls on a session, so many sessions, and the others wait', async (t) => {
    const gate = Promise.withResolvers<void>();
    const session = { streamsMax: 2, sessionsMax: 2 };
    const { client, peer } = await aTalk(
      t,
      { request: (line, { id }) => void gate.promise.then(() => line.answer(id)) },
      { session },
    );
    const all = Array.from({ length: 7 }, () => client.get('/').text());
    await until(() => peer.asked.length === 4, 'two on each of two');
    const [pool] = client.stats().pools;
    assert.deepEqual([peer.lines.length, pool?.inFlight, pool?.waiting], [2, 4, 3]);
    gate.resolve();
    assert.deepEqual(new Set(await Promise.all(all)), new Set(['ok']));
    assert.equal(peer.lines.length, 2);
  });

  it('hold: a server that is silent is asked after `pingMs`, and given up `pongMs` later', async (t) => {
    const peer = await aPeer(t, { request: (line, { id }) => line.answer(id) });
    const session = { pingMs: 40, pongMs: 60 };
    const client = aClient(t, { origin: peer.origin, http2: 'prior-knowledge', retry: false, session });
    await client.get('/').text();
    await until(() => client.stats().sockets.open === 0, 'it was given up');
    assert.equal(peer.line.heard.filter((frame) => frame === 'ping').length, 1);
    assert.equal(client.stats().sockets.history[0]?.closeReason, 'reset');
  });

  it('a table of nothing, or a large one, carries any head both ways', async (t) => {
    const server = createServer({ settings: { headerTableSize: 65_536 } }, (request, response) => {
      for (const name of ['x-one', 'x-two']) response.setHeader(name, String(request.headers[name]));
      response.end('ok');
    });
    const sessions = new Set<ServerHttp2Session>();
    server.on('session', (session) => sessions.add(session));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      for (const session of sessions) session.destroy();
      server.close();
    });
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const tableBytesMax of [0, 100, 65_536]) {
      const client = aClient(t, { origin, http2: 'prior-knowledge', retry: false, session: { tableBytesMax } });
      for (let i = 0; i < 20; i++) {
        const sent = { 'x-one': `a${i % 3}`, 'x-two': String(i % 5).repeat(300) };
        const { headers } = await client.get('/', { headers: sent });
        assert.deepEqual([headers.get('x-one'), headers.get('x-two')], Object.values(sent));
      }
    }
  });
});
