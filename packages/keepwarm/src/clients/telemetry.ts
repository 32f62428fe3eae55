/**
 * Where a client tells its doings to more than an observer: `keepwarm/otel` is one that does, and the only one we
 * publish. It sees each call as its caller made it, and each time it is sent.
 */
import type { Policy } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Observer } from '../core/observer.ts';
import { refused } from '../core/refusal.ts';
import { FACTS, guarded } from './facts.ts';

/** What `openTelemetry()` of `keepwarm/otel` gives. One may serve any number of clients. */
export interface Telemetry {
  /** What one client is to be told through. */
  join(clock: Clock): Joined;
  /** The source is asked for its snapshots from now on. @returns what ends that; twice is harmless */
  watch(source: { stats(): object }): () => void;
}

export interface Joined {
  readonly observer: Observer;
  readonly policies: {
    /** Outermost. */
    readonly trace: Policy;
    /** Next to the engine. */
    readonly attempt: Policy;
  };
}

/** @throws NetError `INVALID` */
export function join(telemetry: Telemetry | undefined, clock: Clock): Joined | undefined {
  if (telemetry === undefined) return undefined;
  const isOne = typeof telemetry?.join === 'function' && typeof telemetry.watch === 'function';
  if (!isOne) throw refused('telemetry', telemetry, 'what openTelemetry() of keepwarm/otel gives');
  return telemetry.join(clock);
}

/** What the parts of a client tell facts to. What a listener throws harms neither the call nor the other. */
export function told(own: Observer | undefined, joined: Joined | undefined): Observer {
  if (joined === undefined) return own === undefined ? {} : guarded(own);
  const theirs = joined.observer;
  const both: Observer = {};
  for (const name of FACTS) {
    const ours = theirs[name] as Listener | undefined;
    const tellBoth = (fact: never): void => {
      ours?.(fact);
      (own?.[name] as Listener | undefined)?.call(own, fact);
    };
    const get = (): Listener | undefined => (ours === undefined && own?.[name] === undefined ? undefined : tellBoth);
    Object.defineProperty(both, name, { get, enumerable: true });
  }
  return guarded(both);
}

type Listener = (fact: never) => void;
