/** Replies that break the protocol, exceed a limit, or are merely odd. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  answer,
  chunk,
  hangUp,
  inOrder,
  oneByOne,
  readBody,
  replyBytes,
  type Step,
  send,
} from '../../src/testing/faulty-steps.ts';
import { aPair, type Expected, fails, leavesNothing, quiet, stillWorks, until } from './setup.ts';

leavesNothing();

const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const PROTOCOL_HEAD = { code: 'PROTOCOL', reach: 'answered', phase: 'head' } as const;
const PROTOCOL_BODY = { ...PROTOCOL_HEAD, phase: 'body' } as const;
const limit = (name: string, value: number, phase: 'head' | 'body' = 'head'): Expected => ({
  code: 'LIMIT',
  reach: 'answered',
  phase,
  limit: name,
  value,
});

const REFUSED: Record<string, readonly [sent: string | readonly string[], expected: Expected]> = {
  'both framings': [
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    { ...PROTOCOL_HEAD, message: /both Content-Length and Transfer-Encoding/ },
  ],
  'two lengths': ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok', PROTOCOL_HEAD],
  'a list of lengths': ['HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok', PROTOCOL_HEAD],
  'a negative length': ['HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n', PROTOCOL_HEAD],
  'a transfer coding nobody knows': ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', PROTOCOL_HEAD],
  'a bare LF': ['HTTP/1.1 200 OK\nContent-Length: 2\n\nok', PROTOCOL_HEAD],
  'a bare CR': ['HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n', PROTOCOL_HEAD],
  'a folded line': ['HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n', PROTOCOL_HEAD],
  'a NUL in a field': ['HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n', PROTOCOL_HEAD],
  'a space before the colon': ['HTTP/1.1 200 OK\r\nX : a\r\n\r\n', PROTOCOL_HEAD],
  'HTTP/2': ['HTTP/2.0 200 OK\r\n\r\n', PROTOCOL_HEAD],
  'something that is not HTTP': ['SSH-2.0-OpenSSH_9.2\r\n', PROTOCOL_HEAD],
  'TLS to a cleartext client': ['\x15\x03\x01\x00\x02\x02\x46', PROTOCOL_HEAD],
  '101 nobody asked for': ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n', PROTOCOL_HEAD],
  '10,000 headers': [`HTTP/1.1 200 OK\r\n${'a: b\r\n'.repeat(10_000)}\r\n`, limit('fieldsMax', 256)],
  '1 MB of head': [`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(1e6)}\r\n\r\n`, limit('headBytesMax', 32_768)],
  'endless 1xx': ['HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000), limit('interimMax', 16)],
  'endless early hints': [Array(40).fill('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'), limit('interimMax', 16)],
  'an endless chunk extension': [`${CHUNKED}1;${'x'.repeat(100_000)}`, limit('extensionBytesMax', 16_384, 'body')],
  'endless chunk extensions': [
    CHUNKED + `1;name=${'v'.repeat(40)}\r\na\r\n`.repeat(10_000),
    limit('extensionBytesMax', 16_384, 'body'),
  ],
  'endless trailers': [`${CHUNKED}0\r\n${'a: b\r\n'.repeat(10_000)}`, limit('fieldsMax', 256, 'body')],
  'a trailer that frames': [`${CHUNKED}0\r\nContent-Length: 5\r\n\r\n`, PROTOCOL_BODY],
  'a chunk size that is no number': [`${CHUNKED}zz\r\n`, PROTOCOL_BODY],
  'a chunk size beyond 2^52': [`${CHUNKED}${'f'.repeat(16)}\r\n`, PROTOCOL_BODY],
  'a chunk longer than its size': [`${CHUNKED}2\r\nabc\r\n0\r\n\r\n`, PROTOCOL_BODY],
  'a body longer than the limit, announced': [
    'HTTP/1.1 200 OK\r\nContent-Length: 1025\r\n\r\n',
    limit('bodyBytesMax', 1024, 'body'),
  ],
  'a body longer than the limit, chunked': [
    CHUNKED + `10\r\n${'a'.repeat(16)}\r\n`.repeat(100),
    limit('bodyBytesMax', 1024, 'body'),
  ],
  'a body longer than the limit, without length': [
    `HTTP/1.1 200 OK\r\n\r\n${'a'.repeat(1_025)}`,
    limit('bodyBytesMax', 1024, 'body'),
  ],
};

describe('a body of exactly bodyBytesMax', () => {
  const body = 'a'.repeat(1_024);
  for (const [how, sent] of Object.entries({
    announced: `HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n${body}`,
    chunked: `${CHUNKED}400\r\n${body}\r\n0\r\n\r\n`,
    'in two parts': [`HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n${body.slice(1)}`, 'a'],
  })) {
    it(`is not too long (${how})`, async (t) => {
      const script = send(...(typeof sent === 'string' ? [sent] : sent));
      const { client } = await aPair(t, script, { limits: { bodyBytesMax: 1_024 } });
      assert.equal(await client.get('/').text(), body);
    });
  }
});

it('a call without a body says so where one is expected, and nothing where none is', async (t) => {
  const { client, server } = await aPair(t, send('HTTP/1.1 204 No Content\r\n\r\n'));
  for (const method of ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST', 'PUT', 'PATCH']) {
    await (await client.request('/', { method })).discard();
  }
  const told = server.requests.map(({ method, headers }) => [
    method,
    headers['content-length'],
    headers['transfer-encoding'],
  ]);
  const without = ['GET', 'HEAD', 'DELETE', 'OPTIONS'].map((method) => [method, undefined, undefined]);
  const withNone = ['POST', 'PUT', 'PATCH'].map((method) => [method, '0', undefined]);
  assert.deepEqual(told, [...without, ...withNone]);
});

describe('a server that sends', () => {
  for (const [what, [sent, expected]] of Object.entries(REFUSED)) {
    it(`${what} is refused with ${expected.code}; its connection is closed, others go on`, async (t) => {
      const bad = send(...(typeof sent === 'string' ? [sent] : sent));
      const script: Step = (request, connection) => (request.path === '/bad' ? bad : answer('ok'))(request, connection);
      const pair = await aPair(t, script, { limits: { bodyBytesMax: 1_024 }, pool: { socketsMax: 3 } });
      const { client } = pair;
      const good = Array.from({ length: 10 }, () => client.get('/good').text());
      await fails(client.get('/bad').text(), expected);
      assert.deepEqual(await Promise.all(good), Array(10).fill('ok'));
      await quiet(client);
      const { history } = client.stats().sockets;
      assert(history.some(({ closeReason }) => closeReason === 'protocol'));
      await stillWorks(pair);
    });
  }

  it('a second reply in the same packet fails the call: its framing cannot be trusted', async (t) => {
    const pair = await aPair(t, oneByOne(send(Buffer.concat([replyBytes('one'), replyBytes('evil')])), answer('ok')));
    const expected = { code: 'PROTOCOL', reach: 'answered', phase: 'body', message: /bytes after the end/ } as const;
    await fails(pair.client.get('/').text(), expected);
    await stillWorks(pair);
  });

  it('a second reply a moment later loses the connection and no call', async (t) => {
    const pair = await aPair(t, oneByOne(answer('one'), answer('ok')));
    assert.equal(await pair.client.get('/').text(), 'one');
    void pair.server.connections[0]?.send(replyBytes('evil'));
    await until(() => pair.client.stats().sockets.closed === 1, 'the second reply is noticed');
    assert.equal(pair.client.stats().sockets.history[0]?.closeReason, 'protocol');
    await stillWorks(pair);
  });

  it('more than its Content-Length fails the call', async (t) => {
    const pair = await aPair(t, oneByOne(send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay'), answer('ok')));
    const expected = { code: 'PROTOCOL', reach: 'answered', phase: 'body', message: /2 bytes after the end/ } as const;
    await fails(pair.client.get('/').text(), expected);
    await stillWorks(pair);
  });

  it('less than its Content-Length and then nothing is a matter of time', async (t) => {
    const limits = { betweenBytesMs: 30 };
    const pair = await aPair(t, oneByOne(send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'), answer('ok')), {
      limits,
    });
    const expected = { code: 'TIMEOUT', reach: 'answered', phase: 'body', limit: 'betweenBytesMs', value: 30 } as const;
    await fails(pair.client.get('/').text(), expected);
    await stillWorks(pair);
  });

  it('less than its Content-Length and then ends is a lost connection that names what is missing', async (t) => {
    const cut = inOrder(send('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'), hangUp);
    const pair = await aPair(t, oneByOne(cut, answer('ok')));
    const expected = { code: 'RESET', reach: 'answered', phase: 'body', message: /7 bytes short/ } as const;
    await fails(pair.client.get('/').text(), expected);
    await stillWorks(pair);
  });

  it('garbage after a body without length takes it for body, as the RFC has it', async (t) => {
    const { client } = await aPair(t, inOrder(send('HTTP/1.1 200 OK\r\n\r\nok', 'more'), hangUp));
    assert.equal(await client.get('/').text(), 'okmore');
  });
});

describe('an unusual but proper reply', () => {
  const reused: Record<string, readonly [reply: string, method?: string, body?: string]> = {
    'HEAD with the length of what GET would bring': ['HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n', 'HEAD'],
    'HEAD said to be chunked': [CHUNKED, 'HEAD'],
    '204 with a length': ['HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n'],
    '304 with a length': ['HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
    '204 said to be chunked': ['HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n'],
    'HTTP/1.0 that keeps the connection': [
      'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok',
      'GET',
      'ok',
    ],
    'chunks with extensions and trailers': [`${CHUNKED}2;a=b;c="d"\r\nok\r\n0;e\r\nX-After: 1\r\n\r\n`, 'GET', 'ok'],
    'a few interim responses': [
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n${replyBytes('ok')}`,
      'GET',
      'ok',
    ],
    'an empty reason': ['HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok', 'GET', 'ok'],
    'no reason at all': ['HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok', 'GET', 'ok'],
  };
  for (const [what, [reply, method = 'GET', body = '']] of Object.entries(reused)) {
    it(`${what} is understood, whole or byte by byte, and its connection used again`, async (t) => {
      const bytes = [...Buffer.from(reply, 'latin1')].map((byte) => Uint8Array.of(byte));
      const { client, server } = await aPair(t, oneByOne(send(reply), send(...bytes), answer('ok')));
      for (let i = 0; i < 2; i++) {
        const answered = await client.request('/', { method });
        assert.equal((await answered.text()) ?? '', body);
      }
      assert.equal(await client.get('/').text(), 'ok');
      assert.equal(server.accepted, 1);
    });
  }

  const closed: Record<string, string> = {
    'HTTP/1.0': 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
    'HTTP/1.0 without length': 'HTTP/1.0 200 OK\r\n\r\nok',
    'Connection: close': 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
    'Connection: close among others': 'HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\nContent-Length: 2\r\n\r\nok',
  };
  for (const [what, reply] of Object.entries(closed)) {
    it(`${what} is the last on its connection`, async (t) => {
      const { client, server } = await aPair(t, inOrder(readBody, send(reply), hangUp));
      assert.equal(await client.get('/').text(), 'ok');
      assert.equal(await client.post('/', 'a').text(), 'ok');
      assert.equal(server.accepted, 2);
      assert.deepEqual(
        client.stats().sockets.history.map(({ closeReason }) => closeReason),
        ['reply', 'reply'],
      );
    });
  }

  it('in chunks of every size arrives whole', async (t) => {
    const parts = Array.from({ length: 200 }, (_, i) => 'x'.repeat(i + 1));
    const { client } = await aPair(t, send(CHUNKED, ...parts.map(chunk), '0\r\n\r\n'));
    assert.equal(await client.get('/').text(), parts.join(''));
  });
});
