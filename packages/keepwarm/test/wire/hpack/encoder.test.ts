import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { blockBytesMax, type FieldPair, HpackEncoder } from '../../../src/wire/hpack/encoder.ts';
import { isSecretName } from '../../../src/wire/hpack/indexing.ts';
import { aDecoder, decoded, encoded, lines } from './blocks.ts';

const REQUEST: readonly FieldPair[] = [
  [':method', 'POST'],
  [':scheme', 'https'],
  [':authority', 'api.example.com'],
  [':path', '/rpc'],
  ['content-type', 'application/json'],
  ['user-agent', 'keepwarm/1'],
];

/** What one list becomes, added by `constant` after `begin`. */
function constantBlock(encoder: HpackEncoder, fields: readonly FieldPair[]): Buffer {
  const into = Buffer.alloc(4_096);
  return into.subarray(0, encoder.constant(into, encoder.begin(into, 0), fields));
}

describe('a request that comes again', () => {
  it('costs a byte for each field from the second time on', () => {
    const encoder = new HpackEncoder();
    encoded(encoder, REQUEST);
    assert.equal(encoded(encoder, REQUEST).length, REQUEST.length);
  });

  it('means the same when it is copied, whatever happens to the table in between', () => {
    const [encoder, decoder] = [new HpackEncoder(), aDecoder()];
    const other: readonly FieldPair[] = [...REQUEST.slice(0, 3), [':path', '/other'], ['x-kind', 'other']];
    const secret: readonly FieldPair[] = [...REQUEST, ['authorization', `Bearer ${'s'.repeat(100)}`]];
    for (let i = 0; i < 200; i++) {
      const fields = [REQUEST, other, secret][(i >> 2) % 3]!;
      if (i % 50 === 49) encoder.setTableBytesMax(i % 100 === 49 ? 100 : 4_096);
      const block = constantBlock(encoder, fields);
      assert.deepEqual(
        lines(decoded(decoder, block)),
        fields.map(([name, value]) => `${name}: ${value}`),
      );
      assert.deepEqual(encoder.table, decoder.table);
    }
  });

  it('enters the table in the end, though it came when nothing could', () => {
    const encoder = new HpackEncoder();
    for (let i = 0; i < 3; i++) encoded(encoder, [['x-kind', `${i}`]]);
    const fields: readonly FieldPair[] = [['x-kind', 'the same']];
    const bytes = Array.from({ length: 6 }, () => constantBlock(encoder, fields).length);
    assert.deepEqual(bytes.slice(3), [1, 1, 1]);
  });

  it('can be put together from what is constant and what is not', () => {
    const [encoder, decoder] = [new HpackEncoder(), aDecoder()];
    for (let i = 0; i < 10; i++) {
      const into = Buffer.alloc(256);
      let at = encoder.constant(into, encoder.begin(into, 0), REQUEST);
      at = encoder.field(into, at, 'content-length', String(100 + i));
      assert.deepEqual(lines(decoded(decoder, into.subarray(0, at))).at(-1), `content-length: ${100 + i}`);
      if (i > 0) assert.equal(at, REQUEST.length + 5);
    }
  });

  it('is remembered for sixteen lists, and forgotten without harm beyond them', () => {
    const [encoder, decoder] = [new HpackEncoder(), aDecoder()];
    const lists = Array.from({ length: 40 }, (_, i): readonly FieldPair[] => [
      ...REQUEST,
      ['x-kind', `kind ${i % 20}`],
    ]);
    for (let i = 0; i < 400; i++) {
      const fields = lists[i % 40]!;
      assert.equal(lines(decoded(decoder, constantBlock(encoder, fields))).at(-1), `x-kind: ${fields.at(-1)![1]}`);
    }
  });

  it('is not changed by what is written later into the buffer it was copied from', () => {
    const encoder = new HpackEncoder();
    const into = Buffer.alloc(256);
    for (let i = 0; i < 3; i++) encoder.constant(into, 0, REQUEST);
    into.fill(0);
    assert.equal(constantBlock(encoder, REQUEST)[0], 0x83);
  });
});

describe('a secret', () => {
  for (const name of [
    ...['authorization', 'proxy-authorization', 'cookie', 'x-token', 'x-api-key', 'api-key', 'apikey', 'x-apikey'],
    ...['x-auth-token', 'x-vault-token', 'x-shopify-access-token', 'client-secret', 'x-signature', 'x-auth-key'],
    ...['ocp-apim-subscription-key', 'x-session', 'x-access-key', 'x-jwt', 'x-user-credentials'],
  ]) {
    it(`${name} never enters a table, here or further on`, () => {
      assert.equal(isSecretName(name), true);
      const [encoder, decoder] = [new HpackEncoder(), aDecoder()];
      for (let i = 0; i < 5; i++) {
        const [field] = decoded(decoder, encoded(encoder, [[name, 'a value that comes again']]));
        assert.deepEqual(field, { name, value: 'a value that comes again', sensitive: true });
      }
      assert.equal(encoder.table.entries, 0);
    });
  }

  it('is what the caller says is one', () => {
    const [encoder, decoder] = [new HpackEncoder(), aDecoder()];
    const into = Buffer.alloc(64);
    const end = encoder.field(into, 0, 'x-plain', 'v', true);
    assert.equal(decoded(decoder, into.subarray(0, end))[0]!.sensitive, true);
    assert.equal(encoder.table.entries, 0);
  });

  for (const name of ['user-agent', 'content-type', 'x-keyboard', 'monkey', 'x-author', 'x-tokenizer', ':authority']) {
    it(`${name} is none`, () => assert.equal(isSecretName(name), false));
  }
});

describe('the table is kept from churn', () => {
  const entriesAfter = (fields: (i: number) => readonly FieldPair[]): number => {
    const [encoder, decoder] = [new HpackEncoder(), aDecoder()];
    for (let i = 0; i < 100; i++) {
      assert.deepEqual(
        lines(decoded(decoder, encoded(encoder, fields(i)))),
        fields(i).map(([name, value]) => `${name}: ${value}`),
      );
      assert.deepEqual(encoder.table, decoder.table);
    }
    return encoder.table.entries;
  };

  it('by values that never come twice: three of a name enter', () => {
    assert.equal(
      entriesAfter((i) => [['x-unknown', `value ${i}`]]),
      3,
    );
  });

  it('by fields that are known to vary: none enters', () => {
    assert.equal(
      entriesAfter((i) => [
        ['content-length', String(i)],
        ['traceparent', `00-${i}`],
      ]),
      0,
    );
  });

  it('by more names than anybody needs: 128 are looked after', () => {
    const encoder = new HpackEncoder();
    for (let i = 0; i < 127; i++) encoded(encoder, [[`x-${i}`, '']]);
    for (const [name, bytes] of [
      ['x-in-time', 1],
      ['x-too-late', 11],
    ] as const) {
      for (let i = 0; i < 4; i++) encoded(encoder, [[name, 'v']]);
      assert.equal(encoded(encoder, [[name, 'v']]).length, bytes, name);
    }
  });

  it('by large values: what takes up more than half of it stays outside', () => {
    assert.equal(
      entriesAfter(() => [['x-large', 'v'.repeat(2_100)]]),
      0,
    );
  });

  it('and a name out of credit gets another entry for a value that has come three times in a row', () => {
    assert.equal(
      entriesAfter((i) => [['x-unknown', i < 10 ? `value ${i}` : 'settled']]),
      4,
    );
  });

  it('and a value used often pays for others of its name', () => {
    const entries = entriesAfter((i) => [
      [':path', '/rpc'],
      [':path', `/once/${i}`],
    ]);
    assert.ok(entries > 3 && entries <= 3 + Math.ceil(100 / 16), `${entries}`);
  });
});

describe('a change of the table size the peer allows', () => {
  const begun = (encoder: HpackEncoder): string => encoded(encoder, [[':method', 'GET']]).toString('hex');

  it('is told at the beginning of the next block, once', () => {
    const encoder = new HpackEncoder();
    encoder.setTableBytesMax(100);
    assert.equal(begun(encoder), '3f4582');
    assert.equal(begun(encoder), '82');
  });

  it('lets in what was too large before, in lists that come again as well', () => {
    const encoder = new HpackEncoder();
    encoder.setTableBytesMax(64);
    const fields: readonly FieldPair[] = [['x-kind', 'v'.repeat(40)]];
    for (let i = 0; i < 3; i++) assert.ok(constantBlock(encoder, fields).length > 30);
    encoder.setTableBytesMax(4_096);
    constantBlock(encoder, fields);
    assert.equal(constantBlock(encoder, fields).length, 1);
  });

  it('is told as the smallest and the last when there were several', () => {
    const encoder = new HpackEncoder();
    for (const bytes of [3_000, 0, 200, 4_096]) encoder.setTableBytesMax(bytes);
    assert.equal(begun(encoder), '203fe11f82');
    for (const bytes of [3_000, 200, 1_000]) encoder.setTableBytesMax(bytes);
    assert.equal(begun(encoder), '3fa9013fc90782');
  });

  it('needs no word when it changes nothing for us', () => {
    const encoder = new HpackEncoder();
    encoder.setTableBytesMax(65_536);
    assert.equal(begun(encoder), '82');
    assert.equal(encoder.table.bytesMax, 4_096);
  });

  it('is followed further where we are willing', () => {
    const encoder = new HpackEncoder({ tableBytesMax: 65_536 });
    encoder.setTableBytesMax(8_192);
    assert.equal(begun(encoder), '3fe13f82');
  });

  it('is our own, when we want less than the protocol begins with', () => {
    const encoder = new HpackEncoder({ tableBytesMax: 0 });
    assert.equal(begun(encoder), '2082');
    encoded(encoder, REQUEST);
    assert.equal(encoder.table.entries, 0);
  });
});

describe('what cannot be written', () => {
  it('is refused before the table has changed, when there is no room', () => {
    const encoder = new HpackEncoder();
    const into = Buffer.alloc(16);
    assert.throws(() => encoder.encode(into, 0, REQUEST), /may need \d+ bytes, and there is room for 16/);
    assert.throws(() => encoder.constant(into, 0, REQUEST), RangeError);
    assert.throws(() => encoder.field(into, 0, 'name', 'value'), RangeError);
    encoder.setTableBytesMax(0);
    assert.throws(() => encoder.begin(into, 10), RangeError);
    assert.equal(encoder.table.entries, 0);
    assert.equal(encoder.table.bytesMax, 4_096);
  });

  it('is never cut to latin1: a character beyond it is refused', () => {
    const encoder = new HpackEncoder();
    const fields: readonly FieldPair[] = [['x', 'ab\u010d\u010ac']];
    assert.throws(() => encoder.encode(Buffer.alloc(blockBytesMax(fields)), 0, fields), /beyond latin1/);
    assert.equal(encoder.table.entries, 0);
  });
});
