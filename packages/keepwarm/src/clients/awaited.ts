/**
 * What comes of a call, for those who ask. Usually that is one, and before it is known: then what is asked for is made
 * of the reply as soon as it is there, and one promise is all it takes.
 *
 *   open ──one asks──▶ awaited ──outcome──▶ that one is told
 *     │                   └─another asks─┐
 *     └─outcome, or the reply is asked for─┴─▶ promised: to all who ask
 *
 * Invariants:
 *   (1) Everybody who asks is told once. A failure that nobody asks about is an unhandled rejection, as of any promise.
 *   (2) Nothing is made of a reply before somebody asks for it.
 */
import type { Call, Outlet } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { Reply } from '../core/reply.ts';
import { turnstileOf } from '../core/turnstile.ts';
import { type Repeats, whole } from './whole-body.ts';

/** What is asked for, such as its JSON; in one step where the reply is whole. */
export type Make<T> = (reply: Reply) => T | PromiseLike<T>;

export class Awaited implements Outlet {
  readonly #call: Call | undefined;
  readonly #repeats: Repeats | undefined;
  /** Of the one who asked first, while nothing is promised. */
  #make: Make<unknown> | undefined;
  #resolve!: (made: unknown) => void;
  #reject!: (error: unknown) => void;
  #promised: Promise<Reply> | undefined;
  /** The outcome, for those who come later. */
  #reply: Reply | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** @param repeats for content whose connection was lost; nothing when nothing is to be repeated */
  constructor(call?: Call, repeats?: Repeats) {
    this.#call = call;
    this.#repeats = repeats;
  }

  /** What became of a call that was not made. */
  static failed(error: unknown, clock: Clock): Awaited {
    const awaited = new Awaited();
    turnstileOf(clock).fail(awaited, error, clock.now());
    return awaited;
  }

  /** What `make` makes of the reply. */
  read<T>(make: Make<T>): Promise<T> {
    if (this.#make !== undefined || this.#reply !== undefined || this.#promised !== undefined) {
      return this.reply().then((reply) => this.#made(reply, make));
    }
    return this.#first(make);
  }

  /** The reply itself. */
  reply(): Promise<Reply> {
    this.#promised ??= this.#promise();
    return this.#promised;
  }

  /** Whoever reads it here does so where it was received: that must not throw. */
  replied(reply: Reply): void {
    this.#reply = reply;
    const make = this.#make;
    if (make === undefined) return;
    try {
      this.#resolve(this.#made(reply, make));
    } catch (error) {
      this.#reject(error);
    }
  }

  failed(error: unknown): void {
    this.#failure = { error };
    if (this.#make === undefined) this.#promised = Promise.reject(error);
    else this.#reject(error);
  }

  #promise(): Promise<Reply> {
    if (this.#reply !== undefined) return Promise.resolve(this.#reply);
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    const make = this.#make;
    const resolve = this.#resolve;
    const reject = this.#reject;
    const promised = this.#first(itself);
    if (make !== undefined) promised.then((reply) => this.#made(reply, make)).then(resolve, reject);
    return promised;
  }

  #first<T>(make: Make<T>): Promise<T> {
    this.#make = make;
    return new Promise<T>((resolve, reject) => {
      this.#resolve = resolve as (made: unknown) => void;
      this.#reject = reject;
    });
  }

  /** A reply that is whole has nothing left to lose: this is the path of every small call. */
  #made<T>(reply: Reply, make: Make<T>): T | PromiseLike<T> {
    const repeats = this.#repeats;
    if (reply.ended || repeats === undefined || make === (itself as Make<unknown>)) return make(reply);
    return whole(reply, this.#call!, repeats, make);
  }
}

const itself: Make<Reply> = (reply) => reply;
