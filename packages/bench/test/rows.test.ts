import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SliceResult } from '../src/load.ts';
import { callRows } from '../src/rows.ts';
import type { CallScenario } from '../src/scenarios.ts';
import { scenarios } from '../src/scenarios.ts';

const slice = (callsPerSecond: number, about: Partial<SliceResult> = {}): SliceResult => ({
  callsPerSecond,
  cpuMicros: 1e6 / callsPerSecond,
  p50Ms: 1,
  p99Ms: 2,
  errors: 0,
  resumedShare: 0,
  ...about,
});

const scenario = scenarios(['http-100B-50'], false)[0] as CallScenario;

describe('rows', () => {
  it('have the promised fields, all of them finite numbers', () => {
    const [row] = callRows(scenario, [{ name: 'keepwarm', slices: [slice(100), slice(300)], failure: undefined }]);
    const { callsPerSecond, callsPerSecondMin, callsPerSecondMax, cpuMicros, p50Ms, p99Ms, errors, inFlight } = row;
    assert.deepEqual([row.scenario, row.client, inFlight], ['http-100B-50', 'keepwarm', 50]);
    assert.deepEqual([callsPerSecond, callsPerSecondMin, callsPerSecondMax], [200, 100, 300]);
    for (const value of [cpuMicros, p50Ms, p99Ms, errors]) assert.ok(Number.isFinite(value));
    assert.deepEqual(JSON.parse(JSON.stringify(row)), row, 'nothing is lost in JSON');
  });

  it('take ratios to the references slice by slice', () => {
    const [ours] = callRows(scenario, [
      { name: 'keepwarm', slices: [slice(300), slice(30)], failure: undefined },
      { name: 'undici.request', slices: [slice(100), slice(10)], failure: undefined },
    ]);
    assert.deepEqual(ours.ratios, { 'undici.request': { median: 3, min: 3, max: 3 } });
  });

  it('add up errors and keep the first message', () => {
    const slices = [slice(100, { errors: 2, firstError: 'reset' }), slice(100, { errors: 1, firstError: 'later' })];
    const [row] = callRows(scenario, [{ name: 'keepwarm', slices, failure: undefined }]);
    assert.equal(row.errors, 3);
    assert.equal(row.firstError, 'reset');
  });

  it('of a client that was never measured hold zeros and say why', () => {
    const [row] = callRows(scenario, [{ name: 'got', slices: [], failure: 'could not be opened' }]);
    assert.equal(row.failure, 'could not be opened');
    for (const value of [row.callsPerSecond, row.callsPerSecondMin, row.callsPerSecondMax, row.cpuMicros, row.p99Ms]) {
      assert.equal(value, 0);
    }
  });
});

describe('scenarios', () => {
  it('are picked by name, or by a part of it', () => {
    assert.deepEqual(
      scenarios(['http-100B-1'], false).map(({ name }) => name),
      ['http-100B-1'],
    );
    assert.equal(scenarios(['tls-10KB'], false).length, 4);
    assert.deepEqual(
      scenarios(['s2'], false).map(({ kind }) => kind),
      ['s2'],
    );
    assert.deepEqual(scenarios(['nothing like it'], false), []);
  });

  it('cover both schemes at every size, and --quick five of them', () => {
    const all = scenarios([], false).map(({ name }) => name);
    for (const name of ['http-100B-200', 'tls-10KB-10', 'tls-1MB-50']) assert.ok(all.includes(name), name);
    assert.equal(new Set(all).size, all.length, 'no name twice');
    assert.equal(scenarios([], true).length, 5);
  });
});
