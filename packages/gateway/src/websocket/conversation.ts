/**
 * JSON-RPC with one caller over its WebSocket. Calls go through the pool as those by HTTP do; what is subscribed to is
 * kept here, and goes on when a node is lost.
 *
 *   open ──drain()──▶ draining (nothing more is read) ──last answer──▶ over
 *     └── the caller leaves, or is closed ──▶ over: its calls and subscriptions end at once
 *
 * Invariants:
 *   (1) Each request that has an id gets one answer, with that id; a batch gets one list, in its order.
 *   (2) At most `callsMax` messages are under way. What arrived with them waits, and nothing more is read.
 *   (3) At most `subscriptionsMax` subscriptions are there, those not yet agreed to included.
 *   (4) A caller that is further behind than its limits allow is closed (1013), never waited for.
 */
import type { Socket } from 'node:net';
import { exactText, type Gap, NetError, parseExact } from 'keepwarm/jsonrpc';
import type { CallerRequest } from '../data/caller.ts';
import type { Problem } from '../data/problem.ts';
import { deniedMethod, isBatch, type Looked, messageOf } from '../data/rpc-message.ts';
import {
  beneath,
  failed,
  type Ids,
  idsOf,
  notAllowed,
  type Refusal,
  refusing,
  tooMany,
  tooOften,
} from '../data/rpc-refusal.ts';
import type { RpcUpstream } from '../data/rpc-upstream.ts';
import { CallerSocket, CLOSE } from './caller-socket.ts';
import { ENDED, errorOf, errorText, NOT_SUBSCRIBED, resultText, tooManyKept } from './said.ts';
import { Subscription } from './subscription.ts';
import { idsFor, type SubscriptionId, subscribedBy } from './subscription-ids.ts';

interface Kept {
  readonly subscription: Subscription;
  /** The method that ends it. */
  readonly unsubscribe: string;
}

export class Conversation {
  readonly #upstream: RpcUpstream;
  readonly #request: CallerRequest;
  readonly #socket: CallerSocket;
  readonly #ending = new AbortController();
  readonly #kept = new Map<SubscriptionId, Kept>();
  readonly #nextId: () => SubscriptionId;
  /** What arrived with messages that fill `callsMax`. */
  readonly #held: string[] = [];
  #inFlight = 0;
  #draining = false;

  /** @param request the handshake, which is who the caller is */
  constructor(request: CallerRequest, socket: Socket, upstream: RpcUpstream) {
    const { requestBodyBytesMax, rpc } = upstream.config;
    const { pingMs, stallMs } = upstream.callers.config;
    this.#request = request;
    this.#upstream = upstream;
    this.#nextId = idsFor(rpc.adapter.name);
    this.#socket = new CallerSocket(
      socket,
      { messageBytesMax: requestBodyBytesMax, pingMs, stallMs },
      {
        message: (text) => this.#received(text),
        ended: () => this.#over(),
        stalled: () => upstream.callers.count('slow'),
      },
    );
  }

  get subscriptions(): number {
    return this.#kept.size;
  }
  get inFlight(): number {
    return this.#inFlight;
  }

  /** @param early what came behind the handshake */
  start(early: Buffer): void {
    this.#upstream.callers.joined(this);
    this.#socket.start(early);
  }

  /** Takes no more; goes when what was asked has been answered. Twice is harmless. */
  drain(): void {
    this.#draining = true;
    this.#held.length = 0;
    this.#socket.hold(true);
    if (this.#inFlight === 0) this.close();
  }

  /** Says goodbye: another connection may be opened at once, here or elsewhere. Twice is harmless. */
  close(): void {
    this.#socket.close(CLOSE.restart, 'the gateway is stopping, or its upstream was changed');
  }

  #over(): void {
    this.#ending.abort();
    this.#held.length = 0;
    for (const { subscription } of this.#kept.values()) subscription.end();
    this.#kept.clear();
    this.#upstream.callers.left(this);
  }

  #received(text: string): void {
    if (this.#draining) return;
    if (this.#inFlight < this.#upstream.callers.config.callsMax) return this.#begin(text);
    this.#held.push(text);
    this.#socket.hold(true);
  }

  #begin(text: string): void {
    const startedAt = performance.now();
    this.#inFlight++;
    this.#upstream.callers.count('calls');
    const answered = (answer: string | undefined): void => {
      this.#inFlight--;
      if (answer !== undefined) this.#socket.send(answer);
    };
    const ended = (answer: string | undefined): void => {
      answered(answer);
      this.#next();
    };
    const looked = messageOf(text);
    const go = (problem: Problem | undefined, refused: (answer: string) => void): void => {
      const refusal = problem === undefined ? this.#objection(looked) : tooOften(problem);
      if (refusal !== undefined) return refused(this.#refuse(idsOf(looked), refusal));
      this.#answer(text, looked).then(
        (answer) => {
          this.#upstream.book.ended(startedAt);
          ended(answer);
        },
        (error: unknown) => {
          if (this.#ending.signal.aborted) return ended(undefined); // nobody is left to be told
          this.#upstream.book.failed(beneath(error));
          ended(this.#refuse(idsOf(looked), failed(error, this.#upstream.name)));
        },
      );
    };
    const { callerRate, config } = this.#upstream;
    const calls = looked.ids.length;
    const problem = callerRate?.objection(this.#request, calls > config.requestsMax ? 1 : Math.max(calls, 1));
    if (problem instanceof Promise) void problem.then((each) => go(each, ended));
    else go(problem, answered);
  }

  #refuse(ids: Ids, refusal: Refusal): string {
    return refusing(ids, refusal, this.#request, this.#upstream.name);
  }

  #next(): void {
    if (this.#draining) {
      if (this.#inFlight === 0) this.close();
      return;
    }
    while (this.#held.length > 0 && this.#inFlight < this.#upstream.callers.config.callsMax) {
      this.#begin(this.#held.shift()!);
    }
    if (this.#held.length === 0 && this.#socket.open) this.#socket.hold(false);
  }

  /** @returns nothing where there is nothing to say @throws what the pool does */
  async #answer(text: string, looked: Looked): Promise<string | undefined> {
    if (!looked.methods.some((method) => this.#isOurs(method))) return this.#fromPool(text);
    if (!isBatch(text)) return this.#ours(parseExact(text) as Asked);
    const parts = await Promise.all((parseExact(text) as readonly unknown[]).map((part) => this.#part(part)));
    const answers = parts.filter((part) => part !== undefined);
    return answers.length === 0 ? undefined : `[${answers.join(',')}]`;
  }

  #objection(looked: Looked): Refusal | undefined {
    const { config } = this.#upstream;
    const count = looked.ids.length;
    if (looked.batch && count > config.requestsMax) return tooMany(count, config.requestsMax);
    const denied = deniedMethod(looked, config.methodsDenied);
    return denied === undefined ? undefined : notAllowed(denied);
  }

  /** Of a batch in which something is subscribed to, or no more. */
  async #part(part: unknown): Promise<string | undefined> {
    const { methods, ids } = messageOf(exactText(part) ?? 'null');
    if (methods.some((method) => this.#isOurs(method))) return this.#ours(part as Asked);
    try {
      return await this.#fromPool(exactText(part) ?? 'null');
    } catch (error) {
      this.#ending.signal.throwIfAborted();
      return this.#refuse(ids[0] ?? null, failed(error, this.#upstream.name));
    }
  }

  async #fromPool(text: string): Promise<string | undefined> {
    const { signal } = this.#ending;
    const answer = await this.#upstream.rpc.fetch('', { method: 'POST', body: text, signal });
    return answer.status === 204 ? undefined : answer.text();
  }

  #isOurs(method: string): boolean {
    return this.#words(method) !== undefined || this.#ends(method);
  }

  #words(method: string) {
    return this.#upstream.config.rpc.adapter.subscriptions?.words(method);
  }

  #ends(method: string): boolean {
    const asked = subscribedBy(method);
    return asked !== undefined && this.#words(asked)?.unsubscribe === method;
  }

  /** Subscribes, or ends a subscription. A notification asks for neither: its id, or success, could not be told. */
  #ours({ id, method, params }: Asked): Promise<string | undefined> {
    if (id === undefined) return Promise.resolve(undefined);
    const own = exactText(id) ?? 'null';
    if (this.#ends(method)) return Promise.resolve(this.#unsubscribe(own, method, params));
    return this.#subscribe(own, method, params);
  }

  #unsubscribe(own: string, method: string, params: unknown): string {
    const id = (Array.isArray(params) ? params[0] : undefined) as SubscriptionId;
    const kept = this.#kept.get(id);
    if (kept?.unsubscribe !== method) return errorText(own, NOT_SUBSCRIBED);
    this.#kept.delete(id);
    kept.subscription.end();
    return resultText(own, true);
  }

  /** @param own the request's id, as text */
  #subscribe(own: string, method: string, params: unknown): Promise<string | undefined> {
    const { callers, name } = this.#upstream;
    const { subscriptionsMax } = callers.config;
    if (this.#kept.size >= subscriptionsMax) return Promise.resolve(errorText(own, tooManyKept(subscriptionsMax)));
    const { unsubscribe, notification } = this.#words(method)!;
    const id = this.#nextId();
    return new Promise((resolve) => {
      let stands = false;
      const subscription = new Subscription({
        id,
        notification,
        send: (text) => {
          callers.count('notifications');
          this.#socket.send(text);
        },
        ready: () => (this.#socket.clogged ? this.#socket.unclogged() : undefined),
        standing: () => {
          stands = true;
          // At once, so that it stands before the first message.
          this.#socket.send(resultText(own, id));
          resolve(undefined);
        },
        gap: (gap) => this.#gap(id, gap),
        slow: () => this.#slow(),
        queueMax: callers.config.queueMax,
        over: (error) => {
          this.#kept.delete(id);
          if (!stands) resolve(errorText(own, error === undefined ? ENDED : errorOf(error, name)));
          else if (error !== undefined) this.#lost(error);
        },
      });
      this.#kept.set(id, { subscription, unsubscribe });
      subscription.start(this.#upstream.subscriptions, method, params);
    });
  }

  #gap(id: SubscriptionId, gap: Gap): void {
    const { callers } = this.#upstream;
    if (gap.filled) return; // all of it follows
    callers.count('gaps');
    const { reason, from, to } = gap;
    if (callers.config.gaps === 'close') {
      this.#socket.close(CLOSE.restart, `messages of a subscription are missing (${reason})`);
    } else if (callers.config.gaps === 'tell') {
      const params = { subscription: id, reason, from, to };
      this.#socket.send(JSON.stringify({ jsonrpc: '2.0', method: GAP_NOTIFICATION, params }));
    }
  }

  #slow(): void {
    const { callers } = this.#upstream;
    callers.count('slow');
    this.#socket.close(CLOSE.later, `too slow: ${callers.config.queueMax} messages wait (limit websocket.queueMax)`);
  }

  /** As losing its node would be: the caller learns it by the end of the connection. */
  #lost(error: unknown): void {
    const code = error instanceof NetError ? error.code : 'ERROR';
    this.#socket.close(CLOSE.failed, `a subscription was lost, and no node could take it up (${code})`);
  }
}

const GAP_NOTIFICATION = 'keepwarm_gap';

interface Asked {
  readonly id?: unknown;
  readonly method: string;
  readonly params?: unknown;
}
