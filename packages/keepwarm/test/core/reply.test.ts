import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Reply } from '../../src/core/reply.ts';
import { ReplyFields } from '../../src/core/reply-fields.ts';
import { bytesOf, ScriptedBody, truncated } from './a-body.ts';

const HEAD = 'HTTP/1.1 200 Fine\r\nContent-Encoding: gzip\r\nA: b\r\n\r\n';

const aReply = (body: Uint8Array | ScriptedBody = bytesOf('{"a":1}'), status = 200): Reply =>
  new Reply(status, HEAD, body, false, 7, true);

describe('a reply', () => {
  it('tells status, fields and where it came from', () => {
    const reply = aReply();
    const { status, statusText, ok, socketId, reused } = reply;
    assert.deepEqual(
      { status, statusText, ok, socketId, reused },
      {
        status: 200,
        statusText: 'Fine',
        ok: true,
        socketId: 7,
        reused: true,
      },
    );
    assert.equal(reply.headers.get('a'), 'b');
    assert.equal(reply.headers, reply.headers, 'split once');
    assert.deepEqual(
      [199, 200, 299, 300].map((code) => aReply(bytesOf(''), code).ok),
      [false, true, true, false],
    );
  });

  it('can be read as bytes, text, JSON and stream, whole or arriving', async () => {
    const arriving = (): ScriptedBody => {
      const body = new ScriptedBody();
      body.onStart = () => {
        for (const part of ['{"a', '":1', '}']) body.data(part);
        body.end();
      };
      return body;
    };
    for (const make of [() => bytesOf('{"a":1}'), arriving]) {
      assert.equal(Buffer.from(await aReply(make()).bytes()).toString(), '{"a":1}');
      assert.equal(await aReply(make()).text(), '{"a":1}');
      assert.deepEqual(await aReply(make()).json(), { a: 1 });
      assert.equal(await new Response(aReply(make()).stream()).text(), '{"a":1}');
    }
  });

  it('has one reader: the second is refused', async () => {
    const reply = aReply();
    assert.equal(reply.used, false);
    await reply.text();
    assert.equal(reply.used, true);
    await assert.rejects(reply.json(), { code: 'INVALID', reach: 'answered' });
    assert.throws(() => reply.stream(), { code: 'INVALID' });
    assert.throws(() => reply.take(), { code: 'INVALID' });
    reply.discard();
  });

  it('has ended when it came whole, and tells so at once', () => {
    const reply = aReply();
    let ends = 0;
    reply.onEnd(() => ends++);
    assert.deepEqual([reply.ended, ends], [true, 1]);
  });

  it('that is arriving ends once, and tells everyone who asked', () => {
    const reply = aReply(new ScriptedBody());
    const told: string[] = [];
    reply.onEnd(() => told.push('first'));
    reply.onEnd(() => told.push('second'));
    assert.equal(reply.ended, false);
    reply.finish();
    reply.finish();
    reply.onEnd(() => told.push('late'));
    assert.deepEqual(told, ['first', 'second', 'late']);
  });

  it('gives its connection up when it is discarded unread, and only then', () => {
    const body = new ScriptedBody();
    const reply = aReply(body);
    reply.discard('not wanted');
    reply.discard();
    assert.deepEqual(body.cancelled, ['not wanted']);
    const taken = new ScriptedBody();
    const other = aReply(taken);
    other.take();
    other.discard();
    assert.deepEqual(taken.cancelled, []);
  });

  it('fails its reader when it is cut off', async () => {
    const body = new ScriptedBody();
    const text = aReply(body).text();
    body.data('{"a"');
    body.fail();
    await assert.rejects(text, truncated);
  });
});

describe('a decoded reply', () => {
  const fields = ReplyFields.of([['a', 'b']], 'Fine');

  it('ends when the exchange under it ends, not when it was made', () => {
    const reply = aReply(new ScriptedBody());
    reply.take();
    const decoded = reply.with(new ScriptedBody(), fields);
    let ends = 0;
    decoded.onEnd(() => ends++);
    assert.equal(ends, 0);
    reply.finish();
    assert.deepEqual([decoded.ended, ends], [true, 1]);
  });

  it('has ended when the exchange had', () => {
    const reply = aReply();
    reply.take();
    assert.equal(reply.with(new ScriptedBody(), fields).ended, true);
  });

  it('leaves out the fields that are no longer true, and remembers them as they came', () => {
    const reply = aReply();
    reply.take();
    const decoded = reply.moved('http://b.test/').with(bytesOf('x'), fields).with(bytesOf('y'));
    assert.equal(decoded.headers.has('content-encoding'), false);
    assert.equal(decoded.received.get('content-encoding'), 'gzip');
    assert.equal(decoded.movedTo, 'http://b.test/');
    assert.equal(decoded.encoded, false);
  });
});
