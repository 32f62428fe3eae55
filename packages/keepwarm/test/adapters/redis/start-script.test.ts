/** The script of connection starts on a real Redis, beside what the walks take it for. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { START_SCRIPT } from '../../../src/adapters/redis/start-script.ts';
import { OwnRedis } from './a-redis.ts';
import { StartModel } from './start-model.ts';

/** The same script, told the time. */
const TIMED = START_SCRIPT.replace("local clock = redis.call('TIME')", '').replace(
  'local now = clock[1] * 1000000 + clock[2]',
  'local now = tonumber(ARGV[#ARGV])',
);

let redis: OwnRedis;
let client: Redis;
let keys = 0;

before(async () => {
  redis = await OwnRedis.start();
  client = redis.client();
});
after(() => redis.stop());

const HOLD_US = 2_600_000;

const question = fc.record({
  afterUs: fc.integer({ min: -50_000, max: 1_500_000 }),
  process: fc.constantFrom('a', 'b', 'c'),
  epoch: fc.constantFrom('', '', 'known', 'other'),
  latest: fc.constantFrom(0, 0, 0, -1, 1_000_000),
  bar: fc.constantFrom(0, 0, 0, 300_000),
  present: fc.constantFrom(0, 400_000),
  reports: fc.array(fc.tuple(fc.nat(9), fc.constantFrom(0, 500_000, HOLD_US)), { maxLength: 4 }),
  wants: fc.array(fc.constantFrom('reconnect', 'growth'), { maxLength: 4 }),
});

describe('the script of connection starts', () => {
  it('does what its model does, whatever it is asked and when', async () => {
    assert(TIMED !== START_SCRIPT && !TIMED.includes("call('TIME')"));
    const setting = fc.record({ assumed: fc.constantFrom('full', 'empty'), share: fc.constantFrom(0, 2) });
    await fc.assert(
      fc.asyncProperty(
        setting,
        fc.array(question, { minLength: 1, maxLength: 30 }),
        async ({ assumed, share }, list) => {
          const model = new StartModel();
          const key = `walk-${keys++}`;
          let now = Date.UTC(2030, 0, 1) * 1_000;
          let known = '';
          let ids = 10;
          for (const { afterUs, process, epoch, latest, bar, present, reports, wants } of list) {
            now += afterUs;
            const args: (string | number)[] = [
              process,
              epoch === 'known' ? known : epoch,
              latest === 0 ? 0 : now + latest,
            ];
            args.push(6, 1, HOLD_US, bar, assumed, share, 3, present, reports.length, ...reports.flat(), wants.length);
            for (const kind of wants) args.push(ids++, kind);
            args.push(now); // the model leaves it alone
            const said = await client.eval(TIMED, 1, key, ...args);
            const expected = model.run(now, args);
            assert.deepEqual((said as unknown[]).map(String), expected.map(String));
            if (expected[1] !== 'late') known = String(expected[1]);
          }
          const scores = await client.zrange(key, '0', '-1', 'WITHSCORES');
          const there = new Map<string, number>();
          for (let i = 0; i < scores.length; i += 2) there.set(scores[i]!, Number(scores[i + 1]));
          assert.deepEqual([...there].sort(), [...model.members].sort());
          await client.del(key);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('keeps its key for a month, in whatever hash slot: there is but one', async () => {
    await client.eval(START_SCRIPT, 1, 'one', ...'a;;0;6;1;2600000;0;empty;0;1;0;0;1;1;growth'.split(';'));
    const ms = await client.pttl('one');
    assert(ms > 29 * 86_400_000 && ms <= 30 * 86_400_000, String(ms));
    assert.deepEqual(await client.keys('one*'), ['one']);
  });
});
