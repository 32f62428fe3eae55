/** One call as it is put together from facts, and as it is told. */
import type { FactOf, Phase } from 'keepwarm';
import { type ErrorTold, errorTold } from './feed-facts.ts';

type Ended = FactOf<'replied'> | FactOf<'failed'>;

/** Where the time of a call went, in ms, in the order in which it goes. Their sum is `totalMs`. */
export interface CallPhases {
  /** Waiting for a rate or concurrency limit. */
  readonly limitMs: number;
  /** Waiting for a connection, its opening not included. */
  readonly queueMs: number;
  /** Opening the connection, as far as the call waited for it. */
  readonly dnsMs: number;
  readonly tcpMs: number;
  readonly tlsMs: number;
  /** Waiting between attempts. */
  readonly repeatMs: number;
  /** Writing the request and waiting for the head of the reply, failed attempts included: the network and the peer. */
  readonly upstreamMs: number;
  /** From the head of the reply to its end. */
  readonly bodyMs: number;
}

/** An attempt that another followed. */
export interface AttemptTold {
  readonly attempt: number;
  readonly endpoint?: string;
  readonly status?: number;
  readonly error?: ErrorTold;
  /** How long the call then waited, in ms. */
  readonly delayMs: number;
}

export interface CallTold {
  readonly id: number;
  /** Of the request it was made for. */
  readonly requestId?: string;
  readonly upstream: string;
  /** When it ended, in ms since 1970. */
  readonly at: number;
  readonly method: string;
  /** The method of JSON-RPC or gRPC. */
  readonly operation?: string;
  readonly origin: string;
  readonly section?: string;
  /** The one that answered, or was asked last. */
  readonly endpoint?: string;
  readonly attempts: number;
  readonly status?: number;
  readonly error?: ErrorTold;
  readonly totalMs: number;
  /** Nothing where it was not followed from its start: there were too many. */
  readonly phases?: CallPhases;
  /** What policies did about it, in order. */
  readonly acted: readonly string[];
  readonly failed: readonly AttemptTold[];
  /** The connection its answer came over, or the one it was on last; 0 for none. */
  readonly socketId: number;
  /** Whether that had served a call before. */
  readonly reused: boolean;
  /** Whose it was, where several processes do the work. */
  readonly worker?: number;
}

/** Where a call that was never sent spent what no fact accounts for, by the phase of its error. */
const WAITED_IN: Partial<Record<Phase, 'queueMs' | 'dnsMs' | 'tcpMs' | 'tlsMs'>> = {
  ...{ queue: 'queueMs', dns: 'dnsMs', connect: 'tcpMs', proxy: 'tcpMs', tls: 'tlsMs' },
};

/** What is remembered of one call. */
const ACTED_MAX = 16;
const FAILED_MAX = 8;

export class CallDraft {
  readonly #acted: string[] = [];
  readonly #failed: AttemptTold[] = [];
  #limitMs = 0;
  #limitedAt: number | undefined;
  #queueMs = 0;
  #dnsMs = 0;
  #tcpMs = 0;
  #tlsMs = 0;
  #repeatMs = 0;
  #socketId = 0;
  #fresh = false;

  acted(what: string): void {
    if (this.#acted.length < ACTED_MAX) this.#acted.push(what);
  }

  /** A limit holds it. */
  waits(now: number): void {
    this.#limitedAt ??= now;
  }

  leased(now: number, socketId: number, waitMs: number, opened: FactOf<'socketOpened'> | undefined): void {
    this.#letGo(now - waitMs);
    this.#socketId = socketId;
    this.#fresh = opened !== undefined;
    const openMs = opened === undefined ? 0 : opened.dnsMs + opened.tcpMs + opened.tlsMs;
    // One that was being opened already when the call came: it waited for the last part.
    const share = openMs === 0 ? 0 : Math.min(1, waitMs / openMs);
    this.#dnsMs += (opened?.dnsMs ?? 0) * share;
    this.#tcpMs += (opened?.tcpMs ?? 0) * share;
    this.#tlsMs += (opened?.tlsMs ?? 0) * share;
    this.#queueMs += Math.max(0, waitMs - openMs * share);
  }

  repeated({ attempt, endpoint, status, error, delayMs }: FactOf<'retried'>): void {
    this.#repeatMs += delayMs;
    if (this.#failed.length >= FAILED_MAX) return;
    this.#failed.push({
      attempt,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(status === undefined ? {} : { status }),
      ...(error === undefined ? {} : { error: errorTold(error) }),
      delayMs,
    });
  }

  /**
   * @param at in ms since 1970; `now` on the clock of the others
   * @param whole whether it was followed from its start
   */
  told(upstream: string, fact: Ended, at: number, now: number, whole: boolean): CallTold {
    this.#letGo(now);
    const { call: id, tag, method, operation, origin, section, endpoint, totalMs } = fact;
    const failed = 'error' in fact;
    return {
      ...{ id, upstream, at, method, origin, totalMs },
      ...(tag === undefined ? {} : { requestId: tag }),
      ...(operation === undefined ? {} : { operation }),
      ...(section === '' ? {} : { section }),
      ...(endpoint === undefined ? {} : { endpoint }),
      attempts: Math.max(fact.attempt, (this.#failed.at(-1)?.attempt ?? 0) + 1),
      ...(failed ? { error: errorTold(fact.error) } : { status: fact.status }),
      ...(whole ? { phases: this.#phases(fact) } : {}),
      acted: this.#acted,
      failed: this.#failed,
      socketId: failed ? this.#socketId : fact.socketId,
      reused: failed ? this.#socketId !== 0 && !this.#fresh : fact.reused,
    };
  }

  #letGo(at: number): void {
    if (this.#limitedAt !== undefined) this.#limitMs += Math.max(0, at - this.#limitedAt);
    this.#limitedAt = undefined;
  }

  /** What two copies of a hedged call waited for at the same time counts once: no part goes beyond the whole. */
  #phases(fact: Ended): CallPhases {
    const { totalMs } = fact;
    const headMs = 'error' in fact ? totalMs : fact.headMs;
    let left = headMs;
    const part = (ms: number): number => {
      const taken = Math.min(ms, left);
      left -= taken;
      return taken;
    };
    const [limitMs, dnsMs, tcpMs] = [part(this.#limitMs), part(this.#dnsMs), part(this.#tcpMs)] as const;
    const [tlsMs, repeatMs] = [part(this.#tlsMs), part(this.#repeatMs)] as const;
    const queueMs = part(this.#queueMs);
    const phases = { limitMs, queueMs, dnsMs, tcpMs, tlsMs, repeatMs, upstreamMs: left };
    // What was never sent has waited for nothing but a connection, where its error says that it was.
    if ('error' in fact && fact.error.reach === 'unsent') {
      phases[WAITED_IN[fact.error.phase ?? 'queue'] ?? 'queueMs'] += left;
      phases.upstreamMs = 0;
    }
    return { ...phases, bodyMs: Math.max(0, totalMs - headMs) };
  }
}
