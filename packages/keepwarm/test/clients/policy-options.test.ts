/** Options of policies are checked when the client is made; their ranges stand on their pages. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { BUDGET_DEFAULTS } from '../../src/algo/budget.ts';
import { POLICY_RULES, type PolicyGroup } from '../../src/clients/policy-options.ts';
import { type ClientOptions, createClient, NetError } from '../../src/index.ts';
import { HEDGE_DEFAULTS } from '../../src/policies/hedge.ts';
import { RETRY_DEFAULTS } from '../../src/policies/retry-options.ts';

function refusal(options: object): string {
  try {
    createClient({ origin: 'http://a.example', ...options }).destroy();
  } catch (error) {
    assert(error instanceof NetError, String(error));
    assert.deepEqual([error.code, error.reach], ['INVALID', 'unsent']);
    return error.message;
  }
  return 'accepted';
}

/** Those that are options of the client by their own names, without endpoints. */
const GROUPS = (Object.keys(POLICY_RULES) as PolicyGroup[]).filter((name) => !/^(?:balance|healthCheck)$/.test(name));
const ENDPOINTS = { origin: undefined, endpoints: [{ url: 'http://a.example' }] };

describe('every option of a policy', () => {
  for (const [group, rules] of Object.entries(POLICY_RULES)) {
    for (const [name, rule] of Object.entries(rules)) {
      it(`${group}.${name} is refused by name, with its value and what is allowed`, () => {
        const around = GROUPS.includes(group as PolicyGroup) ? {} : ENDPOINTS;
        for (const wrong of [-1, Number.NaN, 'neither', [0], Symbol.iterator, {}]) {
          if (rule.allows(wrong)) continue;
          const message = refusal({ ...around, [group]: { [name]: wrong } });
          assert(message.startsWith(`option ${group}.${name} is `), message);
        }
      });
    }
  }
});

describe('what cannot work is refused', () => {
  const cases: readonly [ClientOptions | object, string][] = [
    [{ retry: { attemptsMax: 0 } }, 'option retry.attemptsMax is 0; allowed: whole, 1 to 100'],
    [{ retry: { attemptsMax: 2.5 } }, 'option retry.attemptsMax is 2.5; allowed: whole, 1 to 100'],
    [{ retry: { statuses: [42] } }, 'option retry.statuses is [42]; allowed: statuses, 100 to 599'],
    [{ retry: 3 }, 'option retry is 3; allowed: true, false, or an object of options'],
    [{ retry: null }, 'option retry is null; allowed: true, false, or an object of options'],
    [{ budget: { windowMs: 0 } }, 'option budget.windowMs is 0; allowed: ≥ 1'],
    [{ hedge: { share: 1.5 } }, 'option hedge.share is 1.5; allowed: 0 to 1'],
    [{ hedge: { percentile: 101 } }, 'option hedge.percentile is 101; allowed: 0 to 100'],
    [{ hedge: { delayMsMin: 5_000 } }, 'option hedge.delayMsMin is 5000, more than hedge.delayMsMax 2000'],
    [{ breaker: { jitter: 2 } }, 'option breaker.jitter is 2; allowed: 0 to 1'],
    [{ breaker: { openMs: 400_000 } }, 'option breaker.openMs is 400000, more than breaker.openMsMax 300000'],
    [{ concurrency: { limit: 500 } }, 'option concurrency.limit is 500, more than concurrency.limitMax 200'],
    [
      { concurrency: { algorithm: 'vegas' } },
      'option concurrency.algorithm is "vegas"; allowed: aimd, gradient, fixed',
    ],
    [{ coalesce: { ignore: ['X-Id'] } }, 'option coalesce.ignore is ["X-Id"]; allowed: names in lower case'],
    [{ cache: { entriesMax: 0 } }, 'option cache.entriesMax is 0; allowed: whole, ≥ 1'],
    [{ compress: { coding: 'lzma' } }, 'option compress.coding is "lzma"; allowed: gzip, br, zstd'],
    [{ compress: { origins: ['nowhere'] } }, 'option compress.origins is ["nowhere"]; allowed: all, or origins'],
    [
      { compress: true, origin: undefined },
      'option compress.origins names nobody, and this client has no origin of its own to mean',
    ],
    [
      {
        origin: undefined,
        endpoints: [{ url: 'http://a.example' }, { url: 'http://b.example' }],
        compress: { origins: ['http://a.example'] },
      },
      'option compress.origins leaves out http://b.example, and a call may go to any of the endpoints',
    ],
    [
      { ...ENDPOINTS, balance: { ejectMs: 1_000_000 } },
      'option balance.ejectMs is 1000000, more than balance.ejectMsMax 300000',
    ],
    [{ ...ENDPOINTS, healthCheck: { path: 'x' } }, 'option healthCheck.path is "x"; allowed: a path'],
  ];
  for (const [options, message] of cases) it(message, () => assert.equal(refusal(options), message));

  it('and what can is not', () => {
    for (const group of GROUPS) assert.equal(refusal({ [group]: group === 'budget' ? {} : true }), 'accepted', group);
    assert.equal(refusal({ concurrency: { algorithm: 'fixed', limit: 500 } }), 'accepted');
    assert.equal(refusal({ compress: { origins: 'all' }, origin: undefined }), 'accepted');
    assert.equal(refusal({ breaker: { consecutiveMax: Number.POSITIVE_INFINITY } }), 'accepted');
  });
});

it('whatever is given, it is taken or refused with INVALID', () => {
  const junk: unknown[] = [null, true, false, 5, 'x', [], {}, [1], Symbol('s'), () => 1, new Map()];
  junk.push({ limits: 5 }, { limits: [5] }, { limits: [{}] }, { limit: 5 }, { path: 5 }, [{}], [null], [{ url: 5 }]);
  for (const odd of [{ weight: 'x' }, { headers: 5 }, { name: 5 }, { priority: '1' }, { url: 'http://u:p@a' }]) {
    junk.push([{ url: 'http://a.example', ...odd }]);
  }
  for (const name of [...Object.keys(POLICY_RULES), 'rateLimit', 'preset', 'endpoints']) {
    for (const value of junk) {
      for (const around of [{}, ENDPOINTS]) {
        const options = name === 'endpoints' ? { origin: undefined, endpoints: value } : { ...around, [name]: value };
        refusal(options); // asserts that it is one of ours
      }
    }
  }
});

function section(page: string, heading: string): string {
  const text = readFileSync(new URL(`../../../../docs/reference/${page}.md`, import.meta.url), 'utf8');
  return text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
}

const written = (value: unknown): string => {
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'number'
    ? value.toLocaleString('en').replaceAll(',', '_').replace('∞', 'Infinity')
    : String(value);
};

describe('the reference', () => {
  const PAGES: Readonly<Record<PolicyGroup, readonly [page: string, heading: string]>> = {
    retry: ['retries', 'Retry'],
    budget: ['retries', 'Budget'],
    hedge: ['retries', 'Hedge'],
    breaker: ['policies', 'Breaker'],
    concurrency: ['policies', 'Concurrency'],
    coalesce: ['policies', 'Coalesce'],
    compress: ['policies', 'Compress'],
    cache: ['policies', 'Cache'],
    balance: ['balance', 'Options of a set'],
    healthCheck: ['balance', 'Options of health checks'],
  };
  for (const [group, [page, heading]] of Object.entries(PAGES)) {
    it(`has the range of every option of ${group}`, () => {
      const rows = Array.from(
        section(page, heading).matchAll(/^\| `([a-z]\w*)` \| [^|]+ \| ([^|]+) \|/gm),
        ([, name, range]) => [name, range],
      );
      // A path has no default, and so no row.
      const rules = Object.entries(POLICY_RULES[group as PolicyGroup]).filter(([name]) => name !== 'path');
      const real = rules.map(([name, { range }]) => [name, range]);
      assert.deepEqual(new Map(rows.toSorted() as [string, string][]), new Map(real.toSorted() as [string, string][]));
    });
  }

  const DEFAULTS = { retry: RETRY_DEFAULTS, budget: BUDGET_DEFAULTS, hedge: HEDGE_DEFAULTS };
  for (const [group, defaults] of Object.entries(DEFAULTS)) {
    it(`has the default of every option of ${group}`, () => {
      const [page, heading] = PAGES[group as PolicyGroup];
      const rows = section(page, heading).matchAll(/^\| `([a-z]\w*)` \| `([^`]+)` \|/gm);
      const told = Array.from(rows, ([, name, value]) => `${name} ${value}`);
      const real = Object.entries(defaults).map(([name, value]) => `${name} ${written(value)}`);
      assert.deepEqual(told.toSorted(), real.toSorted());
    });
  }
});
