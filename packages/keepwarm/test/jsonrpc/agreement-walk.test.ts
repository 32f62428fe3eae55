/** A walk through agreements: endpoints answer, lie, fail and stay silent in any order, callers leave, time passes. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { Agreement } from '../../src/clients/jsonrpc/agreement.ts';
import { Differing } from '../../src/clients/jsonrpc/differing.ts';
import { Plans } from '../../src/clients/jsonrpc/plan.ts';
import { RpcError } from '../../src/clients/jsonrpc/rpc-error.ts';
import { EXACT } from '../../src/clients/jsonrpc/sameness.ts';
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

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const LIMITS = { queueMs: 1_000, firstByteMs: 1_000, betweenBytesMs: 1_000, bodyBytesMax: 1_000 };
const DEADLINE_MS = 5_000;

interface Visit {
  readonly endpoint: string;
  settle(how: string): void;
}

/** Endpoints of which each call goes to the first it has not been at; it hops from who cannot be reached. */
function aDoor(pending: Visit[], visits: string[], aborted: { count: number }, grants: () => boolean): ProtocolDoor {
  const untried = ({ tried = [] }: Call): string[] => NAMES.filter((name) => !tried.includes(name));
  const send = (call: Call): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const [endpoint = 'a'] = untried(call);
      call.tried!.push(endpoint);
      visits.push(endpoint);
      const visit: Visit = {
        endpoint,
        settle: (how) => {
          pending.splice(pending.indexOf(visit), 1);
          if (how === 'lost') return reject(new NetError('RESET', 'lost', { reach: 'unknown' }));
          if (how === 'hop') return resolve(send(call));
          const reply = new Reply(200, 'HTTP/1.1 200 OK\r\n\r\n', new Uint8Array(0), false, 0, true);
          reply.made = how === 'revert' ? new RpcError({ code: 3, message: how }, { kind: 'final' }) : new Result(how);
          resolve(reply);
        },
      };
      pending.push(visit);
      call.signal!.addEventListener('abort', () => {
        if (!pending.includes(visit)) return;
        pending.splice(pending.indexOf(visit), 1);
        aborted.count++;
        reject(new NetError('ABORTED', 'aborted', { reach: 'unknown' }));
      });
    });
  return {
    send,
    home: originOf(new URL('http://node.test')),
    limits: LIMITS,
    deadlineMs: DEADLINE_MS,
    fields: () => Fields.none,
    elsewhere: (call) => untried(call).length > 0,
    grant: grants,
    spare: () => true,
  };
}

const step = fc.record({
  which: fc.nat(4),
  how: fc.constantFrom('x', 'x', 'x', 'y', 'z', 'revert', 'lost', 'hop', 'time', 'abort'),
  granted: fc.boolean(),
});

it('an answer is given by so many endpoints or not at all, once, and nothing is left under way', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 5 }),
      fc.array(step, { minLength: 1, maxLength: 30 }),
      async (count, walk) => {
        const clock = new FakeClock();
        const pending: Visit[] = [];
        const visits: string[] = [];
        const aborted = { count: 0 };
        let granted = true;
        const sender = new Sender(
          aDoor(pending, visits, aborted, () => granted),
          clock,
        );
        const differing = new Differing(
          NAMES.map((name) => ({ name, origin: `http://${name}` })),
          {},
        );
        const agreement = new Agreement({ sender, freshness: undefined, differing, sameness: EXACT });
        const plan = new Plans(adapter).of('echo');
        const caller = new AbortController();
        const question = { plan, params: [], text: '[]', minHeight: undefined, exact: false };
        const said = new Map<string, Set<string>>();
        const heard = new Set<string>();
        const outcomes: unknown[] = [];
        agreement.ask(question, { count, otherwise: 'error' }, { signal: caller.signal }).then(
          (value) => outcomes.push(value),
          (error: unknown) => outcomes.push(error),
        );
        assert.equal(pending.length, count, '(2) so many at once');
        for (const { which, how, granted: may } of walk) {
          granted = may;
          const visit = pending[which % Math.max(1, pending.length)];
          if (how === 'time') clock.advance(600);
          else if (how === 'abort') which === 0 && caller.abort(new Error('gone'));
          else if (visit !== undefined) {
            if (how !== 'lost' && how !== 'hop' && !heard.has(visit.endpoint)) {
              heard.add(visit.endpoint);
              said.set(how, (said.get(how) ?? new Set()).add(visit.endpoint));
            }
            visit.settle(how);
          }
          await settled();
          assert(pending.length <= 2 * count, '(2) no more than twice as many');
          assert(outcomes.length <= 1, '(3) once');
          if (outcomes.length === 1) assert.equal(pending.length, 0, '(3) nothing is left under way');
        }
        if (outcomes.length === 0) clock.advance(2 * DEADLINE_MS);
        for (let i = 0; i < 20 && pending.length > 0; i++) {
          pending[0]!.settle('lost');
          await settled();
        }
        assert.equal(outcomes.length, 1, 'it ends');
        assert.equal(clock.sleeping, 0, 'no timer is left behind');
        const [outcome] = outcomes;
        const word = outcome instanceof RpcError && outcome.code === 3 ? 'revert' : outcome;
        const voters = typeof word === 'string' ? (said.get(word)?.size ?? 0) : 0;
        if (typeof word === 'string') assert(voters >= count, `(1) ${word} of ${voters} endpoints, not of ${count}`);
        else assert(word instanceof NetError, String(word));
        for (const party of said.values()) {
          if (party.size < count || typeof word === 'string') continue;
          assert(['ABORTED', 'DEADLINE'].includes((word as NetError).code), 'so many had said the same');
        }
      },
    ),
    { numRuns: 300 },
  );
});

async function settled(): Promise<void> {
  for (let i = 0; i < 12; i++) await Promise.resolve();
}
