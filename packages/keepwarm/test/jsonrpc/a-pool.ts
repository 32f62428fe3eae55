/** Endpoints with their heights in hand, and what watches them. */
import type { HeadProbe } from '../../src/clients/jsonrpc/adapter.ts';
import { Freshness } from '../../src/clients/jsonrpc/freshness.ts';
import { FRESHNESS_DEFAULTS, type FreshnessOptions } from '../../src/clients/jsonrpc/freshness-options.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { seeded } from '../balance/seeded.ts';

/** How an endpoint answers: after so long, never, with an error, by throwing at once, or with something else. */
export type Manner = number | 'silent' | 'refuses' | 'throws' | { readonly says: unknown };

export interface ToldFact {
  readonly fact: 'lagging' | 'caughtUp';
  readonly endpoint: string;
  readonly reason?: string;
}

/** Asked every second, at most 5 behind, on a chain whose blocks take a second. */
export function aPool<Name extends string>(
  start: Readonly<Record<Name, number>>,
  options: Partial<FreshnessOptions> = {},
) {
  const clock = new FakeClock();
  const heights: Record<Name, number> = { ...start };
  const does: Partial<Record<string, Manner>> = {};
  const asked: { readonly name: string; readonly at: number }[] = [];
  const signals: AbortSignal[] = [];
  const facts: ToldFact[] = [];
  const head: HeadProbe = {
    method: 'getHeight',
    read: (result) => (Number.isSafeInteger(result) && Number(result) >= 0 ? Number(result) : undefined),
    intervalMs: 1_000,
    lagMax: 5,
    heightMsMin: 500,
  };
  const ask = (name: string, signal: AbortSignal): Promise<unknown> => {
    asked.push({ name, at: clock.now() });
    signals.push(signal);
    const manner = does[name] ?? 0;
    if (manner === 'throws') throw new Error('thrown');
    if (manner === 'refuses') return Promise.reject(new Error('refused'));
    if (manner === 'silent') return new Promise(() => undefined);
    if (typeof manner === 'object') return Promise.resolve(manner.says);
    const height = heights[name as Name];
    return manner === 0
      ? Promise.resolve(height)
      : new Promise((resolve) => clock.after(manner, () => resolve(height)));
  };
  const freshness = new Freshness(
    Object.keys(start).map((name) => ({ name, origin: `https://${name}.test` })),
    { ...FRESHNESS_DEFAULTS, intervalMs: head.intervalMs, lagMax: head.lagMax, ...options },
    {
      clock,
      random: seeded(7),
      head,
      ask,
      observer: {
        endpointLagging: (fact) => facts.push({ fact: 'lagging', ...fact }),
        endpointCaughtUp: (fact) => facts.push({ fact: 'caughtUp', ...fact }),
      },
    },
  );
  const instants = (name: string): number[] => asked.flatMap((each) => (each.name === name ? [each.at] : []));
  return { freshness, clock, heights, does, asked, signals, facts, instants };
}
