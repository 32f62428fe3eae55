/** Aborts, deadlines, ages and closings: what each of them costs, and whom. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ERROR } from '../../../src/wire/h2/codes.ts';
import { data, headers, settings, windowUpdate } from '../../wire/h2/raw.ts';
import { errorOf, fails, leavesNothing, quiet, until } from '../setup.ts';
import { aTalk, STATUS_200 } from './a-peer.ts';

leavesNothing();

describe('an abort', () => {
  it('while waiting for the session costs nothing: the session is there for the next', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line, { id }) => line.answer(id) });
    const leaver = new AbortController();
    const gone = client.get('/', { signal: leaver.signal });
    leaver.abort(new Error('enough'));
    const error = await fails(gone, { code: 'ABORTED', reach: 'unsent', phase: 'queue' });
    assert.equal((error.cause as Error).message, 'enough');
    await client.get('/');
    assert.deepEqual([peer.lines.length, peer.asked.length], [1, 1]);
  });

  it('while the answer is awaited, or arrives, resets the stream; the others notice nothing', async (t) => {
    const { client, peer } = await aTalk(t, {
      request: (line, { id, path }) => {
        if (path === '/body') line.send(headers(id, STATUS_200), data(id, 'part'));
        else if (path === '/good') setTimeout(() => line.answer(id), 30);
      },
    });
    const leaver = new AbortController();
    const { signal } = leaver;
    const good = client.get('/good').text();
    const head = client.get('/head', { signal });
    const body = (await client.get('/body', { signal })).text();
    await until(() => peer.asked.length === 3, 'all are sent');
    leaver.abort();
    await fails(head, { code: 'ABORTED', reach: 'unknown', phase: 'head' });
    await fails(body, { code: 'ABORTED', reach: 'answered', phase: 'body' });
    assert.equal(await good, 'ok');
    await until(() => peer.asked.filter(({ reset }) => reset === ERROR.CANCEL).length === 2, 'both are reset');
    assert.equal(peer.asked[0]!.reset, undefined);
    assert.equal(client.stats().sockets.closed, 0);
  });

  it('while a body is sent stops it, and tells its producer', async (t) => {
    const { client, peer } = await aTalk(t, {});
    let returned = false;
    async function* endless() {
      try {
        for (;;) yield new Uint8Array(10_000);
      } finally {
        returned = true;
      }
    }
    const leaver = new AbortController();
    const body = { bytes: undefined, repeatable: false, open: endless };
    const gone = client.post('/', body, { signal: leaver.signal });
    await until(() => peer.lines[0]?.bytes === 65_535, 'the window is used up');
    leaver.abort();
    await fails(gone, { code: 'ABORTED', reach: 'unknown', phase: 'write' });
    await until(() => returned && peer.asked[0]!.reset === ERROR.CANCEL, 'both ends are told');
  });

  it('by the body itself, as it is opened or while it is read, is told to its caller alone', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line, { id }) => line.answer(id) });
    const broken = new Error('no such file');
    const bodies = [
      () => {
        throw broken;
      },
      async function* () {
        yield new Uint8Array(10);
        throw broken;
      },
    ];
    for (const open of bodies) {
      const error = await errorOf(client.post('/', { bytes: undefined, repeatable: true, open }));
      assert.deepEqual([error.code, error.phase, error.cause], ['ABORTED', 'write', broken]);
    }
    const short = {
      bytes: 20,
      repeatable: true,
      open: async function* () {
        yield new Uint8Array(10);
      },
    };
    assert.equal((await errorOf(client.post('/', short))).code, 'INVALID');
    assert.equal(await client.get('/').text(), 'ok');
    await until(() => peer.asked.filter(({ reset }) => reset === ERROR.CANCEL).length === 3, 'each is reset');
    assert.equal(peer.lines.length, 1);
  });

  it('of a thousand calls frees every place, and nothing is left of them', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line, { id, path }) => path === '/good' && line.answer(id) });
    await client.warmUp();
    for (let round = 0; round < 10; round++) {
      const leaver = new AbortController();
      const calls = Array.from({ length: 100 }, () => client.get('/', { signal: leaver.signal }));
      if (round % 2 === 0) await until(() => peer.asked.length >= (round + 1) * 50, 'they are under way');
      leaver.abort();
      for (const { status } of await Promise.allSettled(calls)) assert.equal(status, 'rejected');
    }
    assert.equal(await client.get('/good').text(), 'ok');
    await quiet(client);
    assert.equal(peer.lines.length, 1);
  });
});

describe('a body given up', () => {
  it('unread, by cancel or discard, resets its stream and keeps the session', async (t) => {
    const { client, peer } = await aTalk(t, {
      request: (line, { id }) => line.send(headers(id, STATUS_200), data(id, 'part')),
    });
    (await client.get('/a')).discard();
    await (await client.get('/b')).stream().cancel();
    await until(() => peer.asked.every(({ reset }) => reset === ERROR.CANCEL), 'both are reset');
    assert.equal(peer.lines.length, 1);
    await quiet(client);
  });
});

describe('time limits', () => {
  it('each names itself and its phase, and costs the session nothing', async (t) => {
    const { client, peer } = await aTalk(t, {
      request: (line, { id, path }) => {
        if (path === '/body') line.send(headers(id, STATUS_200), data(id, 'part'));
        if (path === '/good') line.answer(id);
      },
    });
    await fails(client.get('/head', { firstByteMs: 30 }), {
      code: 'TIMEOUT',
      reach: 'unknown',
      phase: 'head',
      limit: 'firstByteMs',
      value: 30,
    });
    await fails(client.get('/body', { betweenBytesMs: 30 }).text(), {
      code: 'TIMEOUT',
      reach: 'answered',
      phase: 'body',
      limit: 'betweenBytesMs',
      value: 30,
    });
    await fails(client.get('/head', { deadlineMs: 30 }), { code: 'DEADLINE', reach: 'unknown', phase: 'head' });
    assert.equal(await client.get('/good').text(), 'ok');
    assert.deepEqual([peer.lines.length, client.stats().sockets.closed], [1, 0]);
  });

  it("a reader who takes its time is not the peer's fault", async (t) => {
    const block = Buffer.alloc(16_000);
    const { client, peer } = await aTalk(t, {
      request: (line, { id }) =>
        line.send(headers(id, STATUS_200), ...Array.from({ length: 40 }, () => data(id, block)), data(id, '', true)),
    });
    const reply = await client.get('/', { betweenBytesMs: 40 });
    await new Promise((resolve) => setTimeout(resolve, 120));
    assert.equal((await reply.bytes()).length, 640_000);
    assert.equal(peer.lines.length, 1);
  });
});

describe('windows', () => {
  it('are credited as bodies are read, half a window at a time', async (t) => {
    let left = 0;
    const block = Buffer.alloc(16_000);
    const { client, peer } = await aTalk(t, {
      request: (line, { id }) => {
        line.send(headers(id, STATUS_200));
        for (left = 200; left > 140; left--) line.send(data(id, block));
      },
    });
    const body = client.get('/').bytes();
    const rest = setInterval(() => {
      if (!peer.line?.heard.some((each) => each.startsWith('window 1 ')) || left === 0) return;
      for (; left > 0; left--) peer.line.send(data(1, block, left === 1));
    }, 2);
    t.after(() => clearInterval(rest));
    assert.equal((await body).length, 3_200_000);
    const updates = peer.line.heard.filter((each) => each.startsWith('window 1 '));
    assert(updates.length <= 6, `${updates.length} updates for 3 MB`);
  });

  it('of the peer are kept, of the stream and of the session', async (t) => {
    const most: number[] = [];
    const { client, peer } = await aTalk(t, {
      hello: settings(['initialWindowSize', 1_000]),
      data: (line, { id, body }) => {
        most.push(line.bytes);
        if (body.length < 3_500) line.send(windowUpdate(id, 1_000), windowUpdate(0, 1_000));
      },
      request: (line, { id, body }) => line.answer(id, String(body.length)),
    });
    assert.equal(await client.post('/', new Uint8Array(3_500).fill(97)).text(), '3500');
    assert(most[0]! <= 1_000 && most.every((bytes, i) => i === 0 || bytes - most[i - 1]! <= 1_000), String(most));
    assert.equal(peer.lines.length, 1);
  });
});

describe('age', () => {
  it('a session that has served its share is followed by another, and no call is lost', async (t) => {
    const { client, peer } = await aTalk(
      t,
      { request: (line, { id }) => void setTimeout(() => line.answer(id), 3) },
      { pool: { requestsMax: 50 } },
    );
    const texts = await Promise.all(Array.from({ length: 400 }, () => client.get('/').text()));
    assert.equal(texts.length, 400);
    assert.equal(peer.asked.length, 400, 'each was sent once');
    assert.equal(peer.lines.length, 8);
    await until(() => client.stats().sockets.open === 0, 'those that are used up are closed');
    assert(client.stats().sockets.history.every(({ closeReason }) => closeReason === 'requests'));
    await until(() => peer.lines.every(({ heard }) => heard.includes('goaway 0 0')), 'each is said goodbye to');
  });

  it('a session under load grows old: its successor takes over, no call is lost', async (t) => {
    const { client, peer } = await aTalk(
      t,
      { request: (line, { id }) => void setTimeout(() => line.answer(id), 2) },
      { pool: { ageMs: 1_200, ageJitter: 0 } },
    );
    const end = performance.now() + 3_500;
    let calls = 0;
    const worker = async (): Promise<void> => {
      while (performance.now() < end) {
        assert.equal(await client.get('/').text(), 'ok');
        calls++;
      }
    };
    await Promise.all(Array.from({ length: 10 }, worker));
    assert.equal(peer.asked.length, calls, 'each was sent once');
    assert(peer.lines.length >= 2 && peer.lines.length <= 6, `${peer.lines.length} sessions`);
    assert(client.stats().sockets.history.some(({ closeReason }) => closeReason === 'age'));
  });

  it('sessions that grew old together while the event loop stood still are none of them given to a call', async (t) => {
    const { client, peer } = await aTalk(
      t,
      { request: (line, { id }) => line.answer(id) },
      { pool: { ageMs: 1_000, ageJitter: 0 }, session: { streamsMax: 1 } },
    );
    const three = () => Promise.all(Array.from({ length: 3 }, () => client.get('/').text()));
    await three();
    const before = peer.lines.map(({ asked }) => asked.length);
    for (const end = performance.now() + 1_100; performance.now() < end; );
    await three();
    const after = peer.lines.slice(0, before.length).map(({ asked }) => asked.length);
    assert.deepEqual(after, before, 'sessions past their age were used');
  });
});

describe('closing the client', () => {
  it('lets calls under way finish, takes no more, and says goodbye', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line, { id }) => void setTimeout(() => line.answer(id), 30) });
    const call = client.get('/').text();
    await until(() => peer.asked.length === 1, 'it is under way');
    const closing = client.close();
    await fails(client.get('/'), { code: 'CLOSED', reach: 'unsent', phase: 'closing' });
    assert.equal(await call, 'ok');
    await closing;
    await until(() => peer.line.heard.includes('goaway 0 0'), 'goodbye');
  });

  it('at once ends them as CLOSED, those that wait too', async (t) => {
    const { client, peer } = await aTalk(
      t,
      { hello: settings(['maxConcurrentStreams', 1]) },
      { pool: { socketsMax: 1 } },
    );
    const calls = [client.get('/'), client.get('/')];
    await until(() => peer.asked.length === 1, 'one is under way');
    client.destroy();
    client.destroy();
    const [under, waiting] = await Promise.all(calls.map((call) => errorOf(call)));
    assert.deepEqual([under!.code, under!.reach], ['CLOSED', 'unknown']);
    assert.deepEqual([waiting!.code, waiting!.reach], ['CLOSED', 'unsent']);
  });

  it('at once sends nothing more of what was put off to the end of the turn', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line, { id, path }) => path === '/' && line.answer(id) });
    await client.get('/');
    const calls = Array.from({ length: 20 }, () => errorOf(client.post('/late', 'x')));
    client.destroy();
    for (const { code } of await Promise.all(calls)) assert.equal(code, 'CLOSED');
    await until(() => peer.line.socket.closed, 'the session is over');
    // The first few are written at once, as nothing else is under way.
    assert(peer.asked.length <= 5, `${peer.asked.length} calls were sent`);
  });

  it('while a session is being opened leaves nothing', async (t) => {
    const { client, peer } = await aTalk(t, { acks: false, connected: () => {} });
    const call = errorOf(client.get('/'));
    await new Promise((resolve) => setTimeout(resolve, 10));
    client.destroy();
    assert.equal((await call).code, 'CLOSED');
    await until(() => peer.line.socket.closed, 'the connection is closed, whatever the peer does');
  });
});
