/** What peers get wrong, and what a caller is told then. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { GrpcError, rawMethod, STATUS, type StatusName } from '../../../src/grpc.ts';
import { ERROR } from '../../../src/wire/h2/codes.ts';
import { data, goaway, reset, settings } from '../../wire/h2/raw.ts';
import type { Asked, Line } from '../h2/a-peer.ts';
import { leavesNothing, until } from '../setup.ts';
import { aCall, all, answer, failure, head, headOnly, says, trailers } from './a-peer.ts';

leavesNothing();

const method = rawMethod('/raw.Raw/Call');
const NOTHING = new Uint8Array(0);

type Answer = (line: Line, asked: Asked) => void;

interface Row {
  readonly answer: Answer;
  readonly status: StatusName;
  readonly says: RegExp;
  /** Whether the peer is told to stop. */
  readonly stops?: boolean;
}

const sends =
  (...frames: ((id: number) => Buffer)[]): Answer =>
  (line, { id }) =>
    line.send(Buffer.concat(frames.map((frame) => frame(id))));

const http = (status: string, type = 'text/html'): Answer =>
  sends(
    (id) => head(id, [], { status, type }),
    (id) => data(id, '<p>no gRPC</p>', true),
  );

const gzipped = (bytes: Uint8Array): Answer =>
  sends(
    (id) => head(id, [['grpc-encoding', 'gzip']]),
    (id) => says(id, bytes, 1),
    trailers,
  );

const LARGE = Buffer.from(Array.from({ length: 60_000 }, (_, i) => (i * 7919) & 255));

/** The same for calls that get one message and for those that get a stream. */
const BOTH: Readonly<Record<string, Row>> = {
  'trailers are missing': {
    answer: sends(head, (id) => Buffer.concat([says(id, 'ok'), data(id, '', true)])),
    status: 'UNKNOWN',
    says: /without a grpc-status/,
  },
  'half a message, and OK': {
    answer: sends(head, (id) => data(id, '\0\0\0\0\x0aabc'), trailers),
    status: 'INTERNAL',
    says: /ended within a message/,
  },
  'half a prefix, and OK': {
    answer: sends(head, (id) => data(id, '\0\0'), trailers),
    status: 'INTERNAL',
    says: /ended within a message/,
  },
  'half a message, and a status that says why': {
    answer: sends(
      head,
      (id) => data(id, '\0\0\0\0\x0aabc'),
      (id) => trailers(id, '15', [['grpc-message', 'disk gone']]),
    ),
    status: 'DATA_LOSS',
    says: /disk gone/,
  },
  'a flag that is none': {
    answer: sends(head, (id) => says(id, 'x', 3)),
    status: 'INTERNAL',
    says: /first byte is 3/,
    stops: true,
  },
  'a message beyond the limit': {
    answer: sends(head, (id) => data(id, '\0\0\x10\0\0')),
    status: 'RESOURCE_EXHAUSTED',
    says: /larger than 100000 bytes was received: 1048576 \(limit messageBytesMax\)/,
    stops: true,
  },
  'a compressed message, and no coding': {
    answer: sends(head, (id) => says(id, 'x', 1), trailers),
    status: 'INTERNAL',
    says: /there is no grpc-encoding/,
  },
  'a compressed message in another coding': {
    answer: sends(
      (id) => head(id, [['grpc-encoding', 'br']]),
      (id) => says(id, 'x', 1),
      trailers,
    ),
    status: 'INTERNAL',
    says: /grpc-encoding "br"/,
  },
  'a compressed message that is broken': {
    answer: gzipped(Buffer.from('no gzip')),
    status: 'INTERNAL',
    says: /could not be decompressed/,
  },
  'a large compressed message that is broken': {
    answer: gzipped(LARGE),
    status: 'INTERNAL',
    says: /could not be decompressed/,
  },
  'a small message that inflates beyond the limit': {
    answer: gzipped(gzipSync(new Uint8Array(1_000_000))),
    status: 'RESOURCE_EXHAUSTED',
    says: /larger than 100000 bytes .* decompressed/,
  },
  'a large message that inflates beyond the limit': {
    answer: gzipped(gzipSync(Buffer.concat([LARGE, LARGE]))),
    status: 'RESOURCE_EXHAUSTED',
    says: /larger than 100000 bytes .* decompressed/,
  },
  'another content-type': { answer: http('200'), status: 'UNKNOWN', says: /HTTP status 200 of type "text\/html"/ },
  'no content-type': { answer: http('200', ''), status: 'UNKNOWN', says: /without a content-type/ },
  'application/grpc-web': { answer: http('200', 'application/grpc-web'), status: 'UNKNOWN', says: /no gRPC/ },
  'HTTP 400': { answer: http('400'), status: 'INTERNAL', says: /HTTP status 400/ },
  'HTTP 401': { answer: http('401'), status: 'UNAUTHENTICATED', says: /HTTP status 401/ },
  'HTTP 403': { answer: http('403'), status: 'PERMISSION_DENIED', says: /HTTP status 403/ },
  'HTTP 404': { answer: http('404'), status: 'UNIMPLEMENTED', says: /HTTP status 404/ },
  'HTTP 429': { answer: http('429'), status: 'UNAVAILABLE', says: /HTTP status 429/ },
  'HTTP 503 without grpc-status': { answer: http('503'), status: 'UNAVAILABLE', says: /HTTP status 503/ },
  'HTTP 503 with application/grpc and no grpc-status': {
    answer: http('503', 'application/grpc'),
    status: 'UNAVAILABLE',
    says: /HTTP status 503/,
  },
  'HTTP 503 with a grpc-status': {
    answer: sends((id) => headOnly(id, [['grpc-status', '7']], { status: '503' })),
    status: 'PERMISSION_DENIED',
    says: /PERMISSION_DENIED/,
  },
  'HTTP 302': { answer: http('302'), status: 'UNKNOWN', says: /HTTP status 302/ },
  'trailers only': {
    answer: sends((id) =>
      headOnly(id, [
        ['grpc-status', '9'],
        ['grpc-message', 'not%20now'],
      ]),
    ),
    status: 'FAILED_PRECONDITION',
    says: /not now/,
  },
  'a grpc-status that is none there is': {
    answer: sends((id) =>
      headOnly(id, [
        ['grpc-status', '77'],
        ['grpc-message', 'odd'],
      ]),
    ),
    status: 'UNKNOWN',
    says: /grpc-status "77" is none there is: odd/,
  },
  'a grpc-status that is no number': {
    answer: sends((id) => headOnly(id, [['grpc-status', 'OK']])),
    status: 'UNKNOWN',
    says: /grpc-status "OK"/,
  },
};

const RESETS: Readonly<Partial<Record<keyof typeof ERROR, StatusName>>> = {
  NO_ERROR: 'INTERNAL',
  PROTOCOL_ERROR: 'INTERNAL',
  INTERNAL_ERROR: 'INTERNAL',
  CANCEL: 'CANCELLED',
  ENHANCE_YOUR_CALM: 'RESOURCE_EXHAUSTED',
  INADEQUATE_SECURITY: 'PERMISSION_DENIED',
  REFUSED_STREAM: 'UNAVAILABLE',
};

const KINDS = {
  unary: 'a call that gets one message',
  stream: 'a call that gets a stream',
} as const;

for (const [kind, what] of Object.entries(KINDS)) {
  describe(`${what}, when its peer sends`, () => {
    const rows = Object.entries(BOTH);
    for (const [code, status] of Object.entries(RESETS)) {
      const answers: Answer = sends((id) => reset(id, ERROR[code as keyof typeof ERROR]));
      rows.push([`RST_STREAM ${code}`, { answer: answers, status, says: /reset the stream|refused the stream/ }]);
    }
    for (const [name, row] of rows) {
      it(`${name}, fails with ${row.status}`, async (t) => {
        const { peer, client } = await aCall(t, { request: row.answer }, { messageBytesMax: 100_000 });
        const call = kind === 'unary' ? client.unary(method, NOTHING) : all(client.serverStream(method, NOTHING));
        const error = await failure(call);
        assert.equal(error.status, row.status, error.message);
        assert.equal(error.code, STATUS[row.status]);
        assert.match(error.message, row.says);
        assert(error.message.startsWith('/raw.Raw/Call: '), error.message);
        assert.equal(
          error.reach,
          name.endsWith('REFUSED_STREAM') ? 'unsent' : name.startsWith('RST') ? 'unknown' : 'answered',
        );
        if (row.stops) await until(() => peer.asked[0]?.reset === ERROR.CANCEL, 'the stream is ended at the peer');
        const { calls, messages } = client.stats();
        // A stream whose peer has ended it well has ended well, whatever becomes of reading it.
        const readLater =
          (kind === 'stream' && name.includes('compressed')) || (name.includes('inflates') && kind === 'stream');
        assert.deepEqual(calls.byStatus, readLater ? { OK: 1 } : { [row.status]: 1 });
        if (readLater) assert.equal(messages.unreadable, 1);
        peer.script = { request: (line, { id }) => answer(line, id) };
        assert.equal(
          Buffer.from((await client.unary(method, NOTHING)).message).toString(),
          'ok',
          'the session goes on',
        );
        assert.equal(peer.lines.length, 1);
      });
    }
  });
}

describe('a call that gets one message', () => {
  for (const [what, frames] of Object.entries({
    'no message': [head, trailers],
    'no message, in trailers only': [(id: number) => headOnly(id, [['grpc-status', '0']])],
    'two messages': [head, (id: number) => Buffer.concat([says(id, 'a'), says(id, 'b')]), trailers],
  })) {
    it(`fails with UNIMPLEMENTED when it gets ${what}`, async (t) => {
      const { client } = await aCall(t, { request: sends(...frames) });
      assert.equal((await failure(client.unary(method, NOTHING))).status, 'UNIMPLEMENTED');
    });
  }

  it('tells the details and trailers of a failure', async (t) => {
    const more = [
      ['grpc-status-details-bin', 'CAUSA25vcGU'],
      ['x-why', 'because'],
    ] as const;
    const { client } = await aCall(t, { request: sends(head, (id) => trailers(id, '5', more)) });
    const error = await failure(client.unary(method, NOTHING));
    assert.equal(Buffer.from(error.details!).toString('latin1'), '\b\u0005\u0012\u0003nope');
    assert.equal(error.metadata.get('x-why'), 'because');
  });
});

describe('a stream', () => {
  it('gives what came before the server died, and then tells that it did', async (t) => {
    const { client } = await aCall(t, {
      request: (line, { id }) => {
        line.send(Buffer.concat([head(id), says(id, 'one'), says(id, 'two'), data(id, '\0\0\0\0\x05th')]));
        setTimeout(() => line.socket.destroy(), 5);
      },
    });
    const got: string[] = [];
    const error = await failure(
      (async () => {
        for await (const each of client.serverStream(method, NOTHING)) got.push(Buffer.from(each).toString());
      })(),
    );
    assert.deepEqual(got, ['one', 'two']);
    assert.deepEqual([error.status, error.reach], ['UNAVAILABLE', 'answered']);
  });

  it('that is trailers only and OK is over, with nothing in it', async (t) => {
    const { client } = await aCall(t, {
      request: sends((id) =>
        headOnly(id, [
          ['grpc-status', '0'],
          ['x-a', 'b'],
        ]),
      ),
    });
    const stream = client.serverStream(method, NOTHING);
    assert.deepEqual(await all(stream), []);
    assert.equal((await stream.trailers).get('x-a'), 'b');
  });

  it('goes on through GOAWAY, and what the peer did not process is sent again elsewhere', async (t) => {
    const { peer, client } = await aCall(t, {});
    const first = client.serverStream(method, NOTHING);
    await until(() => peer.asked.length === 1, 'the first call');
    const second = client.unary(method, NOTHING);
    const third = client.bidi(method, [Buffer.from('subscribe')]);
    const line = peer.line;
    await until(() => line.asked.length === 3 && line.find(5)!.ended, 'all calls on one session');
    peer.script = { request: (other, { id }) => answer(other, id, 'elsewhere') };
    line.send(goaway(1));
    assert.equal(Buffer.from((await second).message).toString(), 'elsewhere');
    assert.deepEqual(await all(third), ['elsewhere']);
    assert.equal(peer.lines[1]!.asked[1]!.body, '\0\0\0\0\tsubscribe', 'with the messages it had sent');
    line.send(Buffer.concat([head(1), says(1, 'still here'), trailers(1)]));
    assert.deepEqual(await all(first), ['still here']);
    assert.deepEqual(client.stats().calls.byStatus, { OK: 3 });
  });
});

describe('a peer', () => {
  it('that is silent before its settings fails the call with UNAVAILABLE, unsent, in the time for that', async (t) => {
    const { client } = await aCall(t, { connected: () => {} }, { connect: { connectMs: 50 } });
    const error = await failure(client.unary(method, NOTHING));
    assert.deepEqual([error.status, error.reach], ['UNAVAILABLE', 'unsent']);
  });

  it('that allows too few streams makes calls wait, and say so when that takes too long', async (t) => {
    const script = { hello: settings(['maxConcurrentStreams', 1]) };
    const { client } = await aCall(t, script, { limits: { queueMs: 50 }, pool: { socketsMax: 1 } });
    const holding = client.serverStream(method, NOTHING);
    const error = await failure(client.serverStream(method, NOTHING).next());
    assert.deepEqual([error.status, error.reach, error.limit], ['UNAVAILABLE', 'unsent', 'queueMs']);
    holding.cancel();
    assert.equal((await failure(holding.next())).status, 'CANCELLED');
  });

  it('never gets to see or show a token anywhere but where it belongs', async (t) => {
    const { peer, client } = await aCall(t, { request: http('500') }, { token: 'very-secret' });
    const error = await failure(client.unary(method, NOTHING, { metadata: { authorization: 'very-secret' } }));
    assert.equal(peer.asked[0]!.fields.get('x-token'), 'very-secret');
    const { inspect } = await import('node:util');
    assert(!inspect([error, error.cause, client, client.stats()], { depth: 20 }).includes('very-secret'));
    assert(error instanceof GrpcError);
  });
});
