import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { root } from '../check.ts';
import { SCHEMA_FILE, schemaText } from '../schema.ts';

// To write it anew: node --conditions=keepwarm-source scripts/schema.ts
it('the published schema is that of the code', () => {
  assert.ok(readFileSync(join(root, SCHEMA_FILE), 'utf8') === schemaText(), `${SCHEMA_FILE} is out of date`);
});
