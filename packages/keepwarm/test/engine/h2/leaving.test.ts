/** Sessions that end, streams that are refused: what was not processed is sent again, and nothing is done twice. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ERROR } from '../../../src/wire/h2/codes.ts';
import { data, goaway, headers, reset, settings } from '../../wire/h2/raw.ts';
import { errorOf, fails, leavesNothing, until } from '../setup.ts';
import { type Asked, aTalk, STATUS_200 } from './a-peer.ts';

leavesNothing();

const post = { idempotent: false };

describe('GOAWAY', () => {
  it('sends calls above its last id to another session, whatever their method; the others finish', async (t) => {
    let leaving = true;
    const { client, peer } = await aTalk(t, {
      request: (line, { id, path }) => {
        if (!leaving) return line.answer(id, path);
        if (line.asked.length < 6) return;
        leaving = false;
        line.send(goaway(5));
        for (const each of line.asked) if (each.id <= 5) line.answer(each.id, each.path);
      },
    });
    await client.warmUp();
    const paths = Array.from({ length: 6 }, (_, i) => `/${i}`);
    const texts = await Promise.all(paths.map((path) => client.post(path, 'x', post).text()));
    assert.deepEqual(texts, paths);
    assert.equal(peer.lines.length, 2);
    assert.deepEqual(peer.lines[1]!.asked.map(({ path }) => path).sort(), ['/3', '/4', '/5']);
    assert.equal(client.stats().reuse.hops, 3);
    await until(() => client.stats().sockets.live.length === 1, 'the session that was left is closed');
    assert.equal(client.stats().sockets.history[0]?.closeReason, 'peer');
  });

  it('twice, first with a warning, as servers do that leave gracefully', async (t) => {
    let first = true;
    const { client, peer } = await aTalk(t, {
      request: (line, { id }) => {
        if (!first) return line.answer(id);
        first = false;
        line.send(goaway(2 ** 31 - 1));
        setImmediate(() => {
          line.send(goaway(id));
          line.answer(id);
        });
      },
    });
    assert.equal(await client.post('/a', 'x', post).text(), 'ok');
    assert.equal(await client.post('/b', 'x', post).text(), 'ok');
    assert.equal(peer.lines.length, 2);
    assert.equal(client.stats().reuse.hops, 0);
  });

  it('with everything unprocessed, on a server that always leaves, ends after a few tries', async (t) => {
    const { client, peer } = await aTalk(t, { head: (line) => line.send(goaway(0, ERROR.ENHANCE_YOUR_CALM)) });
    const error = await errorOf(client.post('/', 'x', post));
    assert.deepEqual([error.code, error.reach, error.systemCode], ['RESET', 'unsent', 'ENHANCE_YOUR_CALM']);
    assert.equal(peer.asked.length, 4);
  });

  it('and then the end of the connection: what may have been processed is sent again only if it may be', async (t) => {
    let leaving = true;
    const { client, peer } = await aTalk(t, {
      request: (line, { id, path }) => {
        if (path === '/first' || !leaving) return line.answer(id, path);
        if (line.asked.length < 3) return;
        leaving = false;
        line.send(goaway(2 ** 31 - 1));
        line.socket.end();
      },
    });
    await client.get('/first');
    const [once, again] = await Promise.allSettled([
      client.post('/once', 'x', post).text(),
      client.get('/again').text(),
    ]);
    assert.equal(once.status, 'rejected');
    assert.deepEqual([again.status, again.status === 'fulfilled' && again.value], ['fulfilled', '/again']);
    assert.deepEqual(
      peer.asked.map(({ path }) => path),
      ['/first', '/once', '/again', '/again'],
    );
  });

  it('while a body arrives lets it arrive', async (t) => {
    const { client } = await aTalk(t, {
      request: (line, { id }) => {
        line.send(headers(id, STATUS_200), data(id, 'a'), goaway(id));
        setTimeout(() => line.send(data(id, 'b', true)), 20);
      },
    });
    assert.equal(await client.get('/').text(), 'ab');
  });
});

describe('RST_STREAM', () => {
  it('REFUSED_STREAM: sent again, whatever the method, and done once', async (t) => {
    let refusals = 2;
    const { client, peer } = await aTalk(t, {
      request: (line, { id }) => (refusals-- > 0 ? line.send(reset(id, ERROR.REFUSED_STREAM)) : line.answer(id)),
    });
    assert.equal(await client.post('/', 'x', post).text(), 'ok');
    assert.equal(peer.asked.length, 3);
    assert.equal(peer.lines.length, 1);
  });

  it('REFUSED_STREAM for ever: fails as unsent', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line, { id }) => line.send(reset(id, ERROR.REFUSED_STREAM)) });
    const error = await errorOf(client.post('/', 'x', post));
    assert.deepEqual([error.code, error.reach], ['RESET', 'unsent']);
    assert.equal(peer.asked.length, 4);
  });

  it('of another kind fails the call, as unknown before the head and as answered after it; nobody else', async (t) => {
    const { client, peer } = await aTalk(t, {
      request: (line, { id, path }) => {
        if (path === '/good') return line.answer(id);
        if (path === '/after') line.send(headers(id, STATUS_200), data(id, 'part'));
        line.send(reset(id, ERROR.INTERNAL_ERROR));
      },
    });
    const good = client.get('/good');
    await fails(client.get('/before'), { code: 'RESET', reach: 'unknown', phase: 'head', message: /INTERNAL_ERROR/ });
    await fails(client.get('/after').text(), { code: 'RESET', reach: 'answered', phase: 'body' });
    assert.equal(await good.text(), 'ok');
    assert.equal(await client.get('/good').text(), 'ok');
    assert.equal(peer.lines.length, 1);
    assert.equal(
      peer.asked.filter(({ path }) => path === '/before').length,
      1,
      'a verdict of the peer, not a loss: whether to try again is for retries',
    );
  });

  it('that says "not processed" once its answer has begun lies: what came is not taken for the whole', async (t) => {
    const { client, peer } = await aTalk(t, {
      request: (line, { id, path }) => {
        if (peer.asked.filter((each) => each.path === path).length > 1) return line.answer(id, 'another');
        line.send(headers(id, STATUS_200), data(id, 'part'));
        setTimeout(() => line.send(path === '/reset' ? reset(id, ERROR.REFUSED_STREAM) : goaway(0)), 20);
      },
    });
    await fails(client.get('/reset').text(), { code: 'RESET', reach: 'answered', phase: 'body' });
    await fails(client.post('/goaway', 'x', post).text(), { code: 'RESET', reach: 'answered', phase: 'body' });
    assert.equal(peer.asked.length, 2);
  });

  it('that says so after an interim reply alone is believed: a proxy may have told it', async (t) => {
    const { client, peer } = await aTalk(t, {
      request: (line, { id }) => {
        if (line.asked.length > 1) return line.answer(id);
        line.send(headers(id, '\x08\x03103'), reset(id, ERROR.REFUSED_STREAM));
      },
    });
    assert.equal(await client.post('/', 'x', post).text(), 'ok');
    assert.equal(peer.asked.length, 2);
  });

  it('NO_ERROR after a whole reply stops an upload and harms nothing', async (t) => {
    const { client, peer } = await aTalk(t, {
      head: (line, { id }) => {
        line.answer(id, 'enough');
        line.send(reset(id, ERROR.NO_ERROR));
      },
    });
    let returned = false;
    async function* endless() {
      try {
        for (;;) yield new Uint8Array(1_000);
      } finally {
        returned = true;
      }
    }
    assert.equal(await client.post('/', { bytes: undefined, repeatable: false, open: endless }).text(), 'enough');
    await until(() => returned, 'the producer was told');
    assert.equal(peer.lines.length, 1);
  });
});

describe('the session is lost', () => {
  it('before anything was ever answered on it: nothing is sent again', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line) => line.socket.destroy() });
    await fails(client.get('/'), { code: 'RESET', reach: 'unknown', phase: 'head' });
    assert.equal(peer.asked.length, 1);
  });

  it('under fifty calls: idempotent ones are answered by a newer session, the others are told', async (t) => {
    let broken = false;
    const { client, peer } = await aTalk(t, {
      request: (line, { id, path }) => {
        if (path === '/warm' || broken) return line.answer(id);
        if (line.asked.length < 51) return;
        broken = true;
        line.socket.destroy();
      },
    });
    await client.get('/warm');
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, (_, i) =>
        (i % 2 === 0 ? client.get(`/${i}`) : client.post(`/${i}`, 'x', post)).text(),
      ),
    );
    assert.deepEqual(
      outcomes.map(({ status }) => status === 'fulfilled'),
      Array.from({ length: 50 }, (_, i) => i % 2 === 0),
    );
    const twice = peer.asked
      .filter(({ path, fields }) => fields.get(':method') === 'POST' && path !== '/warm')
      .map(({ path }) => path);
    assert.equal(new Set(twice).size, twice.length, 'no POST was sent twice');
    assert.equal(peer.lines.length, 2);
  });

  it('what it left unanswered goes to a newer one, not to another that may be as dead', async (t) => {
    let dying = false;
    const { client, peer } = await aTalk(
      t,
      {
        hello: settings(['maxConcurrentStreams', 2]),
        request: (line, { id, path }) => {
          if (!dying || path !== '/lost') return void setTimeout(() => line.answer(id), 20);
          if (line === peer.lines[2]) return line.answer(id);
          line.socket.destroy();
        },
      },
      { pool: { socketsMax: 3 } },
    );
    await Promise.all(Array.from({ length: 4 }, () => client.get('/warm').text()));
    assert.equal(peer.lines.length, 2);
    dying = true;
    assert.equal(await client.get('/lost').text(), 'ok');
    assert.deepEqual(
      peer.lines.map(({ asked }) => asked.filter(({ path }) => path === '/lost').length).sort(),
      [0, 1, 1],
      'the one that still stood was not asked',
    );
  });

  it('as a call is about to be written to it, after a silence: it goes elsewhere, whatever its method', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line, { id }) => line.answer(id) });
    await client.get('/');
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    peer.line.socket.destroy();
    assert.equal(await client.post('/', 'x', post).text(), 'ok');
    assert.deepEqual(
      peer.lines.map(({ asked }) => asked.length),
      [1, 1],
    );
  });

  it('while it was quiet: nobody notices', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line, { id }) => line.answer(id) });
    await client.get('/');
    peer.line.socket.destroy();
    await until(() => client.stats().sockets.live.length === 0, 'the loss is noticed');
    assert.equal(await client.post('/', 'x', post).text(), 'ok');
  });
});

describe('the server changes its mind', () => {
  it('about how many calls it takes, in the middle of a burst', async (t) => {
    let most = 0;
    const { client, peer } = await aTalk(
      t,
      {
        hello: settings(['maxConcurrentStreams', 20]),
        request: (line, { id }) => {
          const open = line.asked.length - line.heard.filter((each) => each === 'answered').length;
          if (line.asked.length > 40) most = Math.max(most, open);
          if (line.asked.length === 20) line.send(settings(['maxConcurrentStreams', 3]));
          setTimeout(() => {
            line.heard.push('answered');
            line.answer(id);
          }, 2);
        },
      },
      { pool: { socketsMax: 1 } },
    );
    const texts = await Promise.all(Array.from({ length: 100 }, () => client.get('/').text()));
    assert.equal(texts.length, 100);
    assert(most <= 3, `${most} at once, where 3 are allowed`);
    assert.equal(peer.lines.length, 1);
  });

  it('about its windows, to zero and back', async (t) => {
    const { client, peer } = await aTalk(t, {
      hello: settings(['initialWindowSize', 0]),
      head: (line) => {
        setTimeout(() => line.send(settings(['initialWindowSize', 5])), 10);
        setTimeout(() => line.send(settings(['initialWindowSize', 2])), 20);
        setTimeout(() => line.send(settings(['initialWindowSize', 100])), 30);
      },
      request: (line, { id, body }) => line.answer(id, body),
    });
    assert.equal(await client.post('/', 'all of twenty letters').text(), 'all of twenty letters');
    assert.equal(peer.line.heard.filter((each) => each === 'settings ack').length, 4);
  });

  it('twice in one frame about its header table: it is told of the smallest and of the last', async (t) => {
    const { client, peer } = await aTalk(t, { request: (line, { id }) => line.answer(id) });
    await client.get('/').text();
    peer.line.send(settings(['headerTableSize', 0], ['headerTableSize', 4_096]));
    await until(
      () => peer.line.heard.filter((frame) => frame === 'settings ack').length === 2,
      'they are acknowledged',
    );
    await client.get('/').text();
    const [, { block }] = peer.asked as [Asked, Asked];
    assert.deepEqual([...block.subarray(0, 4)], [0x20, 0x3f, 0xe1, 0x1f], 'size updates to 0 and to 4,096');
  });
});
