import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KnownBytes } from '../../src/wire/known-bytes.ts';

describe('known bytes', () => {
  it('begin what begins with them, and nothing else', () => {
    const few = fc.uint8Array({ maxLength: 40 });
    const place = fc.record({ before: fc.nat(5), shift: fc.nat(4), cut: fc.nat(3) });
    fc.assert(
      fc.property(few, few, place, fc.nat(), (known, rest, { before, shift, cut }, changed) => {
        const kept = new KnownBytes();
        const all = Buffer.concat([Buffer.alloc(before, 7), known, rest]);
        // A buffer whose bytes lie anywhere, as those of a pool do.
        const bytes = Buffer.from(new ArrayBuffer(all.length + shift), shift);
        all.copy(bytes);
        kept.keep(bytes, before, before + known.length);
        const to = bytes.length - (cut === 0 ? 0 : rest.length + cut);
        const expected = known.length > 0 && before + known.length <= to;
        assert.equal(kept.begins(bytes, before, to), expected);
        assert.equal(kept.begins(bytes, before, to), expected, 'again, in the same buffer');
        if (!expected) return;
        const at = before + (changed % known.length);
        bytes[at] = bytes[at]! ^ (1 << (changed % 8));
        assert.equal(kept.begins(bytes, before, to), false, `byte ${at - before} differs`);
        bytes[at] = bytes[at]! ^ (1 << (changed % 8));
        assert.equal(kept.begins(bytes, before, to), true);
        kept.forget();
        assert.equal(kept.begins(bytes, before, to), false);
      }),
      { numRuns: 1_000 },
    );
  });

  it('are replaced by what is kept next, shorter or longer', () => {
    const kept = new KnownBytes();
    for (const text of ['abcdef', 'abc', 'x'.repeat(2_000), 'ab']) {
      const bytes = Buffer.from(text);
      kept.keep(bytes, 0, bytes.length);
      assert.equal(kept.length, bytes.length);
      assert.equal(kept.begins(bytes, 0, bytes.length), true);
      assert.equal(kept.begins(Buffer.from(`${text}y`), 0, bytes.length + 1), true);
      assert.equal(kept.begins(Buffer.from(`y${text}`), 0, bytes.length + 1), false);
    }
  });
});
