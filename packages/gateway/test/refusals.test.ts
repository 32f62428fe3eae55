import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { httpServer, Opened, raw, startGateway, type TestGateway } from './fixtures.ts';

/** Requests that two parsers could read differently, or that only somebody with bad intentions sends. */
const REFUSED: Readonly<Record<string, readonly [request: string, status: number]>> = {
  'both framings': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  'both framings, the other way round': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n',
    400,
  ],
  'two different lengths': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd',
    400,
  ],
  'two equal lengths': ['POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd', 400],
  'a list of lengths': ['POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\nabcd', 400],
  'a signed length': ['POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\nabcd', 400],
  'a hexadecimal length': ['POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0x4\r\n\r\nabcd', 400],
  'a transfer coding besides chunked': ['POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n', 400],
  'a transfer coding under chunked': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    501,
  ],
  'a transfer coding that hides the end': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n',
    400,
  ],
  'a transfer coding in HTTP/1.0': [
    'POST /api/ HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  'another version': ['GET /api/ HTTP/2.0\r\nHost: x\r\n\r\n', 505],
  'chunked that is not last': ['POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n', 400],
  'a space before the colon': ['POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n', 400],
  'a folded field': ['GET /api/ HTTP/1.1\r\nHost: x\r\nX-A: 1\r\n folded: 2\r\n\r\n', 400],
  'a bare LF in the head': ['GET /api/ HTTP/1.1\r\nHost: x\nX-A: 1\r\n\r\n', 400],
  'a bare CR in a value': ['GET /api/ HTTP/1.1\r\nHost: x\r\nX-A: 1\rX-B: 2\r\n\r\n', 400],
  'a NUL in a value': ['GET /api/ HTTP/1.1\r\nHost: x\r\nX-A: 1\0\r\n\r\n', 400],
  'a chunk size that is no number': ['POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
  'a chunk size below zero': ['POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n', 400],
  'a chunk size too large to count': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n',
    400,
  ],
  'a chunk size with 0x': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n',
    400,
  ],
  'a chunk longer than it says': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n',
    400,
  ],
  'a bare LF behind a chunk size': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n',
    400,
  ],
  'a bare LF in a chunk extension': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;a\nb\r\nab\r\n0\r\n\r\n',
    400,
  ],
  'a chunked body in a field of two lines': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
    400,
  ],
  'chunked named twice': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n',
    400,
  ],
  'a length with white space in it': ['POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 4 4\r\n\r\nabcd', 400],
  'an empty length': ['POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\nabcd', 400],
  'a length too large to count': [
    'POST /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n',
    400,
  ],
  'a fold before the first field': ['GET /api/ HTTP/1.1\r\n Host: x\r\n\r\n', 400],
  'a field without a name': ['GET /api/ HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n', 400],
  'a field without a colon': ['GET /api/ HTTP/1.1\r\nHost: x\r\nX-A\r\n\r\n', 400],
  'a field name that is not ASCII': ['GET /api/ HTTP/1.1\r\nHost: x\r\nX-\xe9: 1\r\n\r\n', 400],
  'a vertical tab in a name': ['GET /api/ HTTP/1.1\r\nHost: x\r\nContent-Length\x0b: 4\r\n\r\n', 400],
  'a bare LF behind the request line': ['GET /api/ HTTP/1.1\nHost: x\r\n\r\n', 400],
  'a target with a space': ['GET /api/ a HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a target with a tab': ['GET /api/\ta HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a target beyond ASCII': ['GET /api/\xe9 HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a method in small letters': ['get /api/ HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a method nobody knows': ['FETCH /api/ HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'HTTP/0.9': ['GET /api/\r\n\r\n', 400],
  'another protocol': ['SSH-2.0-OpenSSH_9.7\r\n', 400],
  'an upgrade to nothing that is routed': [
    'GET /other/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    404,
  ],
  'an upgrade with two Hosts': [
    'GET /api/ HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    400,
  ],
  'no Host': ['GET /api/ HTTP/1.1\r\n\r\n', 400],
  'two Hosts': ['GET /api/ HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 400],
  'two equal Hosts': ['GET /api/ HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n', 400],
  'a Host with a path': ['GET /api/ HTTP/1.1\r\nHost: x/api\r\n\r\n', 400],
  'a Host with credentials': ['GET /api/ HTTP/1.1\r\nHost: me@x\r\n\r\n', 400],
  'a target that names another host': ['GET http://y/api/ HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a target of another scheme': ['GET https://x/api/ HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a target that is neither path nor URL': ['GET api HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a fragment': ['GET /api/x#y HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a step up': ['GET /api/../other HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a step up, encoded': ['GET /api/%2e%2E/other HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a step up, half encoded, with encoded slashes': ['GET /api/a%2f.%2e%2fother HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a step up at the end': ['GET /api/.. HTTP/1.1\r\nHost: x\r\n\r\n', 400],
  'a version there is not': ['GET /api/ HTTP/1.2\r\nHost: x\r\n\r\n', 400],
  'a method with a body it cannot have': ['GET /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab', 400],
  TLS: ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  TRACE: ['TRACE /api/ HTTP/1.1\r\nHost: x\r\n\r\n', 405],
  CONNECT: ['CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n', 405],
  'too many fields': [`GET /api/ HTTP/1.1\r\nHost: x\r\n${'X-A: 1\r\n'.repeat(300)}\r\n`, 431],
  'too large a head': [`GET /api/ HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(40_000)}\r\n\r\n`, 431],
  'too long a body': ['POST /api/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2000000\r\n\r\n', 413],
};

describe('what is refused', () => {
  const opened = new Opened();
  const reached: string[] = [];
  let gateway: TestGateway;
  before(async () => {
    const upstream = opened.add(
      await httpServer((request, response) => {
        // Whole: of a body that turns out to be malformed the upstream hears the beginning, and that it was given up.
        request.resume().on('end', () => {
          reached.push(`${request.method} ${request.url}`);
          response.end('reached');
        });
        request.on('error', () => undefined);
      }),
    );
    const api = { origin: `${upstream.origin}/base`, requestBodyBytesMax: 1_000_000 };
    gateway = opened.add(await startGateway({ api }));
  });
  after(() => opened.closeAll());

  for (const [what, [request, status]] of Object.entries(REFUSED)) {
    it(`refuses ${what} with ${status}, and no upstream hears of it`, async () => {
      // A second request behind it: what follows something doubtful must not be served.
      const smuggled = status === 413 ? '' : 'GET /api/smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
      const closing = what.startsWith('a method with') ? request.replace('Host', 'Connection: close\r\nHost') : request;
      const answer = await raw(gateway.port, closing + smuggled);
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), what);
      assert.match(answer, /content-type: application\/problem\+json/i);
      assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1, 'one answer, and nothing after it');
      assert.deepEqual(reached.splice(0), []);
    });
  }

  it('answers an upgrade that the upstream knows nothing of as the upstream does', async () => {
    const answer = await raw(
      gateway.port,
      'GET /api/up HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n',
    );
    assert.match(answer, /^HTTP\/1\.1 200 .*reached$/s);
    assert.deepEqual(reached.splice(0), ['GET /base/up']);
  });
});
