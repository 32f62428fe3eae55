/** The two places where a call is watched: as its caller made it, and each time it is sent. */
import { type Context, ROOT_CONTEXT } from '@opentelemetry/api';
import type { Call, Outlet, Policy } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { pass, relayed } from '../core/relay.ts';
import type { Reply } from '../core/reply.ts';
import type { Judged } from './otel-events.ts';
import type { Meters } from './otel-meters.ts';
import { type Kind, kindOf, type Names, type Place } from './otel-names.ts';
import { type Outcome, outcomeOfError, outcomeOfReply, summaryOf } from './otel-outcome.ts';
import type { Peers } from './otel-peers.ts';
import type { Sending, Spans, Traced } from './otel-spans.ts';

export interface Watch {
  readonly clock: Clock;
  readonly names: Names;
  readonly spans: Spans | undefined;
  readonly meters: Meters | undefined;
  readonly peers: Peers;
  /** Those under way that have spans: an entry is taken out when its call ends. */
  readonly calls: Map<number, Traced>;
  readonly judged: Judged;
}

export function trace(watch: Watch): Policy {
  const { clock, spans, calls } = watch;
  return relayed(clock, (next) => (call, to, now) => {
    const { id } = call;
    // Of plain HTTP there is no metric of calls: what is measured is each request.
    if (id === undefined || (spans === undefined && call.operation === undefined)) return next(call, to, now);
    const traced = spans?.start(call);
    if (traced !== undefined) calls.set(id, traced);
    const over = new CallOver(watch, call, id, traced);
    pass(next, call, new Told(over.kind, call, over, to), now);
  });
}

export function attempt(watch: Watch): Policy {
  const { clock, spans, calls, names } = watch;
  return relayed(clock, (next) => (call, to, now) => {
    if (call.id === undefined) return next(call, to, now); // a check of our own
    const place = names.place(call.origin);
    const traced = calls.get(call.id);
    const sending = traced && spans?.send(traced, call, place);
    place.active++;
    const over = new AttemptOver(watch, call, place, sending, now);
    const end = traced === undefined ? to : new JudgedBy(watch.judged, traced, to);
    pass(next, sending?.call ?? call, new Told('http', call, over, end), now);
  });
}

/** Told once that something has ended, and how. */
interface Over {
  over(outcome: Outcome, now: number): void;
  readonly clock: Clock;
}

class CallOver implements Over {
  readonly kind: Kind;
  readonly clock: Clock;
  readonly #watch: Watch;
  readonly #call: Call;
  readonly #id: number;
  readonly #traced: Traced | undefined;

  constructor(watch: Watch, call: Call, id: number, traced: Traced | undefined) {
    this.kind = traced?.kind ?? kindOf(call);
    this.clock = watch.clock;
    this.#watch = watch;
    this.#call = call;
    this.#id = id;
    this.#traced = traced;
  }

  over(outcome: Outcome, now: number): void {
    const { calls, spans, meters, peers, names } = this.#watch;
    const call = this.#call;
    const traced = this.#traced;
    if (this.kind !== 'http' && meters !== undefined) {
      // Of several endpoints, the one it went to: without spans nobody has kept that.
      const place = traced?.place ?? (call.tried === undefined ? names.place(call.origin) : undefined);
      meters.rpc(this.kind, call, place, outcome, now - call.startedAt, traced?.context ?? NOWHERE);
    }
    if (traced === undefined) return;
    calls.delete(this.#id);
    spans?.end(traced, call, outcome, peers.of(outcome.socketId));
  }
}

class AttemptOver implements Over {
  readonly clock: Clock;
  readonly #watch: Watch;
  readonly #call: Call;
  readonly #place: Place;
  readonly #sending: Sending | undefined;
  readonly #startedAt: number;

  constructor(watch: Watch, call: Call, place: Place, sending: Sending | undefined, startedAt: number) {
    this.clock = watch.clock;
    this.#watch = watch;
    this.#call = call;
    this.#place = place;
    this.#sending = sending;
    this.#startedAt = startedAt;
  }

  over(outcome: Outcome, now: number): void {
    const { meters, spans, peers } = this.#watch;
    const call = this.#call;
    const sending = this.#sending;
    const peer = peers.of(outcome.socketId);
    this.#place.active--;
    if (meters !== undefined && kindOf(call) !== 'grpc') {
      const of = sending?.context ?? NOWHERE;
      meters.attempt(call, this.#place, outcome, peer?.version, now - this.#startedAt, of);
    }
    if (sending !== undefined) spans?.sent(sending, outcome, peer);
  }
}

const NOWHERE: Context = ROOT_CONTEXT;

/** Tells of the end: on the way up, or when the reply that is handed on has arrived. */
class Told implements Outlet {
  readonly #kind: Kind;
  readonly #call: Call;
  readonly #over: Over;
  readonly #to: Outlet;

  constructor(kind: Kind, call: Call, over: Over, to: Outlet) {
    this.#kind = kind;
    this.#call = call;
    this.#over = over;
    this.#to = to;
  }

  replied(reply: Reply, now: number): void {
    const { ending } = reply;
    if (ending === undefined) {
      this.#over.over(outcomeOfReply(this.#kind, this.#call, reply, reply.trailers, undefined), now);
    } else later(this.#kind, this.#call, this.#over, reply);
    this.#to.replied(reply, now);
  }

  failed(error: unknown, now: number): void {
    this.#over.over(outcomeOfError(this.#kind, this.#call, error, now >= this.#call.deadlineAt), now);
    this.#to.failed(error, now);
  }
}

/** Until a reply ends, neither it is held nor whoever was told of it. */
function later(kind: Kind, call: Call, over: Over, reply: Reply): void {
  const { ending } = reply;
  const summary = summaryOf(reply);
  ending?.listen(() => {
    over.over(outcomeOfReply(kind, call, summary, ending.trailers, ending.error), over.clock.now());
  });
}

/** Says whose outcome it is, while those above make something of it. */
class JudgedBy implements Outlet {
  readonly #judged: Judged;
  readonly #traced: Traced;
  readonly #to: Outlet;

  constructor(judged: Judged, traced: Traced, to: Outlet) {
    this.#judged = judged;
    this.#traced = traced;
    this.#to = to;
  }

  replied(reply: Reply, now: number): void {
    this.#judged.traced = this.#traced;
    this.#to.replied(reply, now);
    this.#judged.traced = undefined;
  }

  failed(error: unknown, now: number): void {
    this.#judged.traced = this.#traced;
    this.#to.failed(error, now);
    this.#judged.traced = undefined;
  }
}
