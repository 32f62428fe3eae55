/**
 * Random walks over callers who share messages (batcher.ts) and requests (company.ts): they come, leave by signal and
 * deadline, nodes answer rightly, wrongly, late or not at all. Checked are the numbered invariants of both files.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { Outcomes } from '../../src/clients/jsonrpc/answers.ts';
import { Asked, AskedBatch } from '../../src/clients/jsonrpc/asked.ts';
import { Batcher } from '../../src/clients/jsonrpc/batcher.ts';
import { Company } from '../../src/clients/jsonrpc/company.ts';
import { BATCHING_DEFAULTS } from '../../src/clients/jsonrpc/options.ts';
import { Plans } from '../../src/clients/jsonrpc/plan.ts';
import { Reads } from '../../src/clients/jsonrpc/reads.ts';
import { RpcError } from '../../src/clients/jsonrpc/rpc-error.ts';
import { Sender } from '../../src/clients/jsonrpc/sender.ts';
import type { ProtocolDoor } from '../../src/clients/protocol.ts';
import type { Call } from '../../src/core/call.ts';
import { NetError } from '../../src/core/error.ts';
import { Fields } from '../../src/core/fields.ts';
import { originOf } from '../../src/core/origin.ts';
import { Reply } from '../../src/core/reply.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { Result } from '../../src/wire/jsonrpc/answer.ts';
import { adapter } from './a-node.ts';

const SIZE_MAX = 20;
const SHARES_MAX = 3;
/** Of what is shared out, a message has at least so many. */
const SHARE_MIN = 8;
/** Of shared timers, and of the rest between two of their sweeps; and what the walk itself takes at a time. */
const GRAIN_MS = 10;
const LIMITS = { queueMs: 1, firstByteMs: 1, betweenBytesMs: 1, bodyBytesMax: 1 };

interface Pending {
  readonly call: Call;
  readonly settle: (how: string) => void;
}

/** What became of what had been collected. */
interface Closing {
  /** Messages of several requests, before. */
  readonly underWay: number;
  readonly sizes: number[];
}

/** What is sent waits here until the walk says what becomes of it. */
function aDoor(pending: Pending[], closings: readonly Closing[]): ProtocolDoor {
  const send = (call: Call): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const waiting = {
        call,
        settle: (how: string) => (how === 'lost' ? reject(lost()) : resolve(replyTo(call, how))),
      };
      pending.push(waiting);
      if (call.about instanceof AskedBatch) closings.at(-1)?.sizes.push(call.about.members.length);
      call.signal?.addEventListener('abort', () => {
        if (!pending.includes(waiting)) return;
        pending.splice(pending.indexOf(waiting), 1);
        reject(new NetError('ABORTED', 'aborted', { reach: 'unknown' }));
      });
    });
  const home = originOf(new URL('http://node.test'));
  return {
    send,
    home,
    limits: LIMITS,
    deadlineMs: 1_000,
    fields: () => Fields.none,
    elsewhere: () => true,
    grant: () => true,
    spare: () => true,
  };
}

const lost = () => new NetError('RESET', 'lost', { reach: 'unknown' });
const behind = (asked: Asked) =>
  new NetError('RPC', 'behind', {
    reach: 'answered',
    health: 'nothing',
    cause: new RpcError({ code: -32001, message: `behind for ${key(asked)}` }, { kind: 'behind' }),
  });
const key = ({ params }: Asked): number => (params as number[])[0]!;

function replyTo({ about }: Call, how: string): Reply {
  const reply = new Reply(200, 'HTTP/1.1 200 OK\r\n\r\n', new Uint8Array(0), false, 1, true);
  const own = (asked: Asked) =>
    how === 'behind' && key(asked) % 2 === 0 ? behind(asked) : new Result({ for: key(asked) });
  if (about instanceof AskedBatch) reply.made = new Outcomes(about.members.map(own));
  else if (about instanceof Asked) reply.made = new Result({ for: key(about) });
  return reply;
}

const steps = fc.array(
  fc.record({
    what: fc.constantFrom(
      'ask',
      'ask',
      'ask',
      'many',
      'answer',
      'answer',
      'behind',
      'lost',
      'abort',
      'turn',
      'wait',
      'write',
    ),
    which: fc.nat(6),
    patient: fc.boolean(),
    leaves: fc.boolean(),
  }),
  { minLength: 10, maxLength: 120 },
);

it('everybody gets one outcome, its own, whatever the others do', async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (walk, shares) => {
      const clock = new FakeClock();
      const pending: Pending[] = [];
      const closings: Closing[] = [];
      const sender = new Sender(aDoor(pending, closings), clock);
      const options = {
        ...BATCHING_DEFAULTS,
        sizeMax: SIZE_MAX,
        windowMs: shares ? 0 : 3,
        /** Asked for once, when that is decided. */
        get sharesMax() {
          const underWay = pending.filter(({ call }) => call.about instanceof AskedBatch).length;
          closings.push({ underWay, sizes: [] });
          return SHARES_MAX;
        },
      };
      const batcher = new Batcher(options, sender);
      const company = shares ? new Company(clock) : undefined;
      const reads = new Reads({
        sender,
        clock,
        batcher,
        company,
        cache: undefined,
        freshness: undefined,
        empties: undefined,
        splitting: undefined,
        agreement: { ask: () => Promise.reject(new Error('nobody has to agree')) },
      });
      const plan = new Plans(adapter).of('echo');
      const controllers: AbortController[] = [];
      let [open, asked] = [0, 0];

      const ask = (which: number, deadlineMs: number, signal: AbortSignal | undefined): void => {
        asked++;
        open++;
        const latestMs = clock.now() + deadlineMs + GRAIN_MS;
        const params = [which];
        const question = { plan, params, text: JSON.stringify(params), minHeight: undefined, exact: false };
        reads.ask(question, { deadlineMs, signal }).then(
          (value) => {
            open--;
            assert.deepEqual(value, { for: which });
            (value as { for: number }).for = -1; // nobody else may see this: (3) of company.ts
          },
          (error: unknown) => {
            open--;
            assert(clock.now() <= latestMs, 'who has asked anew keeps its own deadline');
            if (error instanceof RpcError) assert.equal(error.said.message, `behind for ${which}`);
            else assert(error instanceof NetError);
          },
        );
      };

      for (const { what, which, patient, leaves } of walk) {
        if (what === 'ask') {
          const controller = leaves ? new AbortController() : undefined;
          if (controller !== undefined) controllers.push(controller);
          ask(which, patient ? Number.POSITIVE_INFINITY : 5 + which, controller?.signal);
        } else if (what === 'many') {
          for (let i = 0; i < 7 * which; i++) ask(100 + i, patient ? Number.POSITIVE_INFINITY : 5 + which, undefined);
        } else if (what === 'abort') controllers.splice(which, 1)[0]?.abort(new Error('left'));
        else if (what === 'turn') clock.turn();
        else if (what === 'wait') await clock.run(which);
        else if (what === 'write') company?.changed();
        else pending.splice(which % Math.max(pending.length, 1), 1)[0]?.settle(what);
        for (const { underWay, sizes } of closings.splice(0)) {
          if (sizes.length < 2) continue;
          assert(underWay + sizes.length <= SHARES_MAX, '(2) of batcher.ts: shared out beyond what may be under way');
          assert(Math.min(...sizes) >= SHARE_MIN, '(2) of batcher.ts: a share is too small');
        }
        for (const { call } of pending) {
          if (call.about instanceof AskedBatch) assert(call.about.members.length <= SIZE_MAX, '(2) of batcher.ts');
        }
        await Promise.resolve();
      }
      for (let i = 0; i < 200 && open > 0; i++) {
        await clock.run(10);
        for (const { settle } of pending.splice(0)) settle('answer');
        await clock.settle();
      }
      assert.equal(open, 0, `${open} of ${asked} callers have no outcome`);
      await clock.run(2_000);
      assert.equal(clock.sleeping, 0, 'no timer is left behind');
    }),
    { numRuns: 400 },
  );
});
