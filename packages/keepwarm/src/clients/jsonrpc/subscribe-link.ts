/**
 * One connection to one endpoint, with the subscriptions on it.
 *
 *   opening ──▶ open ──▶ gone
 *                │ retired: a subscription fell silent or was not answered; it takes no more, and goes with its last
 *                │ empty for `idleMs`: closed
 *
 * Invariants:
 *   (1) Subscription ids are this connection's own: another's, with the same id, cannot be meant.
 *   (2) Notifications that come before the answer to their `subscribe` are kept, at most `EARLY_MAX`, and only while an
 *       answer is awaited; those of a subscription whose end was asked for are nobody's.
 *   (3) A subscription whose subscriber left before the answer is ended when the answer comes.
 *   (4) `load` counts subscriptions from the question on.
 *   (5) When it is gone, all its subscriptions and questions have ended, and `ended` was told, once.
 */
import { listen, unlisten } from '../../core/abort.ts';
import type { Timer } from '../../core/clock.ts';
import { NetError } from '../../core/error.ts';
import type { Topic } from '../../core/subscribe.ts';
import type { LinkEvents, LinkParts, Wire } from './subscribe-parts.ts';
import { Questions } from './subscribe-questions.ts';
import { Route, type RouteHost } from './subscribe-route.ts';
import type { SubscriptionWords } from './subscription-traits.ts';

/** Notifications kept until the answer that says whose they are. */
const EARLY_MAX = 1_000;

type Id = string | number;

interface Notification {
  readonly id: Id;
  readonly method: string;
  readonly value: unknown;
}

interface Known {
  readonly id: Id;
  readonly words: SubscriptionWords;
  readonly route: Route;
}

export class Link implements RouteHost {
  readonly endpoint: string;
  readonly clock: LinkParts['clock'];
  /** When it opened; nothing before. */
  openedAt: number | undefined;
  notifications = 0;
  readonly #parts: LinkParts;
  readonly #events: LinkEvents;
  readonly #opening = new AbortController();
  readonly #ready: Promise<void>;
  readonly #questions: Questions;
  readonly #byId = new Map<Id, Known>();
  readonly #byRoute = new Map<Route, Known>();
  readonly #leaving = new Set<Id>();
  #early: Notification[] = [];
  #earlyLost = false;
  #subscribing = 0;
  #wire: Wire | undefined;
  #gone: NetError | undefined;
  #retired = false;
  #idle: Timer | undefined;

  constructor(endpoint: string, parts: LinkParts, events: LinkEvents) {
    this.endpoint = endpoint;
    this.clock = parts.clock;
    this.#parts = parts;
    this.#events = events;
    this.#questions = new Questions(endpoint, parts.clock);
    this.#ready = this.#open();
    this.#ready.catch(() => {
      // Told by `ended`, and to whoever waits for it.
    });
  }

  get load(): number {
    return this.#byId.size + this.#subscribing;
  }

  /** Whether it takes more subscriptions, their number aside. */
  get usable(): boolean {
    return this.#gone === undefined && !this.#retired;
  }

  get socketId(): number | undefined {
    return this.#wire?.id;
  }

  /**
   * @throws RpcError when the peer refuses; NetError when it does not answer, the connection is lost or cannot be
   *         opened, or the signal fires
   */
  async subscribe(topic: Topic, words: SubscriptionWords, silenceMs: number, signal?: AbortSignal): Promise<Route> {
    this.#subscribing++;
    this.#idle?.cancel();
    try {
      await orAborted(this.#ready, 'a subscription was given up while connecting', 'unsent', signal);
      return await this.#questions.ask((text) => this.#send(text), {
        method: topic.method,
        params: topic.params,
        signal,
        answerMs: this.#parts.limits.answerMs,
        accept: (result) => this.#begin(this.#idOf(result, topic), topic, words, silenceMs, signal),
        late: (result) => this.#end(this.#idOf(result, topic), words),
      });
    } catch (error) {
      if (error instanceof NetError && error.limit === 'answerMs') this.#retired = true;
      throw error;
    } finally {
      this.#subscribing--;
      if (this.#subscribing === 0) {
        this.#early = [];
        this.#earlyLost = false;
      }
      this.#rest();
    }
  }

  ask(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    const { call, table, limits } = this.#parts;
    if (table.asks === 'other' && call !== undefined) {
      const answer = call(method, params, { signal }); // it may not heed the signal
      return orAborted(answer, `${method} was given up`, 'unknown', signal);
    }
    return this.#questions.ask((text) => this.#send(text), {
      ...{ method, params, signal, answerMs: limits.answerMs },
      accept: (result) => result,
    });
  }

  left(route: Route, silent: boolean): void {
    const known = this.#byRoute.get(route);
    if (known === undefined) return;
    this.#byRoute.delete(route);
    this.#byId.delete(known.id);
    this.#end(known.id, known.words);
    if (silent) {
      this.#retired = true;
      this.#events.silent();
    }
    this.#rest();
  }

  /** Ends everything on it with this error. Twice is harmless. */
  close(error: NetError): void {
    if (this.#gone !== undefined) return;
    this.#opening.abort(error);
    this.#depart(error, true);
    this.#wire?.close();
  }

  async #open(): Promise<void> {
    const handler = {
      message: (text: string) => this.#received(text),
      ended: (error: NetError) => this.#depart(error, false),
    };
    try {
      const wire = await this.#parts.open(handler, this.#opening.signal);
      this.#wire = wire;
      this.openedAt = this.clock.now();
      if (this.#gone !== undefined) wire.close();
    } catch (error) {
      this.#depart(NetError.from(error), false);
    }
    if (this.#gone !== undefined) throw this.#gone;
  }

  #send(text: string): void {
    if (this.#gone !== undefined) throw this.#gone;
    this.#wire!.send(text);
  }

  #idOf(result: unknown, topic: Topic): Id {
    if (typeof result === 'number' || typeof result === 'string') return result;
    throw this.#questions.broken(`the answer to ${topic.method} is no subscription id`);
  }

  #begin(id: Id, topic: Topic, words: SubscriptionWords, silenceMs: number, signal: AbortSignal | undefined): Route {
    const { bufferMax } = this.#parts.limits;
    this.#leaving.delete(id); // the peer may give an id again as soon as it has ended its first use
    const before = this.#byId.get(id);
    const route = new Route(topic, this.endpoint, { bufferMax, silenceMs }, this, signal);
    const known = { id, words, route };
    this.#byId.set(id, known);
    this.#byRoute.set(route, known);
    if (before !== undefined) {
      this.#byRoute.delete(before.route);
      this.#broken(before.route, 'has lost its id to another subscription');
    }
    const mine = (each: Notification): boolean => each.id === id && each.method === words.notification;
    if (this.#earlyLost) route.missed();
    for (const each of this.#early.filter(mine)) route.told(each.value);
    this.#early = this.#early.filter((each) => !mine(each));
    return route;
  }

  /** Asks the peer to end a subscription, whatever becomes of that. */
  #end(id: Id, words: SubscriptionWords): void {
    if (this.#gone !== undefined || this.#wire === undefined) return;
    this.#leaving.add(id);
    const done = (): void => void this.#leaving.delete(id);
    const { answerMs } = this.#parts.limits;
    const question = { method: words.unsubscribe, params: [id], signal: undefined, answerMs, accept: done };
    // When it fails, the subscription had ended by itself, or goes with the connection.
    this.#questions.ask((text) => this.#send(text), question).catch(done);
  }

  #received(text: string): void {
    let message: unknown;
    try {
      message = this.#parts.parse(text);
    } catch {
      return this.#quit('sent a message that is not JSON');
    }
    if (!Array.isArray(message)) return this.#heard(message);
    for (const each of message) this.#heard(each);
  }

  #heard(message: unknown): void {
    if (this.#gone !== undefined) return;
    if (!isObject(message)) return this.#quit('sent a message that is no object');
    const { id, method, params, error } = message;
    if (id !== undefined && id !== null && method === undefined) return void this.#questions.answered(message);
    if (typeof method === 'string' && isObject(params)) return this.#notified(method, params);
    if (isObject(error)) this.#quit(`could not read a question (code ${Number(error['code'])})`);
    // Anything else is none of our concern: peers send greetings and events of their own.
  }

  #notified(method: string, { subscription: id, result, error }: Readonly<Record<string, unknown>>): void {
    if (typeof id !== 'number' && typeof id !== 'string') return;
    this.notifications++;
    const known = this.#byId.get(id);
    if (known?.words.notification === method) {
      if (result === undefined && error !== undefined) return this.#broken(known.route, 'was ended with an error');
      return known.route.told(result);
    }
    if (this.#subscribing === 0 || this.#leaving.has(id)) return;
    if (this.#early.length >= EARLY_MAX) {
      this.#early.shift();
      this.#earlyLost = true;
    }
    this.#early.push({ id, method, value: result });
  }

  /** Whoever takes it up again must not ask here for the same at once. */
  #broken(route: Route, what: string): void {
    const error = this.#questions.broken(`the subscription to ${route.topic.name} ${what}`);
    this.#events.broke(error);
    route.lost(error);
  }

  #quit(what: string): void {
    this.#depart(this.#questions.broken(what), false);
    this.#wire?.close();
  }

  #rest(): void {
    this.#idle?.cancel();
    if (this.load > 0 || this.#gone !== undefined) return;
    const unused = (): void =>
      this.close(new NetError('CLOSED', `${this.endpoint}: the connection was not used`, { reach: 'unsent' }));
    if (this.#retired) unused();
    else if (Number.isFinite(this.#parts.limits.idleMs)) {
      this.#idle = this.clock.after(this.#parts.limits.idleMs, unused);
    }
  }

  #depart(error: NetError, byUs: boolean): void {
    if (this.#gone !== undefined) return;
    this.#gone = error;
    this.#idle?.cancel();
    this.#questions.lost(error);
    const routes = [...this.#byRoute.keys()];
    this.#byRoute.clear();
    this.#byId.clear();
    this.#early = [];
    for (const route of routes) route.lost(error);
    this.#events.ended(error, byUs);
  }
}

/** Waits no longer than the caller wants to. */
function orAborted<T>(
  ready: Promise<T>,
  message: string,
  reach: NetError['reach'],
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return ready;
  return new Promise((resolve, reject) => {
    const party = { aborted: (cause: unknown) => reject(new NetError('ABORTED', message, { reach, cause })) };
    ready.then(resolve, reject).finally(() => unlisten(signal, party));
    if (signal.aborted) party.aborted(signal.reason);
    else listen(signal, party);
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
