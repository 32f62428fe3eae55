/**
 * A call under way: await it for the reply whatever its status, or ask for the content at once. The shorthands reject
 * with `STATUS` unless the status is 2xx: an error page must not pass for data.
 */
import type { Reply } from '../core/reply.ts';
import type { Awaited } from './awaited.ts';
import { refuse } from './status-error.ts';

/** Reply and parsed content in one, as S1's HTTPClient returns it. */
export interface FullReply<T = unknown> {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Record<string, string | string[]>;
  /** Parsed when the content type says JSON, text otherwise. */
  readonly data: T;
}

export class Pending implements Promise<Reply> {
  readonly #awaited: Awaited;

  /** @internal */
  constructor(awaited: Awaited) {
    this.#awaited = awaited;
  }

  /** With it a call may stand wherever a `Promise` of its reply is asked for. */
  get [Symbol.toStringTag](): string {
    return 'Pending';
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaitable is what this class is for
  then<A = Reply, B = never>(
    onReply?: ((reply: Reply) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#awaited.reply().then(onReply, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<Reply | B> {
    return this.#awaited.reply().catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<Reply> {
    return this.#awaited.reply().finally(onEnd);
  }

  /** The body parsed as JSON. @throws NetError `STATUS`, `DECODE`, or whatever ended the call */
  json<T = unknown>(): Promise<T> {
    return this.#awaited.read(okJson) as Promise<T>;
  }

  /** The body as text. @throws as `json`, `DECODE` aside */
  text(): Promise<string> {
    return this.#awaited.read(okText);
  }

  bytes(): Promise<Uint8Array> {
    return this.#awaited.read(okBytes);
  }

  /** The body as it arrives. The deadline of the call still holds for all of it. */
  stream(): Promise<ReadableStream<Uint8Array>> {
    return this.#awaited.reply().then(okStream);
  }

  /** Status, headers and content together, whatever the status. */
  full<T = unknown>(): Promise<FullReply<T>> {
    return this.#awaited.read(full) as Promise<FullReply<T>>;
  }
}

/** A reply that arrived whole is parsed without another turn of promises: this is the path of every small call. */
function okJson(reply: Reply): unknown {
  return reply.ok ? reply.parsed() : refuse(reply);
}

function okText(reply: Reply): Promise<string> {
  return reply.ok ? reply.text() : refuse(reply);
}

function okBytes(reply: Reply): Promise<Uint8Array> {
  return reply.ok ? reply.bytes() : refuse(reply);
}

function okStream(reply: Reply): ReadableStream<Uint8Array> | Promise<never> {
  return reply.ok ? reply.stream() : refuse(reply);
}

async function full(reply: Reply): Promise<FullReply> {
  const text = await reply.text();
  return {
    status: reply.status,
    statusText: reply.statusText,
    headers: reply.headers.toObject(),
    data: dataOf(reply, text),
  };
}

function dataOf(reply: Reply, text: string): unknown {
  if (!/[/+]json\b/i.test(reply.headers.get('content-type') ?? '')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text; // it said JSON and is not: the caller sees what came, as S1 asks
  }
}
