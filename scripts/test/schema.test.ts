import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SHARED_CONCURRENCY, SHARED_PER_SECOND, SHARED_POOL } from '../../packages/gateway/src/config/shares.ts';
import { BUDGET_DEFAULTS } from '../../packages/keepwarm/src/algo/budget.ts';
import { OPTIONS } from '../../packages/keepwarm/src/clients/options.ts';
import { CONCURRENCY_DEFAULTS } from '../../packages/keepwarm/src/policies/concurrency.ts';
import { HEDGE_DEFAULTS } from '../../packages/keepwarm/src/policies/hedge.ts';
import { root } from '../check.ts';
import { SCHEMA_FILE, schemaText } from '../schema.ts';

// To write it anew: node --conditions=keepwarm-source scripts/schema.ts
it('the published schema is that of the code', () => {
  assert.ok(readFileSync(join(root, SCHEMA_FILE), 'utf8') === schemaText(), `${SCHEMA_FILE} is out of date`);
});

describe('the shares of workers', () => {
  it('are of the defaults that the library has', () => {
    for (const [name, value] of Object.entries(SHARED_POOL)) {
      assert.equal(value, OPTIONS.pool[name as keyof typeof SHARED_POOL].default, name);
    }
    for (const [name, value] of Object.entries(SHARED_CONCURRENCY)) {
      assert.equal(value, CONCURRENCY_DEFAULTS[name as keyof typeof SHARED_CONCURRENCY], name);
    }
    assert.deepEqual(SHARED_PER_SECOND, { budget: BUDGET_DEFAULTS.perSecond, hedge: HEDGE_DEFAULTS.perSecond });
  });
});
