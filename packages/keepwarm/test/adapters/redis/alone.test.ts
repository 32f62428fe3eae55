/** Processes that cannot see each other: whatever each had been granted, together they stay within the limit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FleetBucket } from '../../../src/adapters/redis/fleet-bucket.ts';
import { FleetLimit } from '../../../src/adapters/redis/fleet-limits.ts';
import { fleetSettings } from '../../../src/adapters/redis/options.ts';
import { ExactWindow } from '../../../src/algo/exact-window.ts';
import { busiestWindow } from './counting-server.ts';

const WINDOW_MS = 100;
const REDIS_MS = 20;
const REFUSE = () => Promise.reject(new Error('gone'));

interface World {
  readonly limit: number;
  readonly members: number;
  /** Which member wants to start in each ms before the loss. */
  readonly wants: readonly number[];
  /** When each member notices, in ms after the loss. */
  readonly notices: readonly number[];
  /** Whether a member that may start does so, by turns. */
  readonly eager: readonly boolean[];
}

const worlds: fc.Arbitrary<World> = fc.record({
  limit: fc.integer({ min: 4, max: 24 }),
  members: fc.integer({ min: 2, max: 4 }),
  wants: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 10, maxLength: 250 }),
  notices: fc.array(fc.integer({ min: 0, max: REDIS_MS }), { minLength: 4, maxLength: 4 }),
  eager: fc.array(fc.boolean(), { minLength: 1, maxLength: 97 }),
});

function bucketOf(limit: number, share: number): FleetBucket {
  const limits = [{ limit, windowMs: WINDOW_MS }];
  const client = { evalsha: REFUSE, eval: REFUSE };
  const settings = fleetSettings({ client, name: 'a', limits, onLoss: 'local', share });
  const times = { windowMs: WINDOW_MS, lateMs: 0, holdMs: settings.holdMs };
  return new FleetBucket('', ['log', 'state'], new FleetLimit(limits[0]!, settings, 'a'), times);
}

/** Granted by one exact window until the loss, each starting on its own afterwards. @returns every start */
function starts({ limit, members, wants, notices, eager }: World): number[] {
  const fleet = new ExactWindow({ limit, windowMs: WINDOW_MS });
  const buckets = Array.from({ length: members }, () => bucketOf(limit, members));
  const instants: number[] = [];
  const start = (bucket: FleetBucket, now: number): void => {
    bucket.begin(1, now);
    bucket.settle(1, now);
    instants.push(now);
  };
  for (const [now, want] of wants.entries()) {
    const bucket = buckets[want];
    for (let i = 0; i < 3; i++) if (bucket !== undefined && fleet.take(1, now)) start(bucket, now);
  }
  const settings = { share: members, redisMs: REDIS_MS };
  const lossAt = wants.length;
  let turn = 0;
  for (let now = lossAt; now < lossAt + 4 * WINDOW_MS; now++) {
    for (const [i, bucket] of buckets.entries()) {
      const noticedAt = lossAt + notices[i]!;
      while (now >= noticedAt && bucket.aloneAt(1, settings, noticedAt, now) <= now) {
        if (!eager[turn++ % eager.length]) break;
        start(bucket, now);
      }
    }
  }
  return instants;
}

describe('processes on their own, each with its share', () => {
  it('(1) (2) never exceed a window together, whatever they had been granted and whenever they notice', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        assert.ok(busiestWindow(starts(world), WINDOW_MS) <= world.limit);
      }),
      { numRuns: 2_000 },
    );
  });

  it('(2) use all of it when their shares add up to it and everybody wants', () => {
    const wants = Array.from({ length: 100 }, (_, i) => i % 3);
    const all = starts({ limit: 12, members: 3, wants, notices: [0, 5, 20, 0], eager: [true] });
    assert.equal(all.filter((at) => at >= 300 && at < 400).length, 12);
  });
});
