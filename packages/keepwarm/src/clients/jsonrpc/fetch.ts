/**
 * A WHATWG fetch for JSON-RPC clients. What they post, a request or a batch, goes through the pool whatever the URL;
 * the answer is made of what came back, with the ids and in the order of what was sent. A client that is given this
 * should not repeat calls itself: they have been repeated where that helps.
 */
import { NetError } from '../../core/error.ts';
import { Reply } from '../../core/reply.ts';
import { exactText, parseExact } from '../../wire/jsonrpc/numbers.ts';
import { asFetchError } from '../fetch-error.ts';
import { bodyOf, type FetchInit, type FetchInput, type RequestLike, signalOf } from '../fetch-request.ts';
import { adoptResponse, KeepwarmResponse } from '../fetch-response.ts';
import type { RpcCallOptions, RpcRequest } from './options.ts';
import { RpcError } from './rpc-error.ts';

/** What fetch needs of a client. */
export interface RpcDoor {
  call(method: string, params: unknown, options: RpcCallOptions): Promise<unknown>;
  batch(requests: readonly RpcRequest[], options: RpcCallOptions): Promise<PromiseSettledResult<unknown>[]>;
  notify(method: string, params: unknown, options: RpcCallOptions): Promise<void>;
}

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n';
const NO_CONTENT = 'HTTP/1.1 204 No Content\r\n\r\n';
/** Of a request that cannot be read as one, and of one that found no node (JSON-RPC 2.0 § 5.1). */
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const SERVER_ERROR = -32000;

export async function fetchRpc(door: RpcDoor, input: FetchInput, init: FetchInit = {}): Promise<Response> {
  adoptResponse();
  const request = typeof input === 'string' || input instanceof URL ? undefined : input;
  const url = String(request?.url ?? input);
  const signal = signalOf(init, request);
  const message = await messageOf(init, request);
  const options: RpcCallOptions = signal === undefined ? {} : { signal };
  try {
    const text = Array.isArray(message)
      ? await batched(door, message, options)
      : await single(door, requestOf(message), message, options);
    return respond(url, text, signal);
  } catch (error) {
    const status = error instanceof NetError && error.code === 'STATUS' ? error : undefined;
    if (status?.answer !== undefined) return new Response(status.answer.text, { status: status.status! });
    throw asFetchError(error, signal);
  }
}

/** @returns nothing for a notification */
async function single(
  door: RpcDoor,
  posted: Posted | undefined,
  message: unknown,
  options: RpcCallOptions,
): Promise<string | undefined> {
  if (posted === undefined) return errorText(null, malformed(message));
  const { method, params, id } = posted;
  if (id === undefined) {
    await door.notify(method, params, options);
    return undefined;
  }
  try {
    return resultText(id, await door.call(method, params, options));
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return errorText(id, error.said);
  }
}

/** § 6: notifications get no answer, and a batch of nothing else none at all. */
async function batched(
  door: RpcDoor,
  messages: readonly unknown[],
  options: RpcCallOptions,
): Promise<string | undefined> {
  if (messages.length === 0) return errorText(null, malformed(messages));
  const posted = messages.map(requestOf);
  const asked = posted.filter((each): each is Posted => each?.id !== undefined);
  const told = posted.filter((each): each is Posted => each !== undefined && each.id === undefined);
  const [outcomes] = await Promise.all([
    door.batch(asked, options),
    ...told.map(({ method, params }) => door.notify(method, params, options).catch(unheard)),
  ]);
  const refused = outcomes.find((each) => each.status === 'rejected' && !(each.reason instanceof RpcError));
  if (refused?.status === 'rejected' && outcomes.every(({ status }) => status === 'rejected')) throw refused.reason;
  let next = 0;
  const texts = posted.flatMap((each, i) => {
    if (each === undefined) return errorText(null, malformed(messages[i]));
    return each.id === undefined ? [] : outcomeText(each.id, outcomes[next++]!);
  });
  return texts.length === 0 ? undefined : `[${texts.join(',')}]`;
}

/** A notification that failed is nobody's news (§ 4.1): its sender does not wait for one. */
function unheard(): void {}

type Id = string | number | bigint | null;

interface Posted {
  readonly method: string;
  readonly params: unknown;
  /** Nothing for a notification. */
  readonly id: Id | undefined;
}

function requestOf(message: unknown): Posted | undefined {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return undefined;
  const { method, params, id } = message as Readonly<Record<string, unknown>>;
  if (typeof method !== 'string' || method === '') return undefined;
  if (params !== undefined && (typeof params !== 'object' || params === null)) return undefined;
  return isId(id) ? { method, params, id } : undefined;
}

function isId(id: unknown): id is Id | undefined {
  return id === undefined || id === null || ['string', 'number', 'bigint'].includes(typeof id);
}

/** @returns nothing for what is no JSON @throws TypeError for a body that is no text */
async function messageOf(init: FetchInit, request: RequestLike | undefined): Promise<unknown> {
  const text = init.body === undefined || init.body === null ? await textIn(request) : await textOfBody(init.body);
  try {
    return parseExact(text);
  } catch {
    return undefined; // answered as a node would
  }
}

async function textIn(request: RequestLike | undefined): Promise<string> {
  if (request?.body === undefined || request.body === null) return '';
  if (request.bodyUsed === true) throw new TypeError('the body of the Request has already been read');
  const chunks: Uint8Array[] = [];
  for await (const chunk of request.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function textOfBody(given: FetchInit['body']): Promise<string> {
  if (typeof given === 'string') return given;
  const { body } = bodyOf(given);
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  const chunks: Uint8Array[] = [];
  if (body !== undefined) for await (const chunk of body.open()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const malformed = (message: unknown) =>
  message === undefined
    ? { code: PARSE_ERROR, message: 'Parse error' }
    : { code: INVALID_REQUEST, message: 'Invalid Request' };

function outcomeText(id: Id, outcome: PromiseSettledResult<unknown>): string {
  if (outcome.status === 'fulfilled') return resultText(id, outcome.value);
  const { reason } = outcome;
  if (reason instanceof RpcError) return errorText(id, reason.said);
  const said = reason instanceof NetError ? `${reason.code}: ${reason.message}` : 'the request failed';
  return errorText(id, { code: SERVER_ERROR, message: said });
}

function resultText(id: Id, result: unknown): string {
  try {
    return `{"jsonrpc":"2.0","id":${exactText(id)},"result":${exactText(result) ?? 'null'}}`;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return errorText(id, { code: SERVER_ERROR, message: 'the result is nested too deep to be written' });
  }
}

function errorText(id: Id, error: object): string {
  return `{"jsonrpc":"2.0","id":${exactText(id)},"error":${exactText(error)}}`;
}

/** @param text nothing where there is nothing to say */
function respond(url: string, text: string | undefined, signal: AbortSignal | undefined): Response {
  const bytes = text === undefined ? EMPTY : Buffer.from(text);
  const reply = new Reply(
    text === undefined ? 204 : 200,
    text === undefined ? NO_CONTENT : HEAD,
    bytes,
    false,
    0,
    true,
  );
  return new KeepwarmResponse({ method: 'POST', origin: { key: url }, path: '' }, reply, signal) as unknown as Response;
}

const EMPTY = new Uint8Array(0);
