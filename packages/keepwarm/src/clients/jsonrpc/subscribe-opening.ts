/**
 * Opens a subscription, somewhere: at the endpoint that is best placed, at the next when that one cannot, and when none
 * can, as soon as one of them has rested.
 *
 * Thrown is only what no endpoint could help: the subscription itself is refused, all of them do not know the method or
 * do not let us in, or it took longer than `openMs` (`resumeMs` for one that had been lost).
 */
import type { Clock } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import { sleep } from '../../core/sleep.ts';
import type { Stream, Topic } from '../../core/subscribe.ts';
import type { ErrorClass, RpcErrorObject } from './adapter.ts';
import { RpcError } from './rpc-error.ts';
import type { SubscriptionSource } from './subscribe-endpoint.ts';
import type { SubscriptionLimits } from './subscribe-options.ts';
import type { SubscriptionTable } from './subscription-traits.ts';

export interface OpeningOptions {
  readonly sources: readonly SubscriptionSource[];
  readonly table: SubscriptionTable;
  readonly classify: ((error: RpcErrorObject, method: string) => ErrorClass) | undefined;
  readonly limits: SubscriptionLimits;
  readonly clock: Clock;
}

/** How soon to look again when all that could serve are full or cordoned, in ms. */
const LOOK_AGAIN_MS = 1_000;

export function opening(options: OpeningOptions) {
  const { sources, clock, limits, table } = options;
  return async (topic: Topic, resumed: boolean, signal: AbortSignal | undefined): Promise<Stream> => {
    const withinMs = resumed ? limits.resumeMs : limits.openMs;
    const endAt = clock.now() + withinMs;
    const without = new Map<SubscriptionSource, unknown>();
    let last: unknown;
    for (;;) {
      const able = sources.filter((source) => !without.has(source));
      if (able.length === 0) throw without.values().next().value;
      const ready = able.filter((source) => !source.cordoned && !source.full && source.restMs <= 0);
      const source = bestOf(ready);
      if (source === undefined) {
        if (!resumed && able.every(({ full }) => full)) throw allFull(topic, able, limits);
        const waitMs = Math.min(...able.map((each) => (each.restMs > 0 ? each.restMs : LOOK_AGAIN_MS)));
        const leftMs = endAt - clock.now();
        await sleepFor(clock, Math.min(waitMs, leftMs), topic, signal);
        if (waitMs >= leftMs) throw last ?? tooLate(topic, withinMs, resumed);
        continue;
      }
      try {
        const silenceMs = table.topics[topic.name]?.silenceMs ?? Number.POSITIVE_INFINITY;
        return await source.subscribe(topic, table.words(topic.method)!, silenceMs, signal);
      } catch (error) {
        if (signal?.aborted || isOurs(error)) throw error;
        last = error;
        const verdict = verdictOf(error, topic.method, options.classify);
        if (verdict === 'final') throw error;
        if (verdict === 'missing' || (!resumed && isShut(error))) without.set(source, error);
        // A lost connection has been counted by whoever lost it.
        else if (error instanceof RpcError || (error instanceof NetError && error.limit === 'answerMs')) {
          source.failed(error instanceof NetError ? error : undefined);
        } else if (source.restMs <= 0) source.failed(NetError.from(error));
      }
    }
  };
}

/** By priority, then by how well it does, then by how much of its share it has. */
function bestOf(ready: readonly SubscriptionSource[]): SubscriptionSource | undefined {
  const share = ({ topics, place }: SubscriptionSource): number => topics / place.weight;
  return ready.reduce<SubscriptionSource | undefined>((best, each) => {
    if (best === undefined || each.place.priority < best.place.priority) return each;
    if (each.place.priority > best.place.priority) return best;
    if (each.failures !== best.failures) return each.failures < best.failures ? each : best;
    return share(each) < share(best) ? each : best;
  }, undefined);
}

type Verdict = 'final' | 'missing' | 'elsewhere';

function verdictOf(error: unknown, method: string, classify: OpeningOptions['classify']): Verdict {
  if (!(error instanceof RpcError)) return 'elsewhere';
  const kind = classify?.(error.said, method) ?? withoutAdapter(error.code);
  return kind === 'final' || kind === 'known' ? 'final' : kind === 'missing' ? 'missing' : 'elsewhere';
}

/** JSON-RPC 2.0 § 5.1: invalid request and params are the caller's; a method may be there elsewhere. */
function withoutAdapter(code: number): ErrorClass {
  if (code === -32_601) return 'missing';
  return code === -32_600 || code === -32_602 ? 'final' : 'ill';
}

/** Statuses of a handshake that will not be others by themselves: a wrong path, a wrong key. */
const SHUT: ReadonlySet<number | undefined> = new Set([400, 401, 403, 404, 405, 410]);

/** An endpoint that a new subscription need not wait for. A lost one goes on trying it: keys are renewed. */
function isShut(error: unknown): boolean {
  return error instanceof NetError && (error.code === 'TLS' || (error.code === 'STATUS' && SHUT.has(error.status)));
}

/** A subscription that cannot be written, or everything being closed: no endpoint can help. */
function isOurs(error: unknown): boolean {
  return error instanceof NetError && (error.code === 'INVALID' || error.code === 'CLOSED');
}

async function sleepFor(clock: Clock, ms: number, topic: Topic, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(clock, Math.max(0, ms), signal);
  } catch (cause) {
    const message = `the subscription to ${topic.name} was given up before an endpoint could serve it`;
    throw new NetError('ABORTED', message, { reach: 'unsent', cause });
  }
}

function allFull(topic: Topic, able: readonly SubscriptionSource[], limits: SubscriptionLimits): NetError {
  const { connectionsMax, topicsPerConnectionMax } = limits;
  const message =
    `no room for ${topic.name} at ${able.map(({ place }) => place.name).join(', ')}: each has ${connectionsMax} ` +
    `connections (limit connectionsMax) of ${topicsPerConnectionMax} subscriptions (limit topicsPerConnectionMax)`;
  return new NetError('SATURATED', message, { reach: 'unsent', limit: 'connectionsMax', value: connectionsMax });
}

function tooLate(topic: Topic, value: number, resumed: boolean): NetError {
  const limit = resumed ? 'resumeMs' : 'openMs';
  const message = `no endpoint could serve ${topic.name} within ${value} ms (limit ${limit})`;
  return new NetError('TIMEOUT', message, { reach: 'unsent', phase: 'connect', limit, value });
}
