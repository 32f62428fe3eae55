/** Invariant (2) of the response parser: the result does not depend on how the bytes were cut. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ResponseParser } from '../../src/wire/response-parser.ts';
import { SEEDS } from './differential/corpus.ts';
import { LIMITS, readOurs, readWith } from './differential/ours.ts';
import { everyByte, generated } from './generated.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('a valid response', () => {
  it('is read as what it was made of', () => {
    fc.assert(
      fc.property(generated, ({ bytes, method, whole }) => {
        assert.deepEqual(readOurs(latin1(bytes), method), whole);
      }),
      { numRuns: 1_500 },
    );
  });

  it('is read the same, cut in two at any byte', () => {
    fc.assert(
      fc.property(generated, ({ bytes, method, whole }) => {
        for (const cut of everyByte(bytes))
          assert.deepEqual(readOurs(latin1(bytes), method, [cut]), whole, `cut at ${cut}`);
      }),
      { numRuns: 40 },
    );
  });

  it('is read the same byte by byte', () => {
    fc.assert(
      fc.property(generated, ({ bytes, method, whole }) => {
        assert.deepEqual(readOurs(latin1(bytes), method, everyByte(bytes)), whole);
      }),
      { numRuns: 300 },
    );
  });

  it('is read the same in any number of pieces, empty ones included', () => {
    fc.assert(
      fc.property(
        generated,
        fc.array(fc.nat({ max: 10_000 }), { maxLength: 12 }),
        ({ bytes, method, whole }, places) => {
          const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
          assert.deepEqual(readOurs(latin1(bytes), method, cuts), whole, `cut at ${cuts}`);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('leaves what comes after it alone, and the next is read from there as if it were the first', () => {
    // Few different ones, so that the same comes again, whole or not, next to others.
    const several = fc
      .tuple(
        fc.array(generated, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat({ max: 2 }), { minLength: 2, maxLength: 8 }),
      )
      .map(([some, order]) => order.map((i) => some[i % some.length]!).filter(({ whole }) => !whole.byClose));
    fc.assert(
      fc.property(several, fc.nat({ max: 10_000 }), fc.boolean(), (responses, place, cut) => {
        const parser = new ResponseParser(LIMITS);
        for (const [i, { method, bytes, whole }] of responses.entries()) {
          const rest = responses
            .slice(i)
            .map((each) => each.bytes)
            .join('');
          const cuts = cut ? [place % bytes.length] : [];
          assert.deepEqual(readWith(parser, latin1(rest), method, cuts), whole);
          assert.equal(parser.idle, true);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('every response of the corpus', () => {
  it('is read the same, whole or cut in two at any byte or byte by byte', () => {
    for (const { method, bytes } of SEEDS) {
      const uncut = readOurs(bytes, method);
      const all = everyByte(bytes.toString('latin1'));
      assert.equal(uncut.kind, 'whole');
      assert.deepEqual(readOurs(bytes, method, all), uncut);
      for (const cut of all) assert.deepEqual(readOurs(bytes, method, [cut]), uncut, `cut at ${cut}`);
    }
  });
});

describe('a broken response', () => {
  for (const text of [
    'HTTP/1.1 200 OK\r\nX: \0\r\n\r\n',
    'HTTP/1.1 200 OK\nX: y\n\n',
    'HTTP/1.1 200 OK\r\nX\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;=\r\nx\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\nC: d\r\n\r\n',
  ]) {
    it(`is refused for the same reason however it is cut: ${JSON.stringify(text)}`, () => {
      const bytes = latin1(text);
      const uncut = readOurs(bytes, 'GET');
      assert.equal(uncut.kind, 'refused');
      assert.deepEqual(readOurs(bytes, 'GET', everyByte(text)), uncut);
      for (const cut of everyByte(text)) assert.deepEqual(readOurs(bytes, 'GET', [cut]), uncut, `cut at ${cut}`);
    });
  }
});
