/** Frames of SBE, by templates of our own and by one of which a vendor's frames are known. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NetError } from '../../../src/core/error.ts';
import { decodeSbe, templateIdOf } from '../../../src/wire/sbe/decode.ts';
import {
  count,
  decimal,
  integer,
  millis,
  name8,
  optional,
  type SbeSchema,
  type SbeTemplate,
} from '../../../src/wire/sbe/template.ts';

const schemaOf = (...templates: SbeTemplate[]): SbeSchema => ({
  ...{ id: 7, frozen: 1, templates: new Map(templates.map((template) => [template.id, template])) },
});
const EVENT: SbeTemplate = {
  ...{ id: 3, name: 'Event' },
  fields: [
    { name: 'at', type: count },
    { name: 'later', type: optional(decimal(8)), appended: true },
  ],
  groups: [{ name: 'levels', types: [decimal(8), decimal(2)] }],
  texts: [{ name: 'who' }, { name: 'why', since: 2 }],
};
const SCHEMA = schemaOf(EVENT);

interface Shape {
  readonly block?: Buffer;
  readonly entryBytes?: number;
  readonly entries?: readonly Buffer[];
  readonly tail?: Buffer;
  readonly version?: number;
}

const u16 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value, index * 2);
  return bytes;
};
const i64 = (...values: bigint[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigInt64LE(value, index * 8);
  return bytes;
};
const text = (value: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
};

function frame(shape: Shape = {}): Buffer {
  const {
    block = i64(5n),
    entryBytes = 16,
    entries = [i64(150_000_000n, -25n)],
    tail = text('me'),
    version = 1,
  } = shape;
  return Buffer.concat([u16(block.length, 3, 7, version), block, u16(entryBytes, entries.length), ...entries, tail]);
}

const read = (bytes: Uint8Array): object | undefined => decodeSbe(bytes, SCHEMA)?.record;
const refusal = (bytes: Uint8Array): NetError => {
  try {
    read(bytes);
  } catch (thrown) {
    return thrown as NetError;
  }
  return assert.fail('it was read');
};

describe('a frame of SBE', () => {
  it('is read by its template', () => {
    assert.deepEqual(read(frame()), { at: 5, levels: [['1.5', '-0.25']], who: 'me' });
    const later = frame({ block: i64(5n, -(2n ** 63n)), tail: Buffer.concat([text('me'), text('ü')]), version: 2 });
    assert.deepEqual(read(later), { at: 5, later: null, levels: [['1.5', '-0.25']], who: 'me', why: 'ü' });
    assert.deepEqual(read(frame({ version: 2 })), { at: 5, levels: [['1.5', '-0.25']], who: 'me' });
  });

  it('is read wherever it lies in memory', () => {
    const padded = Buffer.concat([Buffer.alloc(3, 9), frame(), Buffer.alloc(5, 9)]);
    assert.deepEqual(read(padded.subarray(3, -5)), read(frame()));
  });

  it('may be longer than known in its block, its entries and, where versions still grow, its texts', () => {
    const known = read(frame());
    const long = { block: Buffer.concat([i64(5n), Buffer.alloc(7, 1)]) };
    assert.deepEqual(read(frame(long)), known, 'too short for the field that was appended');
    const entries = [Buffer.concat([i64(150_000_000n, -25n), Buffer.alloc(3)])];
    assert.deepEqual(read(frame({ entryBytes: 19, entries })), known);
    const tail = Buffer.concat(['me', 'why', 'more', ''].map(text));
    assert.deepEqual(read(frame({ tail, version: 3 })), { ...known, why: 'why' });
  });

  it('is refused when a byte is missing, wherever, and says where', () => {
    const whole = frame({ block: i64(5n, 7n) });
    for (let length = 0; length < whole.length; length++) {
      const error = refusal(whole.subarray(0, length));
      assert.equal(error.code, 'DECODE');
      assert.equal(error.reach, 'answered');
      if (length >= 8)
        assert.match(error.message, /^Event \(template 3, \d+ bytes\): .* needs \d+ bytes at offset \d+/);
    }
  });

  it('is refused when bytes follow that are none of it', () => {
    assert.match(refusal(Buffer.concat([frame(), text('x')])).message, /2 bytes follow its end at offset 39/);
    const broken = Buffer.concat([
      frame({ version: 3, tail: Buffer.concat([text('me'), text('x')]) }),
      Buffer.from([9]),
    ]);
    assert.match(refusal(broken).message, /text that is not known needs 9 bytes at offset 42, of which there are 0/);
  });

  it('is refused for what it must not hold', () => {
    const cases: [Shape, RegExp][] = [
      [{ block: i64(2n ** 53n) }, /at at offset 8 holds what it must not: 0x0000000000002000/],
      [{ entries: [i64(-(2n ** 63n), 1n)] }, /levels at offset 20 holds what it must not: 0x0000000000000080/],
      [{ tail: text(Buffer.from([0xff])) }, /text who at offset 37 is not UTF-8/],
      [{ block: Buffer.alloc(7) }, /field at ends at offset 16, the block at 15/],
      [{ entryBytes: 15, entries: [Buffer.alloc(15)] }, /an entry of group levels has 15 bytes and needs 16/],
    ];
    for (const [shape, message] of cases) assert.match(refusal(frame(shape)).message, message);
    assert.match(refusal(u16(8, 3, 8, 1)).message, /a frame of schema 8; known: 7/);
  });

  it('takes no memory for entries that have not come', () => {
    const claimed = Buffer.concat([u16(8, 3, 7, 1), i64(5n), u16(0xffff, 0xffff), text('me')]);
    assert.match(refusal(claimed).message, /65535 entries of group levels needs 4294836225 bytes at offset 20/);
    const empty = Buffer.concat([u16(8, 3, 7, 1), i64(5n), u16(0, 0xffff), text('me')]);
    assert.match(refusal(empty).message, /has 0 bytes and needs 16/);
  });

  it('may have as many entries as there can be', () => {
    const entries = Array.from({ length: 0xffff }, (_, n) => i64(BigInt(n), BigInt(-n)));
    const record = read(frame({ entries })) as { levels: readonly unknown[] };
    assert.equal(record.levels.length, 0xffff);
    assert.deepEqual(record.levels[0xfffe], ['0.00065534', '-655.34']);
  });

  it('of a template that is not known is none of ours, and says which', () => {
    const bytes = u16(0, 99, 7, 1);
    assert.equal(decodeSbe(bytes, SCHEMA), undefined);
    assert.equal(templateIdOf(bytes, SCHEMA), 99);
    assert.equal(templateIdOf(u16(0, 99, 8, 1), SCHEMA), undefined);
  });

  it('is read or refused, whatever it is', () => {
    const near = fc.tuple(fc.nat(60), fc.nat(255)).map(([at, byte]) => {
      const bytes = frame({ block: i64(5n, 7n), version: 2 });
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), near), (bytes) => {
        try {
          read(bytes);
        } catch (thrown) {
          assert.equal((thrown as NetError).code, 'DECODE');
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('a decimal', () => {
  /** By the digits alone. */
  const written = (mantissa: bigint, places: number): string => {
    const digits = String(mantissa)
      .replace('-', '')
      .padStart(places + 1, '0');
    const rest = digits.slice(-places).replace(/0+$/, '');
    return `${mantissa < 0n ? '-' : ''}${digits.slice(0, -places)}${rest && `.${rest}`}`;
  };

  it('is exact, at every size and of any places', () => {
    const max = 2n ** 63n - 1n;
    const edges = [0n, 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 9_007_199_199_999_999n, max, 10n ** 8n];
    const any = fc.oneof(
      fc.bigInt({ min: -max, max }),
      fc.bigInt({ min: -(10n ** 13n), max: 10n ** 13n }),
      fc.constantFrom(...edges, ...edges.map((edge) => -edge)),
    );
    fc.assert(
      fc.property(any, fc.integer({ min: 1, max: 15 }), (mantissa, places) => {
        const view = new DataView(new Uint8Array(i64(mantissa)).buffer);
        assert.equal(decimal(places).read(view, 0), written(mantissa, places));
      }),
      { numRuns: 5_000 },
    );
  });

  it('that is null is nothing, and one beside it is', () => {
    const view = (value: bigint): DataView => new DataView(new Uint8Array(i64(value)).buffer);
    assert.equal(decimal(8).read(view(-(2n ** 63n)), 0), undefined);
    assert.equal(optional(decimal(8)).read(view(-(2n ** 63n)), 0), null);
    assert.equal(decimal(8).read(view(-(2n ** 63n) + 1n), 0), '-92233720368.54775807');
  });
});

/**
 * Frames that Paradex's own encoder wrote, for an account nobody has, with the JSON of the same position beside them.
 * Source: `tests/api/test_sbe_codec.py` of tradeparadex/paradex-py.
 */
const VENDOR = {
  short:
    '9a0016000100020000401e18240a060007000000000000000280f0fa0200000000001082e3d103000080837eb5ffffffff00000000' +
    '00000000000000000000008000000000000000800065cd1d0000000000401e18240a0600000000000000000000000000000000000000' +
    '00000000000000000000deadbeef001082e3d103000000f83e0e17feffff00f83e0e17feffff8096980000000000c08782feffffffff' +
    '010c4254432d5553442d504552500866696c6c2d616263',
};

describe('a frame a vendor wrote', () => {
  it('says what the vendor says it does', () => {
    const amount = optional(decimal(8));
    const named = (names: string, type = amount) => names.split(' ').map((name) => ({ name, type }));
    const position: SbeTemplate = {
      ...{ id: 22, name: 'PositionEvent' },
      fields: [
        ...[
          { name: 'ts', type: millis },
          { name: 'seq_no', type: count },
        ],
        { name: 'side', type: name8({ 1: 'LONG', 2: 'SHORT' }, null) },
        ...named('size average_entry_price unrealized_pnl realized_pnl mark_price liquidation_price leverage'),
        ...[{ name: 'updated', type: millis }, ...['a', 'b', 'c', 'd'].map((name) => ({ name, type: integer }))],
        ...named('average_entry_price_usd cost cost_usd cached_funding_index unrealized_funding_pnl'),
        { name: 'status', type: name8({ 1: 'OPEN', 2: 'CLOSED' }, null) },
      ],
      texts: [{ name: 'market' }, { name: 'last_fill_id' }],
    };
    const schema: SbeSchema = { id: 1, frozen: 1, templates: new Map([[22, position]]) };
    const { a, b, c, d, ...record } = decodeSbe(Buffer.from(VENDOR.short, 'hex'), schema)!.record;
    assert.deepEqual([a, b, c, BigInt.asUintN(64, BigInt(d as string))], ['0', '0', '0', 0xefbe_adde_0000_0000n]);
    assert.deepEqual(record, {
      ...{ ts: 1_700_000_000_000, seq_no: 7, side: 'SHORT', size: '0.5', average_entry_price: '42000' },
      ...{ unrealized_pnl: '-12.5', realized_pnl: '0', mark_price: null, liquidation_price: null, leverage: '5' },
      ...{ updated: 1_700_000_000_000, average_entry_price_usd: '42000', cost: '-21000', cost_usd: '-21000' },
      ...{ cached_funding_index: '0.1', unrealized_funding_pnl: '-0.25', status: 'OPEN' },
      ...{ market: 'BTC-USD-PERP', last_fill_id: 'fill-abc' },
    });
  });
});
