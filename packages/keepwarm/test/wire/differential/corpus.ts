/** Where mutation starts: responses of every kind, most of them valid, and the fragments that are thrown into them. */

export interface Seed {
  readonly method: string;
  readonly bytes: Buffer;
}

const OK = 'HTTP/1.1 200 OK\r\n';
const DATE = 'Date: Tue, 01 Jul 2025 10:00:00 GMT\r\n';
const JSON_TYPE = 'Content-Type: application/json\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n`;

const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n';
const CHALLENGE = 'Proxy-Authenticate: Basic realm="x"\r\n';
const MIXED = 'Connection: Keep-Alive, Upgrade-Hint\r\n';

const AFTER_GET: readonly string[] = [
  `${OK}Content-Length: 5\r\n\r\nhello`,
  `${OK}content-length:0\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n\r\n`,
  `${OK}Server: nginx\r\n${DATE}${JSON_TYPE}Content-Length: 17\r\n\r\n{"jsonrpc":"2.0"}`,
  `${OK}Content-Length: 3\r\nConnection: close\r\n\r\nabc`,
  `${OK}Content-Length: \t 4 \t\r\nX: \t padded \t\r\nEmpty:\r\nY:z\r\n\r\nabcd`,
  `${OK}Content-Encoding: gzip\r\nContent-Length: 2\r\nVary: a\r\nVary: b\r\n\r\n\x1f\x8b`,
  `${CHUNKED}\r\n5\r\nhello\r\n0\r\n\r\n`,
  `${CHUNKED}Trailer: Digest\r\n\r\n1\r\na\r\nA\r\n0123456789\r\n00\r\nDigest: x=1\r\nETag: "t"\r\n\r\n`,
  `${CHUNKED}\r\n3;a=b\r\nabc\r\n2;q="x y;\\"z";flag\r\nde\r\n0;last\r\n\r\n`,
  `${CHUNKED}Connection: close\r\n\r\n1\r\nx\r\n1\r\ny\r\n1\r\nz\r\n0\r\n\r\n`,
  `${CHUNKED}\r\nff\r\n${'~'.repeat(255)}\r\n000f;x\r\n${'-'.repeat(15)}\r\n0\r\n\r\n`,
  `${OK}\r\nuntil the connection closes`,
  `${OK}Connection: close\r\nContent-Type: text/plain\r\n\r\n`,
  'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi',
  'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi',
  'HTTP/1.0 404 Not Found\r\nServer: old\r\n\r\ngone',
  'HTTP/1.1 204 No Content\r\nX-Request-Id: 1\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 99\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1',
  `${HINTS}HTTP/1.1 102 Processing\r\n\r\n${CHUNKED}\r\n1\r\na\r\n0\r\n\r\n`,
  `HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n${MIXED}\r\n`,
  'HTTP/1.1 500\r\nContent-Length: 4\r\n\r\noops',
  'HTTP/1.1 503 \r\ncontent-length: 0\r\nconnection: x, close\r\n\r\n',
  'HTTP/1.1 200 \xe9t\xe9 \xff\tcaf\xe9\r\nX-Latin: \x80\xa0\xff\r\nContent-Length: 1\r\n\r\n\xff',
  `${OK}Set-Cookie: a=b; Path=/\r\nSet-Cookie: c=d\r\nLocation: /x?y=z#f\r\nContent-Length: 000001\r\n\r\n.`,
  `${OK}${Array.from({ length: 40 }, (_, i) => `X-${i}: ${i}\r\n`).join('')}Content-Length: 1\r\n\r\n!`,
  `${OK}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond`,
  `HTTP/1.1 407 Proxy Authentication Required\r\n${CHALLENGE}Proxy-Connection: close\r\nContent-Length: 0\r\n\r\n`,
];

const AFTER_HEAD: readonly string[] = [
  `${OK}Content-Length: 12345\r\n\r\n`,
  `${CHUNKED}\r\n`,
  `HTTP/1.1 100 Continue\r\n\r\n${OK}\r\n`,
  'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 7\r\n\r\n',
];

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

export const SEEDS: readonly Seed[] = [
  ...AFTER_GET.map((text) => ({ method: 'GET', bytes: latin1(text) })),
  ...AFTER_HEAD.map((text) => ({ method: 'HEAD', bytes: latin1(text) })),
];

/** What attacks on framing are made of. */
export const FRAGMENTS: readonly Buffer[] = [
  ...[
    '\r',
    '\n',
    '\r\n',
    '\n\n',
    '\r\n\r\n',
    '\r\r\n',
    '\n\r',
    '\r\n ',
    '\r\n\t',
    '\0',
    '\x7f',
    '\x0b',
    '\x85',
    '\xa0',
  ],
  ...[' ', '\t', ':', ' :', ': ', ',', ', ', ';', '=', '"', '\\', '-', '+', '0', '1', '9', 'f', 'F', 'g', '0x', '_'],
  ...[
    'Content-Length: 5\r\n',
    'Content-Length: 0\r\n',
    'content-length:',
    'Content-Length : 1\r\n',
    '\r\nContent-Length: 3',
  ],
  ...[
    '5, 5',
    '+5',
    '-1',
    '0x5',
    '5.0',
    '18446744073709551616',
    '9007199254740992',
    '9007199254740991',
    '4294967296',
    '1e1',
  ],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'transfer-encoding:chunked\r\n',
    'Transfer-Encoding: gzip, chunked\r\n',
    'chunked, chunked',
  ],
  ...[
    'Transfer-Encoding: identity\r\n',
    'Transfer-Encoding: xchunked\r\n',
    'Transfer-Encoding:\x0bchunked\r\n',
    'chunked',
    'CHUNKED',
  ],
  ...[
    'Transfer-Encoding: chunked, gzip\r\n',
    'Transfer-Encoding: \r\n',
    'Transfer_Encoding: chunked\r\n',
    'identity',
    'gzip',
  ],
  ...[
    'Connection: close\r\n',
    'Connection: keep-alive\r\n',
    'Connection: close, keep-alive\r\n',
    'Connection: upgrade\r\n',
    'close',
    'keep-alive',
  ],
  ...[
    'Upgrade: websocket\r\n',
    'Keep-Alive: timeout=5\r\n',
    'Proxy-Connection: keep-alive\r\n',
    'Connection: keep-alive,,close\r\n',
  ],
  ...[
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
    'HTTP/1.1 100 C\r\n\r\n'.repeat(17),
    'HTTP/1.1 103 E\r\n\r\n',
  ],
  ...[
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.0 ',
    'HTTP/1.1 ',
    'HTTP/2.0 ',
    'HTTP/0.9 ',
    'HTTP/1.2 ',
    'http/1.1 ',
    'RTSP/1.0 ',
    'ICE/1.0 ',
    'HTTP/1.1  ',
  ],
  ...['100', '101', '199', '200', '204', '205', '304', '000', '099', '999', '1000', '20', ' OK'],
  ...[
    '0\r\n\r\n',
    '1\r\na\r\n',
    '0;a\r\n\r\n',
    '00000000000000000000001\r\n',
    '10000000000000000\r\n',
    'ffffffffffffffff\r\n',
    '7fffffffffffffff',
  ],
  ...[
    ';a=b',
    ';a="b',
    '";',
    '; a=b',
    ';a =b',
    ';=b',
    ';a=',
    ';;',
    ' ;a',
    ';a="\\"',
    ';a=b c',
    ';\xe9=1',
    ';a="\xe9"',
    '5 \r\n',
    '5\n',
  ],
  ...[
    'X: y\r\n',
    'X:\r\n',
    ': y\r\n',
    'X\r\n',
    'X y: z\r\n',
    'X\t: z\r\n',
    '\xe9: z\r\n',
    'X: \x01\r\n',
    'X: y\r\n folded\r\n',
    'Trailer: T\r\n',
    'T: v\r\n',
  ],
  ...[
    'Content-Encoding: identity\r\n',
    'Content-Encoding: br\r\n',
    'Host: x\r\n',
    'Set-Cookie: a=b\r\n',
    'Authorization: z\r\n',
  ],
].map(latin1);
