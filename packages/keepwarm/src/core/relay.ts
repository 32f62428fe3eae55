/**
 * The inside of a Send. Through a stack of policies a call goes down as one call of functions, and its outcome comes
 * back up the same way: one object per policy instead of a promise, its closures and a turn of the microtask queue, and
 * the clock is read once on the way down and once on the way up.
 *
 *   call ──▶ relay ──▶ relay ──▶ engine
 *              ▲          ▲         │ replied, or failed: once
 *   caller ◀── outlet ◀── outlet ◀──┘
 *
 * Rules, beside those of core/call.ts:
 *   (1) An outlet is told once: that there is a reply, or that it failed. A relay may instead throw before it tells.
 *   (2) It may be told before the relay has returned: whoever relays has done what it does for the call by then.
 *   (3) Telling is the last thing one does. An engine tells at once of a reply that is whole, when the connection is
 *       back in its pool; of everything else in a microtask, as it may be in the middle of something.
 *   (4) `now` has just been read from the client's clock: nothing was waited for since.
 *
 * A policy that is no relay, yours for example, is joined to those above and below it by promises.
 */
import type { Call, Outlet, Policy, Relay, Send } from './call.ts';
import type { Clock } from './clock.ts';
import type { Reply } from './reply.ts';

/** A policy made of what it does with a call on its way down. */
export function relayed(clock: Clock, make: (next: Relay) => Relay): Policy {
  return (next) => sending(make(relayOf(next, clock)), clock);
}

/** The Send whose inside is this relay. */
export function sending(relay: Relay, clock: Clock): Send {
  const send = (call: Call): Promise<Reply> =>
    new Promise((resolve, reject) => relay(call, new Promised(resolve, reject), clock.now()));
  return Object.assign(send, { relay });
}

/** The inside of a Send; of one that has none, its promise. */
export function relayOf(send: Send, clock: Clock): Relay {
  return send.relay ?? ((call, to) => tell(send(call), to, clock));
}

/** Goes on to `next`, and hands on what `read` makes of the replies: at once where that is at once. */
export function reading(next: Relay, read: Read, clock: Clock): Relay {
  return (call, to, now) => next(call, new Reading(read, clock, call, to), now);
}

/** It may throw: then the call has failed. */
export type Read = (reply: Reply, call: Call) => Reply | Promise<Reply>;

/** The outlet is told what comes of the promise. */
export function tell(promise: Promise<Reply>, to: Outlet, clock: Clock): void {
  promise.then(
    (reply) => to.replied(reply, clock.now()),
    (error: unknown) => to.failed(error, clock.now()),
  );
}

/** Goes on to `next`; that it threw is an outcome as any other. */
export function pass(next: Relay, call: Call, to: Outlet, now: number): void {
  try {
    next(call, to, now);
  } catch (error) {
    to.failed(error, now);
  }
}

/** Tells of a failure in a microtask, for one who is in the middle of something. */
export function failLater(to: Outlet, error: unknown, clock: Clock): void {
  void NOW.then(() => to.failed(error, clock.now()));
}

/** To follow it costs less than `queueMicrotask`. */
const NOW = Promise.resolve();

/** Tells of everything in a microtask. */
export class Afterwards implements Outlet {
  readonly #to: Outlet;
  readonly #clock: Clock;

  constructor(to: Outlet, clock: Clock) {
    this.#to = to;
    this.#clock = clock;
  }

  replied(reply: Reply): void {
    void NOW.then(() => this.#to.replied(reply, this.#clock.now()));
  }

  failed(error: unknown): void {
    failLater(this.#to, error, this.#clock);
  }
}

class Promised implements Outlet {
  readonly replied: (reply: Reply) => void;
  readonly failed: (error: unknown) => void;

  constructor(resolve: (reply: Reply) => void, reject: (error: unknown) => void) {
    this.replied = resolve;
    this.failed = reject;
  }
}

class Reading implements Outlet {
  readonly #read: Read;
  readonly #clock: Clock;
  readonly #call: Call;
  readonly #to: Outlet;

  constructor(read: Read, clock: Clock, call: Call, to: Outlet) {
    this.#read = read;
    this.#clock = clock;
    this.#call = call;
    this.#to = to;
  }

  replied(reply: Reply, now: number): void {
    let made: Reply | Promise<Reply>;
    try {
      made = this.#read(reply, this.#call);
    } catch (error) {
      return this.#to.failed(error, now);
    }
    if (made instanceof Promise) tell(made, this.#to, this.#clock);
    else this.#to.replied(made, now);
  }

  failed(error: unknown, now: number): void {
    this.#to.failed(error, now);
  }
}
