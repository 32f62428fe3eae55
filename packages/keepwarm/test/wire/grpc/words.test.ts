/** The small words of the protocol: timeouts, statuses, their messages, metadata. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NetError } from '../../../src/core/error.ts';
import { Metadata, type MetadataInput } from '../../../src/wire/grpc/metadata.ts';
import { STATUS, statusName, statusOf, statusOfHttp, statusOfReset } from '../../../src/wire/grpc/status.ts';
import { messageText } from '../../../src/wire/grpc/status-message.ts';
import { timeoutText } from '../../../src/wire/grpc/timeout.ts';

describe('grpc-timeout', () => {
  it('is said in the finest unit that eight digits can say', () => {
    assert.equal(timeoutText(0.2), '1m');
    assert.equal(timeoutText(30_000), '30000m');
    assert.equal(timeoutText(99_999_999), '99999999m');
    assert.equal(timeoutText(100_000_000), '100000S');
    assert.equal(timeoutText(Number.MAX_VALUE), '99999999H');
    assert.equal(timeoutText(Number.POSITIVE_INFINITY), undefined);
  });

  it('never asks the peer to give up before us, and has never more than eight digits', () => {
    const lengths: Readonly<Record<string, number>> = { m: 1, S: 1_000, M: 60_000, H: 3_600_000 };
    fc.assert(
      fc.property(fc.double({ min: 0.001, max: 3e14, noNaN: true }), (ms) => {
        const text = timeoutText(ms)!;
        assert.match(text, /^\d{1,8}[mSMH]$/);
        assert(Number(text.slice(0, -1)) * lengths[text.at(-1)!]! >= ms);
      }),
    );
  });
});

describe('statuses', () => {
  it('have names, and what is no number there is is UNKNOWN', () => {
    assert.equal(statusName(14), 'UNAVAILABLE');
    assert.equal(statusName(17), 'UNKNOWN');
    for (const [name, code] of Object.entries(STATUS)) assert.equal(statusOf(String(code)), name);
    assert.equal(statusOf('99'), 'UNKNOWN');
    for (const text of ['', '-1', '1.5', 'OK', '1e1']) assert.equal(statusOf(text), undefined, text);
  });

  it('stand for HTTP statuses as gRPC wants it', () => {
    const wanted = { 400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14, 200: 2, 500: 2, 418: 2 };
    for (const [http, code] of Object.entries(wanted)) assert.equal(STATUS[statusOfHttp(Number(http))], code, http);
  });

  it('stand for the codes of RST_STREAM as gRPC wants it', () => {
    assert.equal(statusOfReset('CANCEL'), 'CANCELLED');
    assert.equal(statusOfReset('REFUSED_STREAM'), 'UNAVAILABLE');
    assert.equal(statusOfReset('ENHANCE_YOUR_CALM'), 'RESOURCE_EXHAUSTED');
    assert.equal(statusOfReset('INADEQUATE_SECURITY'), 'PERMISSION_DENIED');
    assert.equal(statusOfReset('INTERNAL_ERROR'), 'INTERNAL');
    assert.equal(statusOfReset('NO_ERROR'), 'INTERNAL');
    assert.equal(statusOfReset('code 0x2a'), 'UNKNOWN');
    assert.equal(statusOfReset('ECONNRESET'), undefined);
  });
});

describe('grpc-message', () => {
  it('is read as it was before it was escaped, whatever text it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        const bytes = [...new TextEncoder().encode(text)];
        const escaped = bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');
        assert.equal(messageText(escaped), text);
        assert.equal(messageText(Buffer.from(text).toString('latin1').replaceAll('%', '%25')), text, 'unescaped UTF-8');
      }),
    );
  });

  it('keeps what is broken as it stands', () => {
    assert.equal(messageText('100% of %zz, %4'), '100% of %zz, %4');
    assert.equal(messageText('%ff'), '\ufffd');
  });
});

describe('metadata', () => {
  const refusal = (input: unknown): string => {
    try {
      Metadata.of(input as MetadataInput);
    } catch (error) {
      assert(error instanceof NetError && error.code === 'INVALID' && error.reach === 'unsent');
      return error.message;
    }
    return assert.fail('it was taken');
  };

  it('goes out and comes back the same, bytes in Base64', () => {
    const sent = Metadata.of([
      ['x-Text', 'a, b'],
      ['x-bytes-bin', Uint8Array.of(0, 255, 7)],
      ['x-text', ''],
    ]);
    const fields = [...sent.fields()];
    assert.deepEqual(fields, [
      ['x-text', 'a, b'],
      ['x-bytes-bin', 'AP8H'],
      ['x-text', ''],
    ]);
    const back = Metadata.received(fields);
    assert.deepEqual(back.getAll('X-Text'), ['a, b', '']);
    assert.deepEqual(new Uint8Array(back.get('x-bytes-bin') as Uint8Array), Uint8Array.of(0, 255, 7));
  });

  it('takes bytes with padding and without, and several in one field', () => {
    const back = Metadata.received([['a-bin', 'AQ==, Ag,AwQ=']]);
    assert.deepEqual(
      back.getAll('a-bin').map((each) => [...(each as Uint8Array)]),
      [[1], [2], [3, 4]],
    );
  });

  it('refuses what would not arrive, and never shows a value', () => {
    for (const name of ['grpc-status', 'TE', 'content-type', 'host']) {
      assert.match(refusal({ [name]: 'secret' }), /belongs to the protocol/);
    }
    assert.match(refusal({ ü: 'secret' }), /no name/);
    assert.match(refusal({ ':path': 'secret' }), /no name/);
    for (const value of ['secret\r\nx: y', ' secret', 'secret ', 'schön', 7, null]) {
      const message = refusal({ 'x-key': value });
      assert.match(message, /not printable ASCII/);
      assert(!message.includes('secret'));
    }
    assert.match(refusal({ 'x-bin': 'secret' }), /must be a Uint8Array/);
    assert.match(refusal({ x: new Uint8Array(1) }), /must end in -bin/);
    assert.match(refusal('secret'), /must be an object/);
    assert.match(refusal([['x']]), /must be an object/);
  });

  it('shows names and no values to whoever logs it', () => {
    const metadata = Metadata.of({ 'x-token': 'secret' });
    assert.equal(JSON.stringify(metadata), '["x-token"]');
  });

  it('stands over defaults by name', () => {
    const joined = Metadata.of({ a: '1' }).over(Metadata.of({ a: '0', b: '2' }));
    assert.deepEqual(
      [...joined],
      [
        ['b', '2'],
        ['a', '1'],
      ],
    );
  });
});
