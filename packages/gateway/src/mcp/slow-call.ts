/** `explain-slow-call`: the slowest of the last calls, or one by its number, taken apart. */
import type { CallTold } from '../figures/call-told.ts';
import { explain } from './explain.ts';
import { list, number, record, text, told, whole } from './shape.ts';
import { numberOf, READS, type Tool, ToolError, wordOf } from './tool.ts';

/** The most the admin API tells at once. */
const LOOKED_AT = 500;

export const EXPLAIN_SLOW_CALL: Tool = {
  name: 'explain-slow-call',
  title: 'Explain a slow call',
  description:
    'Where the milliseconds of a call went (limits, queue, DNS, TCP, TLS, repeats, upstream, body), which policies ' +
    'acted on it, which attempts failed, and what to do about it. Without an id: the slowest of the calls that are ' +
    'remembered (the last 200 of each upstream, and the last 100 that were notable).',
  input: record(
    {
      upstream: text('one upstream by its name; all of them when left out'),
      id: whole(1, Number.MAX_SAFE_INTEGER, 'a call by its number, as in events and logs'),
      count: whole(1, 10, 'how many of the slowest; default 1'),
    },
    ['upstream', 'id', 'count'],
  ),
  output: record({
    looked: number('how many calls were looked at'),
    calls: list(
      record({
        summary: text(),
        parts: list(
          record({ phase: text(), ms: number(), share: number('of the whole, 0 to 1') }),
          'the longest first',
        ),
        words: list(text(), 'step by step'),
        advice: text(),
        call: told('as docs/reference/admin.md § Calls has it'),
      }),
    ),
  }),
  annotations: READS,
  run: async ({ admin }, input, signal) => {
    const query = { upstream: wordOf(input, 'upstream'), limit: LOOKED_AT };
    const [all, notable] = await Promise.all([
      admin.calls(query, signal),
      admin.calls({ ...query, only: 'notable' }, signal),
    ]);
    const calls = [
      ...new Map(
        [...all.calls, ...notable.calls].map((call) => [`${call.upstream} ${call.worker} ${call.id}`, call]),
      ).values(),
    ];
    const found = chosen(calls, input['id'], numberOf(input, 'count', 1));
    return { looked: calls.length, calls: found.map((call) => ({ ...explain(call), call })) };
  },
};

function chosen(calls: readonly CallTold[], id: unknown, count: number): readonly CallTold[] {
  if (id === undefined) return calls.toSorted((a, b) => b.totalMs - a.totalMs).slice(0, count);
  const found = calls.filter((call) => call.id === id);
  if (found.length > 0) return found;
  throw new ToolError(
    `call ${id} is not remembered (any more); leave id out for the slowest of ${calls.length} that are`,
  );
}
