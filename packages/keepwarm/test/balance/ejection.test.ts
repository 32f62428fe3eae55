import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ejection } from '../../src/balance/ejection.ts';
import { BALANCE_DEFAULTS, type EjectionOptions } from '../../src/balance/options.ts';

const anEjection = (options: Partial<EjectionOptions> = {}) => new Ejection({ ...BALANCE_DEFAULTS, ...options });

/** Outcomes a tenth of a second apart: `+` for a good one, `-` for a failure. */
function note(ejection: Ejection, outcomes: string, from = 0, everyMs = 100): number {
  let now = from;
  for (const outcome of outcomes) ejection.note(outcome === '-', (now += everyMs));
  return now;
}

describe('grounds for ejection', () => {
  it('are five failures in a row, and not four', () => {
    const ejection = anEjection();
    let now = note(ejection, '+----');
    assert.equal(ejection.grounds(now), undefined);
    now = note(ejection, '-', now);
    assert.equal(ejection.grounds(now), 'consecutive');
  });

  it('are not five failures with a good outcome among them', () => {
    const ejection = anEjection();
    assert.equal(ejection.grounds(note(ejection, '+++++---+--')), undefined);
  });

  it('are half of ten outcomes in ten seconds', () => {
    const ejection = anEjection();
    let now = note(ejection, '+-+-+-+-+');
    assert.equal(ejection.grounds(now), undefined, 'nine are too few');
    now = note(ejection, '-', now);
    assert.equal(ejection.grounds(now), 'share');
    assert.equal(ejection.grounds(now + 10_000), undefined, 'and too old by then');
  });

  it('are not four of ten', () => {
    const ejection = anEjection();
    assert.equal(ejection.grounds(note(ejection, '+-+-+-+-++')), undefined);
  });

  it('are two failures in a row when it has not done well for a window', () => {
    const ejection = anEjection();
    ejection.note(false, 0);
    ejection.note(true, 9_000);
    assert.equal(ejection.grounds(10_000), undefined, 'one is not enough');
    ejection.note(true, 9_999);
    assert.equal(ejection.grounds(9_999), undefined, 'and it did well less than a window ago');
    assert.equal(ejection.grounds(10_000), 'silence');
  });

  it('are two failures of one that never did well', () => {
    const ejection = anEjection();
    assert.equal(ejection.grounds(note(ejection, '--')), 'silence');
  });
});

describe('the time an endpoint is out', () => {
  it('doubles with each ejection up to the longest, half of it left to chance', () => {
    const least = anEjection();
    const most = anEjection();
    const times = [5, 10, 20, 40, 80, 160, 300, 300].map((seconds) => seconds * 1_000);
    for (const ms of times) {
      assert.equal(
        most.eject('consecutive', 0, () => 0),
        ms,
      );
      assert.equal(
        least.eject('consecutive', 0, () => 1),
        ms / 2,
      );
    }
    assert.equal(most.ejections, 8);
  });

  it('doubles when the probe fails, which is no ejection of its own', () => {
    const ejection = anEjection();
    ejection.eject('consecutive', 0, () => 0);
    ejection.probe(5_000);
    assert.equal(
      ejection.eject('probe', 6_000, () => 0),
      10_000,
    );
    assert.equal(ejection.ejections, 1);
    assert.equal(ejection.forMs(6_000), 6_000, 'out since the first');
  });

  it('is forgiven a doubling for each half minute of service', () => {
    const ejection = anEjection();
    for (const reason of ['consecutive', 'probe', 'probe'] as const) ejection.eject(reason, 0, () => 0);
    ejection.readmit(100_000);
    assert.equal(
      ejection.eject('share', 159_999, () => 0),
      20_000,
      'of three doublings one is forgiven',
    );
    ejection.readmit(200_000);
    assert.equal(
      ejection.eject('share', 2_000_000, () => 0),
      5_000,
      'all are',
    );
  });

  it('starts over when it was everybody who failed', () => {
    const ejection = anEjection();
    for (const reason of ['consecutive', 'probe', 'probe'] as const) ejection.eject(reason, 0, () => 0);
    ejection.pardon(1_000);
    assert.equal(ejection.due(1_000), true);
    ejection.readmit(1_000);
    assert.equal(
      ejection.eject('consecutive', 1_001, () => 0),
      5_000,
    );
  });
});

describe('a probe', () => {
  it('is due when the time is over, once', () => {
    const ejection = anEjection();
    assert.equal(ejection.due(1e9), false, 'there is nothing to find out about one that is in');
    ejection.eject('consecutive', 0, () => 0);
    assert.equal(ejection.due(4_999), false);
    assert.equal(ejection.due(5_000), true);
    ejection.probe(5_000);
    assert.equal(ejection.due(34_999), false);
    assert.equal(ejection.due(35_000), true, 'one that never ends is not waited for');
  });

  it('that told nothing is made again by the next call', () => {
    const ejection = anEjection();
    ejection.eject('consecutive', 0, () => 0);
    ejection.probe(5_000);
    ejection.unprobed(5_100);
    assert.equal(ejection.due(5_100), true);
    assert.equal(ejection.out, true);
  });

  it('that was answered lets it begin anew', () => {
    const ejection = anEjection();
    note(ejection, '+-+-+-+------');
    ejection.eject('consecutive', 1_300, () => 0);
    ejection.probe(5_600);
    ejection.readmit(5_700);
    assert.equal(ejection.standing, 'in');
    ejection.note(true, 5_800);
    assert.equal(ejection.grounds(5_800), undefined, 'what was before is forgotten');
    ejection.note(true, 5_900);
    assert.equal(ejection.grounds(5_900), undefined, 'and it did well a moment ago');
  });
});
