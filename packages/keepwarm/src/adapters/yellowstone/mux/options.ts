/** What the multiplexer may be told, each with its default and where that comes from. */

import { check, type Rule, unknownOption } from '../../../clients/options.ts';
import { checkOptions } from '../../../core/refusal.ts';
import { FILTER_KINDS, type FilterKind } from './request.ts';

export interface MultiplexerNumbers {
  /** Monitors at once; another is refused. */
  readonly monitorsMax: number;
  /** Changes of a stream's filters that reach upstream within any second. */
  readonly rewritesPerSecondMax: number;
  /** How long a change waits for others to go with it, in ms. */
  readonly rewriteDelayMs: number;
  /** How far behind the newest slot updates may come, in slots: a replay begins so far back. */
  readonly rewindSlots: number;
  /** Updates one stream remembers, so that a replay tells nothing twice. */
  readonly rememberedMax: number;
  /** A stream that is silent for so long is lost, in ms; servers say something every ten seconds. */
  readonly silenceMs: number;
  /** The longest first wait before a lost stream is opened again, in ms; doubled each time. */
  readonly backoffMs: number;
  /** The longest wait of all, in ms. */
  readonly backoffMsMax: number;
  /** How long a stream that was lost may stay so until its monitors are told, in ms. */
  readonly downMs: number;
  /** Updates that may wait for a monitor. */
  readonly queueUpdatesMax: number;
  /** Bytes of them; what several monitors wait for is counted for each. */
  readonly queueBytesMax: number;
  /** What becomes of a monitor for which more waits, or of the updates. */
  readonly queuePolicy: QueuePolicy;
  /** What becomes of monitors when upstream cannot replay what was lost. */
  readonly gapPolicy: GapPolicy;
}

export type QueuePolicy = 'disconnect' | 'dropOldest' | 'dropNewest';
export type GapPolicy = 'disconnect' | 'continue';

const INF = Number.POSITIVE_INFINITY;
const ms = (byDefault: number): Rule => ({ kind: 'number', default: byDefault, min: 0, max: INF });
const count = (byDefault: number, min: number): Rule => ({
  kind: 'number',
  default: byDefault,
  min,
  max: INF,
  whole: true,
});

/**
 * Where each comes from:
 *  - `rewritesPerSecondMax` 10: the strictest published limit (Supanode, "re-subscribe ≤ 10/s").
 *  - `rewindSlots` 64: slots are told to be final 32 slots later, which may be 40 where some have no block; servers
 *    keep 150 at least (yellowstone-grpc, config.rs).
 *  - `silenceMs` 30 s: three of the pings that servers send every ten seconds.
 *  - `queueUpdatesMax` 100,000: what the server itself keeps for a client that is slow (yellowstone-grpc, config.rs).
 *  - `queuePolicy` disconnect: as the server does ("lagged to send an update"): a gap nobody is told of is worse.
 */
export const MULTIPLEXER_OPTIONS: Readonly<Record<keyof MultiplexerNumbers, Rule>> = {
  monitorsMax: count(1_000, 1),
  rewritesPerSecondMax: count(10, 1),
  rewriteDelayMs: ms(5),
  rewindSlots: count(64, 0),
  rememberedMax: count(1_000_000, 1),
  silenceMs: { kind: 'number', default: 30_000, min: 1, max: INF },
  backoffMs: ms(100),
  backoffMsMax: ms(10_000),
  downMs: ms(60_000),
  queueUpdatesMax: count(100_000, 1),
  queueBytesMax: count(64 * 1024 * 1024, 1),
  queuePolicy: { kind: 'choice', default: 'disconnect', values: ['disconnect', 'dropOldest', 'dropNewest'] },
  gapPolicy: { kind: 'choice', default: 'disconnect', values: ['disconnect', 'continue'] },
};

/** How many filters of each kind upstream takes in one stream; what is left out is unlimited. */
export type FiltersMax = Readonly<Partial<Record<FilterKind, number>>>;

export interface MultiplexerOptions extends Partial<MultiplexerNumbers> {
  readonly filtersMax?: FiltersMax | undefined;
}

export interface SettledMultiplexer extends MultiplexerNumbers {
  readonly filtersMax: FiltersMax;
}

/** @throws NetError `INVALID` naming the option */
export function settleMultiplexer(options: MultiplexerOptions = {}): SettledMultiplexer {
  checkOptions('what a multiplexer was given', options);
  const { filtersMax = {}, ...given } = options;
  checkOptions('option filtersMax', filtersMax);
  const settled: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(MULTIPLEXER_OPTIONS)) settled[name] = rule.default;
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const rule = Object.hasOwn(MULTIPLEXER_OPTIONS, name)
      ? MULTIPLEXER_OPTIONS[name as keyof MultiplexerNumbers]
      : undefined;
    if (rule === undefined) throw unknownOption(name, name, [...Object.keys(MULTIPLEXER_OPTIONS), 'filtersMax']);
    check(`option ${name}`, value, rule);
    settled[name] = value;
  }
  for (const [kind, max] of Object.entries(filtersMax)) {
    if (!Object.hasOwn(FILTER_KINDS, kind)) throw unknownOption(`filtersMax.${kind}`, kind, Object.keys(FILTER_KINDS));
    check(`option filtersMax.${kind}`, max, count(1, 1));
  }
  return { ...(settled as unknown as MultiplexerNumbers), filtersMax };
}
