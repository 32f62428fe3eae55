/** Subscriptions over nodes that exist in the test only: no sockets, a clock that is moved, every message in hand. */
import assert from 'node:assert/strict';
import { solanaSubscriptions } from '../../src/adapters/solana/subscriptions.ts';
import { SubscriptionSource } from '../../src/clients/jsonrpc/subscribe-endpoint.ts';
import { opening } from '../../src/clients/jsonrpc/subscribe-opening.ts';
import { SUBSCRIPTION_DEFAULTS, type SubscriptionLimits } from '../../src/clients/jsonrpc/subscribe-options.ts';
import type { Wire } from '../../src/clients/jsonrpc/subscribe-parts.ts';
import type { SubscriptionTable } from '../../src/clients/jsonrpc/subscription-traits.ts';
import { NetError } from '../../src/core/error.ts';
import type { Message, StreamObserver, Topic } from '../../src/core/subscribe.ts';
import type { SessionHandler } from '../../src/engines/websocket/session.ts';
import { resume } from '../../src/policies/resume.ts';
import { SHARE_DEFAULTS, type ShareOptions, share } from '../../src/policies/share.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

export interface Asked {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

/** One connection as the node sees it. */
export class Line {
  open = true;
  readonly asked: Asked[] = [];
  readonly node: StreamNode;
  readonly #handler: SessionHandler;

  constructor(node: StreamNode, handler: SessionHandler) {
    this.node = node;
    this.#handler = handler;
  }

  /** What the client gets. Nothing once the line is cut. */
  say(message: unknown): void {
    if (this.open) this.#handler.message(typeof message === 'string' ? message : JSON.stringify(message));
  }
  answer(id: number, result: unknown): void {
    this.say({ jsonrpc: '2.0', id, result });
  }
  refuse(id: number, code: number, message = 'no'): void {
    this.say({ jsonrpc: '2.0', id, error: { code, message } });
  }
  notify(method: string, subscription: unknown, result: unknown): void {
    this.say({ jsonrpc: '2.0', method, params: { subscription, result } });
  }
  cut(): void {
    if (!this.open) return;
    this.open = false;
    this.node.lines.delete(this);
    this.#handler.ended(new NetError('RESET', 'cut by the test', { reach: 'unknown' }));
  }
  /** By the client. */
  closed(): void {
    this.open = false;
    this.node.lines.delete(this);
  }
  heard(asked: Asked): void {
    this.asked.push(asked);
    this.node.serve(this, asked);
  }
  askedFor(method: string): Asked[] {
    return this.asked.filter((each) => each.method === method);
  }
}

export class StreamNode {
  readonly name: string;
  readonly lines = new Set<Line>();
  /** Every line there was. */
  readonly history: Line[] = [];
  /** Connecting fails while it is down. */
  down = false;
  serve: (line: Line, asked: Asked) => void;

  constructor(name: string, serve: (line: Line, asked: Asked) => void) {
    this.name = name;
    this.serve = serve;
  }

  async open(handler: SessionHandler, signal: AbortSignal): Promise<Wire> {
    await Promise.resolve();
    if (signal.aborted) throw new NetError('ABORTED', 'given up', { reach: 'unsent' });
    if (this.down) throw new NetError('CONNECT', 'it is down', { reach: 'unsent' });
    const line = new Line(this, handler);
    this.lines.add(line);
    this.history.push(line);
    return {
      id: this.history.length,
      send: (text) => line.heard(JSON.parse(text)),
      close: () => line.closed(),
    };
  }

  get line(): Line {
    const [line] = this.lines;
    if (line === undefined) throw new Error(`nobody is connected to ${this.name}`);
    return line;
  }
}

/** Agrees to each subscription with an id of its own: 1, 2, 3 per line; a node that reuses ids on every connection. */
export function agreeing(line: Line, { id, method }: Asked): void {
  if (/subscribe$/i.test(method) && !/unsubscribe$/i.test(method)) {
    line.answer(id, line.asked.filter((each) => /^(?!.*unsub).*subscribe$/i.test(each.method)).length);
  } else {
    line.answer(id, true);
  }
}

export interface PoolOptions {
  readonly table?: SubscriptionTable;
  readonly limits?: Partial<SubscriptionLimits>;
  readonly share?: Partial<ShareOptions>;
  readonly observer?: StreamObserver;
  readonly random?: () => number;
  readonly call?: (method: string, params: unknown) => Promise<unknown>;
  readonly clock?: FakeClock;
}

export function aStreamPool(nodes: readonly StreamNode[], options: PoolOptions = {}) {
  const { table = solanaSubscriptions, observer = {}, random = () => 0.5, clock = new FakeClock() } = options;
  const limits = { ...SUBSCRIPTION_DEFAULTS, ...options.limits };
  const sources = nodes.map(
    (node) =>
      new SubscriptionSource(
        { name: node.name, origin: `ws://${node.name}`, priority: 0, weight: 1 },
        {
          ...{ clock, limits, table, parse: JSON.parse, call: options.call },
          open: (handler, signal) => node.open(handler, signal),
        },
        random,
      ),
  );
  const shared = share({ ...SHARE_DEFAULTS, ...options.share }, { clock, observer });
  const open = opening({ sources, table, classify: undefined, limits, clock });
  let repeats = 0;
  const continuityOf = ({ name }: Topic) => table.topics[name] ?? {};
  const onRepeat = () => repeats++;
  const { idsMax, bufferMax: keptMax } = limits;
  const subscribe = shared.policy(resume({ open, continuityOf, idsMax, keptMax, clock, observer, onRepeat }));
  return {
    clock,
    sources,
    shared,
    repeats: () => repeats,
    subscribe(method: string, params: unknown = [], signal?: AbortSignal): AsyncIterable<Message> {
      const key = `${method} ${JSON.stringify(params)}`;
      return subscribe({ key, name: table.nameOf(method, params), method, params }, signal);
    },
    close() {
      const error = new NetError('CLOSED', 'closed by the test', { reach: 'answered' });
      shared.close(error);
      for (const source of sources) source.close(error);
    },
  };
}

export const SLOT = 'slotSubscribe';
export const slot = (line: Line, height: number, id: unknown = 1, parent = height - 1) =>
  line.notify('slotNotification', id, { slot: height, parent, root: height - 32 });

/** Pools end with their test, and must have nothing left by then. */
export async function withPool(
  count: number,
  options: PoolOptions,
  test: (pool: ReturnType<typeof aStreamPool>, nodes: readonly StreamNode[]) => Promise<void>,
  serve = agreeing,
): Promise<void> {
  const nodes = ['a', 'b', 'c'].slice(0, count).map((name) => new StreamNode(name, serve));
  const pool = aStreamPool(nodes, options);
  await test(pool, nodes);
  pool.close();
  pool.close();
  await pool.clock.settle();
  assert.equal(pool.clock.sleeping, 0, 'no timer is left');
  assert.deepEqual(pool.shared.snapshot(), []);
  for (const { lines, name } of nodes) assert.equal(lines.size, 0, `no connection to ${name} is left`);
}

export const connected = (nodes: readonly StreamNode[]) => nodes.map(({ lines }) => lines.size).join(' ');
/** The node that serves, and the line on which it does. */
export const serving = (nodes: readonly StreamNode[]) => nodes.find(({ lines }) => lines.size > 0)!.line;

/** Reads a subscription to its end, in the background. */
export function reader(messages: AsyncIterable<Message>) {
  const got: Message[] = [];
  const state: { error: unknown; ended: boolean } = { error: undefined, ended: false };
  const iterator = messages[Symbol.asyncIterator]();
  const done = (async () => {
    try {
      for (;;) {
        const { done: over, value } = await iterator.next();
        if (over === true) break;
        got.push(value);
      }
    } catch (error) {
      state.error = error;
    }
    state.ended = true;
  })();
  return { got, state, done, iterator, brief: () => got.map(brief) };
}

/** `5`, `5+` when filled, `gap 3-4 lost`, `gap 3-4 lost filled`. */
export function brief(message: Message): string {
  if (message.kind === 'data') return `${message.height ?? JSON.stringify(message.value)}${message.filled ? '+' : ''}`;
  const { from = '?', to = '?', reason, filled, dropped } = message;
  return `gap ${from}-${to} ${reason}${filled ? ' filled' : ''}${dropped === undefined ? '' : ` ${dropped}`}`;
}
