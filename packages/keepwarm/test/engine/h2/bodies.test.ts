/** Bodies on their way out, and peers that answer, credit, leave or abort in the middle of them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { ERROR } from '../../../src/wire/h2/codes.ts';
import { data, goaway, headers, ping, settings, windowUpdate } from '../../wire/h2/raw.ts';
import { aClient, errorOf, fails, leavesNothing, quiet, until } from '../setup.ts';
import { aPeer, aTalk, type Script, STATUS_200 } from './a-peer.ts';

leavesNothing();

const PIECE = 40;

describe('an upload', () => {
  it('may be credited frame by frame, twice each, and smaller ones too: that is no flood', async (t) => {
    const { client, peer } = await aTalk(t, {
      data: (line, asked) => {
        const count = asked.body.length;
        asked.body = '';
        line.socket.setNoDelay(true);
        for (let at = 0; at < count; at += 4_096) {
          const by = Math.min(4_096, count - at);
          line.send(windowUpdate(0, by), windowUpdate(asked.id, by));
        }
      },
      request: (line, { id }) => line.answer(id),
    });
    const body = Buffer.alloc(8 * 1024 * 1024, 'a');
    assert.equal(await client.post('/', body, { deadlineMs: 60_000 }).text(), 'ok');
    assert.equal(peer.line.bytes, body.length);
    assert.equal(peer.lines.length, 1);
  });

  it('of many small pieces may be credited piece by piece as well', async (t) => {
    const { client, peer } = await aTalk(t, {
      data: (line, asked) => {
        asked.body = '';
        line.socket.write(Buffer.concat([windowUpdate(0, PIECE), windowUpdate(asked.id, PIECE)]));
      },
      request: (line, { id }) => line.answer(id),
    });
    const open = async function* () {
      for (let i = 0; i < 5_000; i++) yield Buffer.alloc(PIECE);
    };
    const body = { bytes: undefined, repeatable: false, open };
    assert.equal(await client.post('/', body, { deadlineMs: 60_000 }).text(), 'ok');
    assert.equal(peer.line.bytes, 5_000 * PIECE);
    assert.equal(peer.lines.length, 1);
  });

  it('that is answered before it is whole is ended: the peer has the place of its stream again', async (t) => {
    const { client, peer } = await aTalk(t, { head: (line, { id }) => line.answer(id, 'no') });
    const large = Buffer.alloc(200_000);
    const streamed = async function* () {
      yield large;
    };
    for (const body of [large, 'a'.repeat(200_000), { bytes: undefined, repeatable: true, open: streamed }]) {
      assert.equal(await client.post('/', body).text(), 'no');
    }
    await until(() => peer.asked.every(({ reset }) => reset === ERROR.NO_ERROR), 'each is ended');
    await quiet(client);
  });

  it('that is aborted as it is opened leaves no place behind', async (t) => {
    const { client, peer } = await aTalk(
      t,
      { request: (line, { id }) => line.answer(id) },
      { pool: { socketsMax: 1 } },
    );
    await client.warmUp();
    for (let round = 0; round < 3; round++) {
      const leaver = new AbortController();
      const open = async function* () {
        leaver.abort();
        yield new Uint8Array(10);
      };
      const gone = client.post('/', { bytes: undefined, repeatable: true, open }, { signal: leaver.signal });
      await fails(gone, { code: 'ABORTED', reach: 'unknown', phase: 'write' });
    }
    await quiet(client);
    await until(() => peer.asked.filter(({ reset }) => reset === ERROR.CANCEL).length === 3, 'each is reset');
  });

  it('to a connection that the system knows to be dead was not sent: it goes out on another', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line, { id }) => line.answer(id) });
    await client.get('/');
    peer.line.socket.resetAndDestroy();
    assert.equal(await client.post('/', Buffer.alloc(30_000), { deadlineMs: 20_000 }).text(), 'ok');
    assert.deepEqual([peer.lines.length, peer.asked.length], [2, 2]);
    await quiet(client);
  });

  it('waits for a turn where the session was silent, as small calls do: its end is heard before', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line, { id }) => line.answer(id) });
    await client.get('/');
    await sleep(1_100);
    peer.line.socket.destroy();
    assert.equal(await client.post('/', Buffer.alloc(30_000)).text(), 'ok');
    assert.equal(peer.lines.length, 2);
  });
});

describe('a peer that answers and closes in the middle of an upload', () => {
  it('is heard, though what is written after it fails', async (t) => {
    const server = fork(new URL('hasty-server.ts', import.meta.url));
    t.after(() => server.disconnect());
    const [port] = await once(server, 'message');
    const client = aClient(t, { origin: `http://127.0.0.1:${port}`, http2: 'prior-knowledge' });
    const body = Buffer.alloc(8_000_000);
    for (let i = 0; i < 20; i++) assert.equal(await client.post('/', body).text(), 'no');
    await quiet(client);
  });

  it('by which the others learn that they were not processed, and are sent again', async (t) => {
    const { client, peer } = await aTalk(t, {
      hello: settings(['initialWindowSize', 2 ** 30]),
      head: (line, { id, path }) => {
        line.send(windowUpdate(0, 2 ** 30));
        if (path !== '/large') return void line.answer(id);
        if (peer.lines.length > 1) return;
        line.socket.end(goaway(0), () => line.socket.destroy());
      },
    });
    const large = client.post('/large', Buffer.alloc(4_000_000), { deadlineMs: 20_000, firstByteMs: 500 });
    const error = await errorOf(large);
    assert.equal(error.limit, 'firstByteMs', 'it was sent again, to the end');
    assert.equal(peer.lines.length, 2);
  });
});

describe('a peer that does not read', () => {
  it('and pings is answered when it does; until then its answers take no memory to speak of', async (t) => {
    const PINGS = 1_500;
    const limits = { firstByteMs: 120_000 }; // it stops reading for as long as this machine takes
    const script: Script = {
      hello: settings(['initialWindowSize', 2 ** 30]),
      head: (line, asked) => {
        if (asked.path !== '/large') return;
        line.send(windowUpdate(0, 2 ** 30));
        line.socket.setNoDelay(true).pause();
      },
      request: (line, { id }) => line.answer(id),
    };
    const { client, peer } = await aTalk(t, script, { limits });
    await client.get('/');
    const large = client.post('/large', Buffer.alloc(24 * 1024 * 1024), { deadlineMs: 120_000 }).text();
    await until(() => peer.line.socket.isPaused(), 'it has stopped reading');
    const sent = () => client.stats().sockets.live[0]!.bytesOut;
    for (let before = -1; before !== sent(); await sleep(50)) before = sent();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < PINGS; i++) {
      peer.line.send(ping());
      await turn();
    }
    await until(() => client.stats().sockets.live[0]!.bytesIn >= PINGS * 17, 'all pings are read');
    const grown = process.memoryUsage().arrayBuffers - before;
    assert(grown < 6 * 1024 * 1024, `${grown} bytes for ${PINGS} answers of 17`);
    peer.line.socket.resume();
    assert.equal(await large, 'ok');
    await until(() => peer.line.heard.filter((text) => text === 'pong').length === PINGS, 'each is answered');
  });
});

describe('a reply to HEAD', () => {
  it('that names a coding has no body to decode, however late its end comes', async (t) => {
    const gzip = '\x0f\x0b\x04gzip'; // content-encoding, by its place in the static table
    const { client } = await aTalk(t, {
      request: (line, { id }) => {
        line.send(headers(id, STATUS_200 + gzip));
        setTimeout(() => line.send(data(id, '', true)), 50);
      },
    });
    const reply = await client.head('/');
    assert.equal(reply.headers.get('content-encoding'), 'gzip');
    assert.equal(await reply.text(), '');
  });
});

describe('a call that is held for long', () => {
  it('is reported without the path of an endpoint, which often is a key', async (t) => {
    const told: unknown[] = [];
    const peer = await aPeer(t, {
      request: (line, { id }) => line.send(headers(id, STATUS_200)),
    });
    const client = aClient(t, {
      endpoints: [{ url: `${peer.origin}/v3/hunter2` }],
      http2: 'prior-knowledge',
      leak: { afterMs: 10 },
      observer: { leakSuspected: (fact) => told.push(fact), leakRecovered: (fact) => told.push(fact) },
    });
    const reply = await client.get('/x');
    await until(() => client.stats().leaks.suspected === 1, 'it is suspected');
    reply.discard();
    await until(() => told.length === 2, 'it has ended');
    assert.doesNotMatch(JSON.stringify(told), /hunter2/);
  });
});
