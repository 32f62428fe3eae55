/** Random walks: an encoder and a decoder stay in step, whatever is sent and however the table is resized. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { blockBytesMax, type FieldPair, HpackEncoder } from '../../../src/wire/hpack/encoder.ts';
import { FieldLimitError } from '../../../src/wire/hpack/error.ts';
import { huffmanDecode, huffmanDecodedMax, huffmanEncode, huffmanLength } from '../../../src/wire/hpack/huffman.ts';
import { aDecoder, decoded } from './blocks.ts';
import { Model } from './model.ts';

const latin1 = (options: fc.StringConstraints): fc.Arbitrary<string> =>
  fc.string({ ...options, unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });

const name = fc.oneof(
  fc.constantFrom(':method', ':path', ':authority', 'content-type', 'x-a', 'x-b', 'x-c', 'authorization', 'age'),
  latin1({ minLength: 0, maxLength: 12 }),
);
const value = fc.oneof(
  fc.constantFrom('', 'GET', '/', 'a', 'b', 'c', 'v'.repeat(60), 'w'.repeat(700)),
  latin1({ maxLength: 40 }),
);
const list = fc.array(fc.tuple(name, value), { maxLength: 12 });
/** A few lists come again and again, by identity, as a client's do. */
const lists = fc.array(list, { minLength: 1, maxLength: 5 });
const size = fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 9_000 }));

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('constant' as const), nth: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('list' as const), fields: list }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resize' as const), bytes: size }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('field' as const), fields: list, secret: fc.boolean() }) },
);

describe('an encoder and a decoder', () => {
  it('stay in step over any fields, lists and table sizes: (1) of both', () => {
    fc.assert(
      fc.property(lists, fc.array(step, { maxLength: 60 }), size, (constants, steps, own) => {
        const encoder = new HpackEncoder({ tableBytesMax: own });
        const decoder = aDecoder({ listBytesMax: 1e6 });
        const model = new Model();
        const into = Buffer.alloc(65_536);
        for (const each of steps) {
          if (each.do === 'resize') {
            encoder.setTableBytesMax(each.bytes);
            decoder.setTableBytesMax(each.bytes);
            model.allowed = each.bytes;
            continue;
          }
          const fields: readonly FieldPair[] =
            each.do === 'constant' ? constants[each.nth % constants.length]! : each.fields;
          const from = encoder.begin(into, 8);
          let at = from;
          if (each.do === 'constant') at = encoder.constant(into, at, fields);
          else if (each.do === 'list') at = encoder.encode(into, at, fields);
          else for (const [n, v] of fields) at = encoder.field(into, at, n, v, each.secret);
          assert.ok(at - 8 <= blockBytesMax(fields), 'no more bytes than announced');
          const block = into.subarray(8, at);
          const got = decoded(decoder, block);
          assert.deepEqual(
            got.map((field) => [field.name, field.value]),
            fields.map((field) => [...field]),
          );
          assert.deepEqual(got, model.read(block), 'the model reads the same');
          assert.deepEqual(encoder.table, decoder.table, 'the tables have the same size');
          assert.deepEqual(decoder.table, {
            bytes: model.bytes,
            entries: model.entries.length,
            bytesMax: model.bytesMax,
          });
          assert.ok(decoder.table.bytes <= decoder.table.bytesMax);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('stay in step when sections are refused for their size', () => {
    fc.assert(
      fc.property(fc.array(list, { maxLength: 30 }), fc.nat(300), fc.nat(8), (all, listBytesMax, fieldsMax) => {
        const encoder = new HpackEncoder();
        const decoder = aDecoder({ listBytesMax, fieldsMax });
        for (const fields of all) {
          const into = Buffer.alloc(blockBytesMax(fields));
          const block = into.subarray(0, encoder.encode(into, 0, fields));
          const bytes = fields.reduce((sum, [n, v]) => sum + n.length + v.length + 32, 0);
          if (bytes > listBytesMax || fields.length > fieldsMax) {
            assert.throws(() => decoded(decoder, block), FieldLimitError);
          } else assert.equal(decoded(decoder, block).length, fields.length);
          assert.deepEqual(decoder.table, encoder.table);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('Huffman code', () => {
  it('gives back every string of latin1', () => {
    fc.assert(
      fc.property(latin1({ maxLength: 400 }), (text) => {
        const bytes = Buffer.alloc(huffmanLength(text) + 2, 0x5a);
        const end = huffmanEncode(text, bytes, 1);
        assert.equal(end, bytes.length - 1);
        assert.equal(bytes[end], 0x5a, 'nothing is written beyond its length');
        const out = Buffer.alloc(huffmanDecodedMax(end - 1) + 1, 0xa5);
        assert.equal(out.toString('latin1', 0, huffmanDecode(bytes, 1, end, out)), text);
        assert.equal(out.at(-1), 0xa5, 'nothing is written beyond the room that is asked for');
      }),
      { numRuns: 500 },
    );
  });
});
