import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Graded, gradeOf } from '../src/mcp/grade.ts';

const WELL: Graded = {
  ...{
    calls: 1_000,
    leases: 1_000,
    reuseRatio: 0.99,
    failedShare: 0,
    p50Ms: 20,
    p95Ms: 40,
    saturation: 0.2,
    waiting: 0,
  },
  ...{ dnsHitRate: 0.99, dnsMisses: 3, endpoints: 3, endpointsOut: 0, breakersOpen: 0, leaks: 0 },
};

describe('the performance grade', () => {
  it('is A where all is well, and nothing where nothing was called', () => {
    assert.deepEqual(gradeOf(WELL), { grade: 'A', score: 100, reasons: [] });
    assert.deepEqual(gradeOf({ ...WELL, calls: 0, leases: 0 }), { grade: null, score: null, reasons: [] });
  });

  it('falls for each thing that is wrong, and names it', () => {
    const cases: [string, Partial<Graded>, string][] = [
      ['reuse', { reuseRatio: 0.1 }, 'D'],
      ['failures', { failedShare: 0.5 }, 'F'],
      ['tail', { p95Ms: 1_000 }, 'B'],
      ['queue', { waiting: 50 }, 'B'],
      ['saturation', { saturation: 1 }, 'A'],
      ['dns', { dnsHitRate: 0, dnsMisses: 100 }, 'A'],
      ['endpoints', { endpointsOut: 2 }, 'C'],
      ['breakers', { breakersOpen: 1 }, 'C'],
      ['leaks', { leaks: 10 }, 'B'],
    ];
    for (const [what, wrong, letter] of cases) {
      const { grade, reasons } = gradeOf({ ...WELL, ...wrong });
      assert.deepEqual([what, grade, reasons.map((reason) => reason.what)], [what, letter, [what]]);
    }
    assert.equal(gradeOf({ ...WELL, leases: 5, reuseRatio: 0 }).grade, 'A', 'a handful of calls says nothing yet');
    assert.equal(gradeOf({ ...WELL, calls: 0, breakersOpen: 1 }).grade, 'C', 'what is open is known without calls');
  });

  it('adds up: 100 less the points of its reasons, never below 0, worst first', () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const count = fc.nat(10_000);
    const any = fc.record({
      ...{ calls: count, leases: count, reuseRatio: share, failedShare: share, p50Ms: count, p95Ms: count },
      ...{ saturation: share, waiting: count, dnsHitRate: fc.option(share), dnsMisses: count, leaks: count },
      ...{ endpoints: fc.constant(10), endpointsOut: fc.nat(10), breakersOpen: fc.nat(3) },
    });
    fc.assert(
      fc.property(any, (graded) => {
        const { grade, score, reasons } = gradeOf(graded);
        if (score === null) return assert.equal(grade, null);
        const lost = reasons.reduce((sum, { points }) => sum + points, 0);
        assert.equal(score, Math.max(0, 100 - lost));
        assert.equal(grade, score >= 90 ? 'A' : score >= 80 ? 'B' : score >= 70 ? 'C' : score >= 60 ? 'D' : 'F');
        assert.deepEqual(
          reasons,
          reasons.toSorted((a, b) => b.points - a.points),
        );
        for (const { words } of reasons) assert.ok(!/NaN|Infinity|undefined/.test(words), words);
      }),
    );
  });
});
