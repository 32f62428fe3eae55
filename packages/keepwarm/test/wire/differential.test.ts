import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compare } from './differential/compare.ts';
import { SEEDS } from './differential/corpus.ts';
import { DELIBERATE } from './differential/deliberate.ts';
import { Hunt } from './differential/hunt.ts';
import { readLlhttp } from './differential/llhttp.ts';
import { generated } from './generated.ts';

/** What is judged in every run of the tests. `npm run fuzz` judges as many as you like. */
const RESPONSES_MAX = 200_000;
const JUDGING_MS = 4_000;

/** Change it to look elsewhere; every seed must pass. */
const SEED = 1;

describe('our parser and Node’s', () => {
  it('agree on every response of the corpus', () => {
    for (const { method, bytes } of SEEDS) {
      const { disagreement, deliberate, ours, theirs } = compare(bytes, method);
      assert(disagreement === '' || deliberate !== undefined, `${bytes}: ${disagreement}`);
      assert.equal(ours.kind, 'whole');
      assert.equal(theirs.kind, 'whole');
    }
  });

  it('agree on generated responses', () => {
    fc.assert(
      fc.property(generated, ({ bytes, method }) => {
        const { disagreement, deliberate, ours, theirs } = compare(Buffer.from(bytes, 'latin1'), method);
        assert(disagreement === '' || deliberate !== undefined, `${disagreement}: ${JSON.stringify([ours, theirs])}`);
      }),
      { numRuns: 3_000 },
    );
  });

  it('agree on mutated responses, which also read the same however they are cut and whatever was read before', () => {
    const hunt = new Hunt(SEED);
    const end = performance.now() + JUDGING_MS;
    while (hunt.responses < RESPONSES_MAX && performance.now() < end && hunt.findings.length === 0) {
      for (let batch = 0; batch < 1_000; batch++) hunt.judge(hunt.responses);
    }
    assert.deepEqual(hunt.findings, []);
    assert(hunt.kinds.whole > hunt.responses / 10, 'mutation leaves enough of them valid to compare what was read');
    assert(hunt.kinds.refused > hunt.responses / 10, 'and breaks enough');
  });

  for (const { name, disagreement, example, method = 'GET' } of DELIBERATE) {
    it(`differ as listed: ${name}`, () => {
      const verdict = compare(Buffer.from(example, 'latin1'), method);
      assert.equal(verdict.disagreement, disagreement, JSON.stringify(verdict));
      assert.equal(verdict.deliberate?.name, name);
    });
  }
});

describe('the page about the parser', () => {
  it('lists every deliberate difference with its reason, and no other', () => {
    const page = readFileSync(new URL('../../../../docs/reference/parser.md', import.meta.url), 'utf8');
    const [, table = ''] = page.split('| difference | why |\n|---|---|\n');
    const rows = table.split('\n\n', 1)[0]!.trim().split('\n');
    assert.deepEqual(
      rows,
      DELIBERATE.map(({ name, why }) => `| ${name} | ${why} |`),
    );
  });
});

describe('the judge', () => {
  it('finds where a message ends in llhttp only when it is asked for the right place', () => {
    const message = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    const bytes = Buffer.from(`${message}HTTP/1.1 200 OK\r\n\r\n`);
    const endAt = (expected: number) => {
      const outcome = readLlhttp(bytes, 'GET', expected);
      return outcome.kind === 'whole' ? outcome.end : outcome.kind;
    };
    assert.equal(endAt(message.length), message.length);
    assert.equal(endAt(message.length + 1), message.length, 'one byte late is seen as too early an end');
    assert.notEqual(endAt(message.length - 1), message.length - 1, 'one byte early is not an end');
  });

  it('makes the same response again from a seed and a number', () => {
    const run = (from: number, count: number) => {
      const hunt = new Hunt(7);
      for (let i = 0; i < count; i++) hunt.judge(from + i);
      return { ...hunt.kinds };
    };
    assert.deepEqual(run(1_000, 500), run(1_000, 500));
    assert.notDeepEqual(run(1_000, 500), run(2_000, 500));
  });
});
