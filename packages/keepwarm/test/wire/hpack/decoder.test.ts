import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { HpackDecoder } from '../../../src/wire/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/wire/hpack/encoder.ts';
import { FieldLimitError, HpackError } from '../../../src/wire/hpack/error.ts';
import { REMEMBERED_BYTES_MAX } from '../../../src/wire/hpack/section.ts';
import { aDecoder, decoded, encoded, hex, lines } from './blocks.ts';

const refuses = (block: string, why: RegExp, decoder = aDecoder()): HpackDecoder => {
  assert.throws(
    () => decoded(decoder, hex(block)),
    (error: unknown) => error instanceof HpackError && why.test(error.message),
  );
  return decoder;
};

describe('a block that breaks RFC 7541 is refused', () => {
  for (const [what, block, why] of [
    ['index 0', '80', /index 0/],
    ['an index beyond both tables', 'be', /index 62, where the last entry has 61/],
    ['a huge index', 'ffffffff0f', /index \d+/],
    ['a name index beyond both tables', '7f00 0161', /index 63/],
    ['an index above 2^31', 'ffffffffff7f', /an integer above 2147483647/],
    ['an integer padded without end', 'ff808080808000', /an integer of more than 6 bytes/],
    ['an integer that is cut off', 'ff80', /ends within a field/],
    ['an index that is cut off', 'ff', /ends within a field/],
    ['a name that is missing', '40', /ends within a field/],
    ['a value that is missing', '4001 61', /ends within a field/],
    ['a name that is cut off', '4003 6162', /a string of 3 bytes where 2 are left/],
    ['a string as long as the address space', '407f ffffff07 61', /a string of \d+ bytes where 1 are left/],
    ['a size update after a field', '82 20', /after the first field/],
    ['a size above the limit', '3fe21f', /a table size of 4097 bytes, above the limit of 4096/],
    ['a Huffman string with EOS in it', '0084 ffffffff 00', /EOS|seven bits/],
    ['a Huffman string with EOS and more after it', '0085 ffffffffff 00', /EOS/],
    ['Huffman padding of eight ones', '0082 1fff 00', /seven bits/],
    ['Huffman padding with a zero in it', '0081 1e 00', /padded with other bits than ones/],
    ['Huffman padding of zeros', '0081 18 00', /padded with other bits/],
    ['a Huffman code that is cut off', '0082 fff0 00', /cut off/],
  ] as const) {
    it(what, () => {
      const decoder = refuses(block, why);
      refuses('82', /follows a broken one/, decoder);
    });
  }
});

describe('an integer', () => {
  it('may be padded, within six bytes', () => {
    assert.throws(() => decoded(aDecoder(), hex('ff8080808000')), /index 127/);
    assert.deepEqual(lines(decoded(aDecoder(), hex('0f8080808000 0161'))), ['accept-charset: a']);
  });
});

describe('a string', () => {
  it('is never taken for another that was read before', () => {
    const decoder = aDecoder();
    for (let first = 0; first < 256; first++) {
      for (let last = 0; last < 256; last++) {
        const { fields } = decoder.read(Uint8Array.of(0x00, 0x01, 0x78, 0x02, first, last), 0, 6);
        assert.equal(fields[1], String.fromCharCode(first, last));
      }
    }
  });
});

describe('Huffman code', () => {
  it('is read with padding of any length up to seven ones', () => {
    for (const text of ['', 'a', 'ab', 'abc', 'abcd', 'abcde', 'abcdef', 'abcdefg', 'abcdefgh', 'z{\x00|\xff~\x7f']) {
      const block = encoded(new HpackEncoder(), [['x', text]]);
      assert.deepEqual(lines(decoded(aDecoder(), block)), [`x: ${text}`]);
    }
  });

  it('may say an empty string in no bytes only', () => {
    assert.deepEqual(lines(decoded(aDecoder(), hex('0001 78 80'))), ['x: ']);
    refuses('0001 78 81ff', /seven bits/);
  });
});

describe('a field section beyond a limit', () => {
  for (const [limits, error] of [
    [{ fieldsMax: 2 }, /more than 2 fields \(limit fieldsMax\)/],
    [{ listBytesMax: 127 }, /more than 127 bytes \(limit listBytesMax\)/],
  ] as const) {
    it(`${Object.keys(limits)} costs the stream only: the table takes what the block brings`, () => {
      const decoder = aDecoder(limits);
      const block = hex('82 84 4001 61 01 62 4001 63 01 64');
      assert.throws(
        () => decoded(decoder, block),
        (thrown: unknown) => thrown instanceof FieldLimitError && error.test(thrown.message),
      );
      assert.deepEqual(decoder.table, { bytes: 68, entries: 2, bytesMax: 4096 });
      assert.deepEqual(lines(decoded(decoder, hex('be bf'))), ['c: d', 'a: b']);
    });
  }

  it('is within it to the byte', () => {
    const bytes = ':method'.length + 'GET'.length + 32;
    assert.equal(decoded(aDecoder({ listBytesMax: bytes, fieldsMax: 1 }), hex('82')).length, 1);
    assert.throws(() => decoded(aDecoder({ listBytesMax: bytes - 1 }), hex('82')), FieldLimitError);
  });

  it('hands on no field at all, and its own error before that of a later fault is not seen', () => {
    const decoder = aDecoder({ fieldsMax: 1 });
    const seen: string[] = [];
    assert.throws(() => decoder.decode(hex('8282'), 0, 2, (name) => seen.push(name)), FieldLimitError);
    assert.deepEqual(seen, []);
    refuses('82 82 80', /index 0/, decoder);
  });

  it('keeps nothing of a block that says one large entry many times', () => {
    const decoder = aDecoder({ listBytesMax: 8_192 });
    decoded(decoder, encoded(new HpackEncoder(), [['x', 'y'.repeat(2_000)]]));
    assert.throws(() => decoded(decoder, Buffer.alloc(60_000, 0xbe)), FieldLimitError);
    assert.equal(decoder.table.entries, 1);
  });
});

describe('the table', () => {
  it('is emptied by an entry larger than itself, whose field is seen all the same', () => {
    const decoder = aDecoder();
    decoded(decoder, hex('20 3f21')); // sizes 0 and 64
    decoded(decoder, hex('4001 61 01 62'));
    assert.equal(decoder.table.entries, 1);
    assert.deepEqual(lines(decoded(decoder, Buffer.concat([hex('4001 61 32'), Buffer.alloc(50, 0x63)]))), [
      `a: ${'c'.repeat(50)}`,
    ]);
    assert.deepEqual(decoder.table, { bytes: 0, entries: 0, bytesMax: 64 });
  });

  it('gives a name to an entry that evicts the entry the name came from', () => {
    const decoder = aDecoder();
    decoded(decoder, hex('3f 0a 4001 61 01 62')); // size 41, one entry of 34
    assert.deepEqual(lines(decoded(decoder, hex('7e 01 63 be'))), ['a: c', 'a: c']);
    assert.equal(decoder.table.entries, 1);
  });

  it('holds as many entries as fit, and forgets the oldest first', () => {
    const decoder = aDecoder();
    for (let i = 0; i < 300; i++) {
      decoded(decoder, Buffer.concat([hex('40 01 61 03'), Buffer.from(String(100 + i))]));
    }
    assert.deepEqual(decoder.table, { bytes: 113 * 36, entries: 113, bytesMax: 4096 });
    assert.deepEqual(lines(decoded(decoder, hex('be ff2f'))), ['a: 399', 'a: 287']);
    refuses('ff30', /index 175, where the last entry has 174/, decoder);
  });

  it('may be resized several times before the first field', () => {
    const decoder = aDecoder();
    decoded(decoder, hex('4001 61 01 62'));
    assert.deepEqual(lines(decoded(decoder, hex('20 3fe11f 82'))), [':method: GET']);
    assert.deepEqual(decoder.table, { bytes: 0, entries: 0, bytesMax: 4096 });
  });

  it('may be larger than 4,096 bytes where we said so', () => {
    assert.equal(decoded(aDecoder({ tableBytesMax: 8_192 }), hex('3fe13f 82')).length, 1);
    refuses('3fe23f', /8193 bytes, above the limit of 8192/, aDecoder({ tableBytesMax: 8_192 }));
  });

  it('stays as the protocol begins until a smaller size is acknowledged, and must then be made smaller', () => {
    const decoder = aDecoder({ tableBytesMax: 100 });
    decoded(decoder, hex('82 4001 61 01 62'));
    decoded(decoder, hex('82'));
    decoder.setTableBytesMax(100);
    refuses('82', /no table size update, though the limit was lowered to 100 bytes/, decoder);
    const other = aDecoder({ tableBytesMax: 100 });
    decoded(other, hex('82'));
    decoded(other, hex('82'));
    other.setTableBytesMax(100);
    assert.deepEqual(lines(decoded(other, hex('3f45 82'))), [':method: GET']);
    assert.deepEqual(lines(decoded(other, hex('82'))), [':method: GET']);
  });
});

describe('a block that comes again', () => {
  const status = hex('88 0f0d 02 3533');

  it('is the same section, with what its user noted', () => {
    const decoder = aDecoder();
    for (let i = 0; i < 2; i++) decoder.read(status, 0, status.length);
    const section = decoder.read(status, 0, status.length);
    section.note = 'judged';
    const elsewhere = Buffer.concat([hex('ff'), status]);
    assert.equal(decoder.read(elsewhere, 1, elsewhere.length), section);
    assert.equal(decoder.read(status, 0, status.length).note, 'judged');
    assert.deepEqual(section.fields, [':status', '200', 'content-length', '53']);
  });

  it('means something else after the table has changed', () => {
    const decoder = aDecoder();
    decoded(decoder, hex('4001 61 01 62'));
    for (let i = 0; i < 4; i++) assert.deepEqual(lines(decoded(decoder, hex('88 be'))), [':status: 200', 'a: b']);
    decoded(decoder, hex('4001 61 01 63'));
    for (let i = 0; i < 4; i++) assert.deepEqual(lines(decoded(decoder, hex('88 be'))), [':status: 200', 'a: c']);
    decoded(decoder, hex('20 3fe11f'));
    refuses('88 be', /index 62/, decoder);
  });

  it('is read anew when it resizes the table, though no entry is lost', () => {
    const decoder = aDecoder();
    for (let i = 0; i < 3; i++) decoded(decoder, hex('3fc907'));
    decoded(decoder, hex('3fe11f'));
    decoded(decoder, hex('3fc907'));
    assert.equal(decoder.table.bytesMax, 1_000);
  });

  it('is read anew when it changes the table', () => {
    const decoder = aDecoder();
    for (let i = 1; i < 4; i++) {
      decoded(decoder, hex('4001 61 01 62'));
      assert.equal(decoder.table.entries, i);
    }
  });

  it('is remembered where an entry cannot enter the table', () => {
    const decoder = aDecoder();
    decoded(decoder, hex('20'));
    const block = hex('88 4001 61 01 62');
    for (let i = 0; i < 2; i++) decoder.read(block, 0, block.length);
    assert.equal(decoder.read(block, 0, block.length), decoder.read(block, 0, block.length));
  });

  it('is not kept when it is marked as sensitive, or long', () => {
    const decoder = aDecoder();
    for (const block of [
      hex('88 1001 61 01 62'),
      Buffer.concat([hex('0001 61 7f c201'), Buffer.alloc(REMEMBERED_BYTES_MAX + 65, 0x61)]),
    ]) {
      for (let i = 0; i < 3; i++) decoder.read(block, 0, block.length);
      assert.notEqual(decoder.read(block, 0, block.length), decoder.read(block, 0, block.length));
    }
  });
});
