/** Connections that end at every stage of a call. */
import type { ResetAt } from '../peer/fault.ts';
import { expect, NEARLY_ALL, type Row } from '../row.ts';

const STAGES: readonly ResetAt[] = ['before head', 'mid head', 'mid body', 'right after reply', 'reuse'];

const WHERE: Readonly<Record<ResetAt, string>> = {
  'before head': 'instead of an answer',
  'mid head': 'in the middle of the head',
  'mid body': 'in the middle of the body',
  'right after reply': 'right after a complete answer',
  reuse: 'instead of an answer, on connections that were used before',
};

/**
 * One connection in twenty ends. With five attempts one idempotent call in 3 million fails. A reset in the middle of a
 * body is another matter: the reply had begun, and its caller has it.
 */
const SHARE = 0.05;

export const RESETS: readonly Row[] = STAGES.map((at) => ({
  name: `reset ${at === 'reuse' ? 'at reuse' : at}`,
  fault: `${SHARE * 100} % of the requests: RST ${WHERE[at]}`,
  policies: 'retry',
  expected: [
    at === 'mid body'
      ? expect(
          'calls whose reply was cut off end with RESET',
          ({ ends, ok, calls }) => ok + (ends['RESET'] ?? 0) === calls,
        )
      : NEARLY_ALL,
    expect('extra traffic ≤ 20 %', ({ extra }) => extra <= 0.2),
  ],
  run: (stage) =>
    stage.measure(
      { fault: { kind: 'reset', at, share: SHARE } },
      { retry: true },
      { calls: stage.pick(10_000, 400), concurrency: 20 },
    ),
}));
