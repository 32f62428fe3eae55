/** A book kept from its changes: in order, without what is gone, and given up when a change is missing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BookThread, compared, paradexWholes } from '../../src/adapters/paradex/book.ts';
import type { ParadexBook } from '../../src/paradex.ts';

const update = (type: ParadexBook['update_type'], seq: number, bids: ParadexBook['bids'], asks: ParadexBook['asks']) =>
  ({ update_type: type, seq_no: seq, bids, asks, market: 'M', ts: seq }) as ParadexBook;

const price = fc
  .tuple(fc.integer({ min: -20, max: 20 }), fc.constantFrom('', '.5', '.05', '.25'))
  .map(([whole, rest]) => (whole === 0 && rest === '' ? '0' : `${whole}${rest}`));
const levels = fc.array(fc.tuple(price, fc.constantFrom('0', '1', '2.5')), { maxLength: 8 });

describe('a book kept from its changes', () => {
  it('is what they add up to, the best first', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), levels, levels), { maxLength: 20 }), (steps) => {
        const thread = new BookThread('M');
        const sides = { bids: new Map<string, string>(), asks: new Map<string, string>() };
        assert.equal(thread.next(update('s', 0, [], [])), true);
        for (const [n, [whole, bids, asks]] of steps.entries()) {
          thread.next(update(whole ? 's' : 'd', n + 1, bids, asks));
          for (const [name, changes] of [['bids', bids] as const, ['asks', asks] as const]) {
            if (whole) sides[name].clear();
            for (const [at, size] of changes) {
              sides[name].set(at, size);
              if (size === '0') sides[name].delete(at);
            }
          }
        }
        const sorted = (side: Map<string, string>, sign: number) =>
          [...side].toSorted(([one], [other]) => sign * (Number(one) - Number(other)));
        const { bids, asks, update_type: type, seq_no: seq } = thread.now()!;
        assert.deepEqual([type, seq], ['s', steps.length]);
        assert.deepEqual([bids, asks], [sorted(sides.bids, -1), sorted(sides.asks, 1)]);
      }),
    );
  });

  it('is ordered by decimals of any length, not by their texts', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }),
        fc.bigInt({ min: -99n, max: 99n }),
        (one, more) => {
          const text = (value: bigint): string => {
            const digits = String(value).replace('-', '').padStart(9, '0');
            const rest = digits.slice(-8).replace(/0+$/, '');
            return `${value < 0n ? '-' : ''}${digits.slice(0, -8)}${rest && `.${rest}`}`;
          };
          assert.equal(Math.sign(compared(text(one), text(one + more))), Math.sign(Number(-more)));
        },
      ),
    );
  });

  it('waits for the whole, but not for ever', () => {
    const thread = new BookThread('M');
    for (let n = 0; n < 1_000; n++) assert.equal(thread.next(update('d', n, [], [])), false);
    assert.equal(thread.now(), undefined);
    assert.throws(() => thread.next(update('d', 1, [], [])), /1000 changes came before the book/);
  });

  it('is given up at a change that does not follow, or is none, or is no book', () => {
    for (const [bad, words] of [
      [update('d', 5, [], []), /change 5 came where 4 was due/],
      [update('d', 3, [], []), /change 3 came where 4 was due/],
      [update(null, 4, [], []), /an update at 4 is neither the book nor a change of it/],
      [{ update_type: 'd', seq_no: 4, inserts: [] } as unknown as ParadexBook, /has no levels/],
    ] as const) {
      const thread = new BookThread('M');
      thread.next(update('s', 3, [], []));
      assert.throws(() => thread.next(bad), { code: 'PROTOCOL', message: words });
    }
  });

  it('is told so on the channels that begin with it, on no others', () => {
    const channels = ['M.deltas', 'M.interactive_deltas', 'M.snapshot@15@50ms', 'M.deltas@15', 'deltas'];
    assert.deepEqual(
      channels.map((channel) => paradexWholes.of(`order_book.${channel}`)),
      [true, true, false, false, false],
    );
  });
});
