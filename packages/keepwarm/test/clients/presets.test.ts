/** Presets: what they set stands on their page, and what is given beside them wins. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { PRESETS, type Preset, type PresetName, withPreset } from '../../src/clients/presets.ts';
import { type ClientOptions, createClient, NetError } from '../../src/index.ts';
import { BREAKER_DEFAULTS } from '../../src/policies/breaker.ts';
import { RETRY_DEFAULTS } from '../../src/policies/retry-options.ts';

const page = readFileSync(new URL('../../../../docs/guide/presets.md', import.meta.url), 'utf8');
const names = Object.keys(PRESETS) as PresetName[];

const written = (value: unknown): string => {
  if (typeof value === 'function') return value.name;
  return typeof value === 'number'
    ? value.toLocaleString('en').replaceAll(',', '_').replace('∞', 'Infinity')
    : String(value);
};

/** What a preset sets and the default does not. */
function figures(name: PresetName): string[] {
  const standard: Record<string, object> = { retry: RETRY_DEFAULTS, breaker: BREAKER_DEFAULTS };
  return Object.entries(PRESETS[name] as Preset).flatMap(([group, values]) => {
    if (typeof values !== 'object') return [`${name} ${group} ${written(values)}`];
    const usual = Object.entries(standard[name === 'seed' ? group : ''] ?? {});
    const own = Object.entries(values).filter(
      ([key, value]) => !usual.some(([of, was]) => of === key && was === value),
    );
    return own.map(([key, value]) => `${name} ${group}.${key} ${written(value)}`);
  });
}

describe('a preset', () => {
  it('has each of its figures on its page, and no others', () => {
    const rows = page.matchAll(/^\| `(\w+)` \| `([\w.]+)` \| `(\w+)` \|/gm);
    const told = Array.from(rows, ([, preset, option, value]) => `${preset} ${option} ${value}`);
    assert.deepEqual(told.toSorted(), names.flatMap(figures).toSorted());
    const overview = Array.from(page.matchAll(/^\| `(\w+)` \| [^`|]+ \| [^`|]+ \|/gm), ([, preset]) => preset);
    assert.deepEqual(overview.slice(0, names.length), names);
  });

  for (const name of names) {
    it(`${name} is one that a client can be made with`, () => {
      createClient({ origin: 'http://a.example', preset: name }).destroy();
    });
  }

  it('gives way to what is given beside it, field by field, and to false', () => {
    const settled = withPreset({
      preset: 'trading',
      deadlineMs: 5_000,
      pool: { idleMin: 4 },
      limits: undefined,
      retry: { attemptsMax: 2 },
      breaker: false,
      hedge: true,
    });
    assert.deepEqual(
      [settled.deadlineMs, settled.pool, settled.retry, settled.breaker, settled.hedge],
      [
        5_000,
        { idleMin: 4, idleMs: 60_000, ageMs: 55_000 },
        { ...PRESETS.trading.retry, attemptsMax: 2 },
        false,
        PRESETS.trading.hedge,
      ],
    );
  });

  it('loses its hedge with the retry it needs, unless the hedge was asked for', () => {
    assert.equal(withPreset({ preset: 'trading', retry: false }).hedge, false);
    createClient({ preset: 'trading', retry: false }).destroy();
    assert.throws(() => createClient({ preset: 'trading', retry: false, hedge: true }), /hedge needs retry/);
  });

  it('leaves it to the policy’s own defaults what neither says', () => {
    const client = createClient({ origin: 'http://a.example', preset: 'batch', breaker: true });
    assert.deepEqual(Object.keys(client.stats().policies).sort(), ['breaker', 'budget', 'concurrency', 'retry']);
    client.destroy();
  });

  it('that does not exist is refused by name', () => {
    for (const preset of ['apis', 'toString', 7, null]) {
      assert.throws(
        () => createClient({ preset } as unknown as ClientOptions),
        (error: NetError) =>
          error instanceof NetError && /option preset is .+; allowed: "api", "trading"/.test(error.message),
      );
    }
  });
});
