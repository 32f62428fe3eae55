/** Actions and readiness of several workers. */
import { attempted, WORK_ACTION_ROUTES } from '../../admin/actions.ts';
import { type Readiness, readiness } from '../../admin/readiness.ts';
import type { WorkerTold } from '../../admin/worker-told.ts';
import { jsonOf } from './endpoints.ts';
import { type AnyTogether, most, sum, together } from './together.ts';

type Done = Readonly<Record<string, unknown>>;

/** Counts add up, but for how long it took; everything else is as the first one says. */
function doneBy(all: readonly Done[]): Done {
  const numbers = Object.entries(all[0]!).map(([name, value]) => {
    if (typeof value !== 'number') return [name, value] as const;
    const read = (each: Done): number => Number(each[name] ?? 0);
    return [name, name.endsWith('Ms') ? most(all, read) : sum(all, read)] as const;
  });
  const failed = all.find(({ error }) => error !== undefined);
  return { ...Object.fromEntries(numbers), ...(failed === undefined ? {} : { error: failed['error'] }) };
}

/** Done by every worker that can; that they were done is told at home. */
export const ACTIONS_TOGETHER: readonly AnyTogether[] = WORK_ACTION_ROUTES.map((route) =>
  together<Done>({
    path: route.path,
    part: jsonOf(route),
    whole: (parts, home, { body }) => {
      const name = route.path.slice(route.path.lastIndexOf('/') + 1);
      return attempted(home, name, body, async () => ({
        ...doneBy(parts.map(({ told }) => told)),
        workers: parts.length,
      }));
    },
  }),
);

/**
 * Whether so few of them serve that callers are better off elsewhere: less than half of what the gateway was made to
 * bear. One that is being replaced is no reason.
 */
export function tooFew(workers: readonly WorkerTold[]): string | undefined {
  const serving = workers.filter(({ state }) => state === 'serving').length;
  return serving * 2 < workers.length ? `${serving} of ${workers.length} workers serve` : undefined;
}

/** One that can take calls is enough: the others take none. None is ready before all have been there. */
export const READYZ_TOGETHER: AnyTogether = together<Readiness>({
  path: '/readyz',
  part: (view) => readiness(view),
  whole: (parts, home) => {
    const speaking = home.grpc.all;
    const asked = home.names().length > 0 || speaking.length === 0;
    const few = asked ? tooFew(home.workers()) : undefined;
    const works = parts.some(({ told }) => told.ready) && asked;
    const usable = works || speaking.some((upstream) => upstream.usable);
    const text = home.draining() ? 'draining' : (few ?? (usable ? 'ready' : parts[0]!.told.text));
    return { status: text === 'ready' ? 200 : 503, type: 'text/plain; charset=utf-8', text: `${text}\n` };
  },
});
