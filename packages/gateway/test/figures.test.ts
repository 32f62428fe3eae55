import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EndpointTrails, TRAIL_SECONDS } from '../src/figures/endpoint-trails.ts';
import { FigureBook } from '../src/figures/figures.ts';
import { Rolling, RollingCount, series, summary } from '../src/figures/rolling.ts';
import { TRAIL_SLOT_MS, TRAIL_SLOTS, Trail } from '../src/figures/trail.ts';

const near = (value: number, expected: number): void =>
  assert.ok(Math.abs(value / expected - 1) < 0.05, `${value} is not within 5 % of ${expected}`);

describe('rolling figures', () => {
  it('tell quantiles within 5 %, at any size', () => {
    for (const scale of [0.1, 1, 100, 10_000]) {
      const rolling = new Rolling(1_000, 11);
      for (let i = 1; i <= 1_000; i++) rolling.record((i / 1_000) * scale, 5_000);
      const { count, meanMs, p50Ms, p95Ms, p99Ms } = rolling.summary(5_000);
      assert.equal(count, 1_000);
      near(p50Ms, Math.max(scale / 2, 0.05)); // the least it can tell
      near(p95Ms, scale * 0.95);
      near(p99Ms, scale * 0.99);
      if (scale >= 1) near(meanMs, scale / 2);
    }
  });

  it('forget what is older than they are asked about, and reuse its place', () => {
    const rolling = new Rolling(1_000, 11);
    rolling.record(10, 500);
    rolling.record(1_000, 9_500);
    assert.equal(rolling.summary(9_900).count, 2);
    assert.equal(rolling.summary(9_900, 3).count, 1);
    assert.equal(rolling.summary(11_500).count, 1, 'the first second is over ten seconds ago');
    rolling.record(20, 11_500);
    near(rolling.summary(11_500, 1).p50Ms, 20);
    assert.deepEqual(rolling.summary(1e9), { count: 0, meanMs: 0, p50Ms: 0, p95Ms: 0, p99Ms: 0 });
  });

  it('add up over several, second by second', () => {
    const [one, two] = [new Rolling(1_000, 11), new Rolling(1_000, 11)];
    one.record(10, 3_100);
    two.record(10, 3_900);
    two.record(10, 4_000);
    const counts = series([one, two], 5_500, 5).map(({ count }) => count);
    assert.deepEqual(counts, [0, 0, 0, 2, 1]);
    assert.equal(summary([one, two], 5_500, 10).count, 3);
    assert.equal(summary([], 5_500, 10).count, 0);
  });

  it('count events of the last slots only', () => {
    const count = new RollingCount(1_000, 5);
    count.add(100);
    count.add(4_000);
    assert.equal(count.sum(4_500), 2);
    assert.equal(count.sum(5_000), 1);
    assert.equal(count.sum(60_000), 0);
  });
});

describe('the trail of a socket', () => {
  it('shows the share of time in use, slot by slot, and forgets what is older', () => {
    const trail = new Trail(0);
    trail.leased(0);
    trail.released(TRAIL_SLOT_MS); // all of the first slot
    trail.leased(TRAIL_SLOT_MS * 1.5);
    trail.released(TRAIL_SLOT_MS * 1.5 + 1); // hardly any of the second
    const digits = trail.digits(TRAIL_SLOT_MS * 2);
    assert.equal(digits.length, TRAIL_SLOTS);
    assert.equal(digits.slice(-3), '910');
    assert.equal(trail.digits(TRAIL_SLOT_MS * (TRAIL_SLOTS + 0.5)).slice(0, 2), '10');
    assert.equal(trail.digits(TRAIL_SLOT_MS * 1_000), '0'.repeat(TRAIL_SLOTS));
  });

  it('counts a lease that goes on, and one handed straight to the next call', () => {
    const trail = new Trail(0);
    trail.leased(0);
    trail.leased(TRAIL_SLOT_MS / 2);
    assert.equal(trail.digits(TRAIL_SLOT_MS * 3).slice(-4), '9990');
    assert.equal(trail.digits(TRAIL_SLOT_MS * 5).slice(-6), '999990');
    trail.released(TRAIL_SLOT_MS * 5);
    trail.released(TRAIL_SLOT_MS * 5);
    assert.equal(trail.digits(TRAIL_SLOT_MS * 7).slice(-4), '9000');
  });
});

describe('the figures of an upstream', () => {
  const fact = (socketId: number) => ({ socketId, origin: 'http://x', section: '' });
  const opened = (socketId: number) => ({
    ...fact(socketId), address: '127.0.0.1', dnsMs: 1, tcpMs: 40, tlsMs: 45, tlsResumed: false,
  }); // biome-ignore format: one fact

  it('call cold what had to wait for its connection, and warm what found one, used before or not', () => {
    let now = 0;
    const book = new FigureBook(() => now);
    const { socketOpened, leased } = book.observer;
    socketOpened?.(opened(1));
    leased?.({ ...fact(1), fresh: true, call: 0, waitMs: 90 });
    now = 130;
    book.answered({ socketId: 1, reused: false, status: 200 }, 0);
    leased?.({ ...fact(1), fresh: false, call: 0, waitMs: 0 });
    now = 170;
    book.answered({ socketId: 1, reused: true, status: 503 }, 130);
    socketOpened?.(opened(2)); // ahead of demand
    leased?.({ ...fact(2), fresh: true, call: 0, waitMs: 0.01 });
    book.answered({ socketId: 2, reused: false, status: 200 }, 130);
    const { cold, warm, opening, reuseRatio, status5xxLately } = book.figures();
    assert.equal(cold.count, 1);
    near(cold.p50Ms, 130);
    assert.equal(warm.count, 2);
    near(warm.p50Ms, 40);
    assert.deepEqual(opening, { count: 1, dnsMs: 1, tcpMs: 40, tlsMs: 45 });
    near(reuseRatio, 1 / 3);
    assert.equal(status5xxLately, 1);
  });

  it('call neither cold nor warm what was repeated, or waited for a limit or a place; and forget', () => {
    let now = 0;
    const book = new FigureBook(() => now);
    const { socketOpened, leased, rateWaits, retried } = book.observer;
    const call = { method: 'GET', origin: 'http://x', section: '', attempt: 1, endpoint: undefined };
    socketOpened?.(opened(1));
    rateWaits?.({ ...call, call: 7, limit: 'a', waiting: 1 });
    now = 900;
    leased?.({ ...fact(1), fresh: false, call: 7, waitMs: 0 });
    book.answered({ socketId: 1, reused: true, status: 500 }, 0);
    retried?.({ ...call, call: 8, error: undefined, status: 503, delayMs: 500 });
    leased?.({ ...fact(1), fresh: true, call: 8, waitMs: 90 });
    book.answered({ socketId: 1, reused: false, status: 200 }, 0);
    leased?.({ ...fact(1), fresh: false, call: 9, waitMs: 850 });
    book.answered({ socketId: 1, reused: true, status: 200 }, 0);
    assert.deepEqual([book.figures().cold.count, book.figures().warm.count], [0, 0]);
    assert.equal(book.figures().status5xxLately, 1);
    leased?.({ ...fact(1), fresh: false, call: 9, waitMs: 0 });
    book.answered({ socketId: 1, reused: true, status: 200 }, 860);
    near(book.figures().warm.p50Ms, 40);
    for (let i = 0; i < 10_001; i++) rateWaits?.({ ...call, call: 100 + i, limit: 'a', waiting: 1 });
    for (const id of [100, 101]) {
      leased?.({ ...fact(1), fresh: false, call: id, waitMs: 0 });
      book.answered({ socketId: 1, reused: true, status: 200 }, 860);
    }
    assert.equal(book.figures().warm.count, 2, 'of 100 nobody knows any more that it waited');
  });

  it('call neither cold nor warm what found its connection half open', () => {
    const book = new FigureBook(() => 0);
    for (const [socketId, waitMs] of [
      [1, 1.1],
      [2, 84.9],
      [3, 85.1],
    ] as const) {
      book.observer.socketOpened?.(opened(socketId));
      book.observer.leased?.({ ...fact(socketId), fresh: true, call: 0, waitMs });
      book.answered({ socketId, reused: false, status: 200 }, 0);
    }
    assert.deepEqual([book.figures().cold.count, book.figures().warm.count], [1, 0]);
  });

  it('remember no more sockets than they have to', () => {
    const book = new FigureBook(() => 0);
    for (let id = 1; id <= 1_000; id++) {
      book.observer.socketOpened?.(opened(id));
      book.observer.socketClosed?.({ ...fact(id), reason: 'idle', ageMs: 1, leases: 1, bytesIn: 1, bytesOut: 1 });
    }
    assert.equal(book.trail(1), '');
    assert.equal(book.trail(800), '');
    assert.equal(book.trail(801).length, TRAIL_SLOTS);
  });
});

describe('trails of endpoints', () => {
  it('hold the outcomes of each second, two minutes of them, and begin again with a client that did', () => {
    let successes = 0;
    const trails = new EndpointTrails(() => [{ name: 'a', successes, failures: 1, busy: 2 }]);
    trails.look();
    assert.deepEqual(trails.of('a'), [3]);
    successes = 5;
    trails.look();
    trails.look();
    assert.deepEqual(trails.of('a'), [3, 5, 0]);
    successes = 0;
    trails.look();
    assert.equal(trails.of('a').at(-1), 0, 'never less than nothing');
    for (let i = 0; i < 500; i++) trails.look();
    assert.equal(trails.of('a').length, TRAIL_SECONDS);
    assert.deepEqual(trails.of('nobody'), []);
    trails.close();
    trails.close();
  });
});
