/**
 * An undici Dispatcher over a client's pools: `fetch`, `request`, `stream` and `pipeline` of undici, its interceptors
 * on top, and the fetch built into Node, all send through here. Nothing is retried or redirected that undici's own
 * dispatchers would not.
 */

import { Dispatcher } from 'undici';
import { Chain } from '../../algo/chain.ts';
import { Client, type ClientOptions, doorOf } from '../../clients/client.ts';
import type { FetchDoor } from '../../clients/fetch.ts';
import { NetError } from '../../core/error.ts';
import { checkOptions } from '../../core/refusal.ts';
import { Turns } from '../../core/turns.ts';
import { Endings } from './endings.ts';
import { asUndiciError, invalidArgument } from './errors.ts';
import { DispatchExchange } from './exchange.ts';
import { handlerOf } from './handlers.ts';
import type { DispatchOptions } from './request.ts';

type Done = (...answer: [error: Error | null, data: null]) => void;

/**
 * Inherits from undici's Dispatcher, because that is where `request`, `stream`, `pipeline` and `compose` come from, and
 * what undici's own types ask for.
 */
class KeepwarmDispatcher extends Dispatcher {
  /** The client it sends through, for its `stats()`, `warmUp()` and the rest. */
  readonly client: Client;
  readonly #owned: boolean;
  readonly #door: FetchDoor;
  readonly #underWay = new Chain<DispatchExchange>();
  readonly #endings = new Endings();
  #quiet: (() => void)[] = [];
  #closed: 'closed' | 'destroyed' | undefined;

  /** @internal */
  constructor(client: Client, owned: boolean) {
    super();
    this.client = client;
    this.#owned = owned;
    const door = doorOf(client);
    const turns = new Turns(door.turn);
    this.#door = { ...door, turn: (task) => turns.add(task) };
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  get destroyed(): boolean {
    return this.#closed === 'destroyed';
  }

  /**
   * Handlers of both generations are taken, see handlers.ts.
   *
   * @returns true, always: the queue is the client's, bounded there, and what finds it full is refused by an error
   */
  override dispatch(options: DispatchOptions, given: Dispatcher.DispatchHandler): boolean {
    const handler = handlerOf(given);
    if (typeof options !== 'object' || options === null) {
      return this.#refuse(handler, invalidArgument('opts must be an object.'));
    }
    if (this.#closed !== undefined) return this.#refuse(handler, asUndiciError(ended(this.#closed)));
    const exchange = new DispatchExchange(handler, options.body, this.#endings, this.#left);
    this.#underWay.push(exchange);
    exchange.start(this.#door, options);
    return true;
  }

  /** Takes no more; resolves when what is under way has ended. Closes the client if it was made for this dispatcher. */
  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | void {
    this.#closed ??= 'closed';
    return answer(callback, this.#whenQuiet());
  }

  /** Ends everything under way with `error`. Closes the client if it was made for this dispatcher. */
  override destroy(): Promise<void>;
  override destroy(error: Error | null): Promise<void>;
  override destroy(callback: () => void): void;
  override destroy(error: Error | null, callback: () => void): void;
  override destroy(first?: Error | null | (() => void), second?: () => void): Promise<void> | void {
    const callback = typeof first === 'function' ? first : second;
    const error = typeof first === 'function' ? undefined : first;
    this.#closed = 'destroyed';
    for (const exchange of [...this.#underWay]) exchange.abort(error ?? asUndiciError(ended('destroyed')));
    return answer(callback, this.#whenQuiet());
  }

  readonly #left = (exchange: DispatchExchange): void => {
    this.#underWay.remove(exchange);
    if (this.#underWay.size > 0 || this.#quiet.length === 0) return;
    const quiet = this.#quiet;
    this.#quiet = [];
    for (const resolve of quiet) resolve();
  };

  async #whenQuiet(): Promise<void> {
    if (this.#underWay.size > 0) await new Promise<void>((resolve) => this.#quiet.push(resolve));
    if (this.#owned) await this.client.close();
  }

  #refuse(handler: Dispatcher.DispatchHandler, error: Error): true {
    if (handler.onResponseError === undefined) throw error;
    const none = null as unknown as Dispatcher.DispatchController; // as undici has it
    this.#door.turnstile().pass(() => handler.onResponseError?.(none, error));
    return true;
  }
}

export type { KeepwarmDispatcher };

/** What undici's own interceptors and fetch do, where it is wanted. */
const PLAIN: ClientOptions = { decompress: false, defaultHeaders: false, retry: false, breaker: false };

/**
 * An undici Dispatcher that sends through a client: `setGlobalDispatcher(d)`, `undici.request(url, { dispatcher: d })`,
 * `fetch(url, { dispatcher: d })` with undici's fetch or Node's own.
 *
 * Made from options, it has a client of its own, which by default neither decodes nor repeats nor breaks, and adds no
 * fields, since undici's callers have that done above it; closing the dispatcher closes it. A client it is given stays
 * its owner's, and sends as it always does.
 *
 * @throws NetError `INVALID` naming the option that is not acceptable
 */
export function keepwarmDispatcher(client: Client | ClientOptions = {}): KeepwarmDispatcher {
  if (client instanceof Client) return new KeepwarmDispatcher(client, false);
  checkOptions('what keepwarmDispatcher was given', client);
  return new KeepwarmDispatcher(new Client({ ...PLAIN, ...client }), true);
}

function ended(how: 'closed' | 'destroyed'): NetError {
  const reach = how === 'closed' ? 'unsent' : 'unknown';
  return new NetError('CLOSED', `the dispatcher was ${how}`, { reach, phase: 'closing' });
}

function answer(callback: Done | undefined, done: Promise<void>): Promise<void> | void {
  if (callback === undefined) return done;
  done.then(
    () => callback(null, null),
    (error: Error) => callback(error, null),
  );
}
