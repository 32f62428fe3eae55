/** What a dispatch asks for, as a call: undici's options checked and worded as undici does, sent as ours. */
import { stringify } from 'node:querystring';
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type BodyInput, type Prepared, prepareBody } from '../../clients/call-body.ts';
import type { FetchDoor } from '../../clients/fetch.ts';
import type { BodyProducer, Call, StepLimits } from '../../core/call.ts';
import { checkPath, type FieldsInput } from '../../core/fields.ts';
import { invalidArgument, lengthMismatch, notSupported } from './errors.ts';

export type DispatchOptions = Dispatcher.DispatchOptions;

/** What happens to a body on its way out, for handlers that count it. */
export interface BodyWatch {
  sent(chunk: Uint8Array): void;
  ended(): void;
}

export interface CallWatch extends BodyWatch {
  readonly interim: Call['onInterim'];
}

/** @throws undici's errors and NetError `INVALID`, before anything is queued */
export function callOf(door: FetchDoor, options: DispatchOptions, signal: AbortSignal, watch: CallWatch): Call {
  const { method, origin, headersTimeout, bodyTimeout, idempotent } = options;
  if (typeof method !== 'string') throw invalidArgument('method must be a string');
  if (method === 'CONNECT' || options.upgrade) {
    throw notSupported('keepwarm carries requests and replies; for CONNECT and upgrades pass an undici Agent');
  }
  if ('maxRedirections' in options && options.maxRedirections) {
    throw invalidArgument('maxRedirections is not supported, use the redirect interceptor');
  }
  if (origin === undefined || origin === null) throw invalidArgument('origin is needed: this dispatcher serves any');
  const path = checkPath(pathOf(options));
  const { fields, contentLength } = fieldsOf(options);
  const body = bodyOf(options.body, contentLength, watch);
  const call = door.makeCall(method, origin, body, fields, signal);
  return {
    ...call,
    path,
    wantsBytes: true,
    onInterim: watch.interim,
    limits: limitsOf(call.limits, headersTimeout, bodyTimeout),
    // Whoever says how long the answer may take has said it: the deadline of the client would cut that short.
    deadlineAt: isSet(headersTimeout) ? Number.POSITIVE_INFINITY : call.deadlineAt,
    traits: idempotent === undefined || idempotent === null ? call.traits : { idempotent },
  };
}

function pathOf({ path, query }: DispatchOptions): string {
  if (typeof path !== 'string') throw invalidArgument('path must be a string');
  if (query === undefined || query === null) return path;
  if (/[?#]/.test(path)) throw invalidArgument('Query params cannot be passed when url already contains "?" or "#".');
  const text = stringify(query);
  return text === '' ? path : `${path}?${text}`;
}

const isSet = (ms: number | null | undefined): boolean => ms !== undefined && ms !== null;

function limitsOf(limits: StepLimits, head: number | null | undefined, body: number | null | undefined): StepLimits {
  if (!isSet(head) && !isSet(body)) return limits;
  return {
    ...limits,
    firstByteMs: stepOf('headersTimeout', head, limits.firstByteMs),
    betweenBytesMs: stepOf('bodyTimeout', body, limits.betweenBytesMs),
  };
}

/** 0 switches a limit off, as in undici. */
function stepOf(name: string, ms: number | null | undefined, byDefault: number): number {
  if (ms === undefined || ms === null) return byDefault;
  if (!Number.isFinite(ms) || ms < 0) throw invalidArgument(`invalid ${name}`);
  return ms === 0 ? Number.POSITIVE_INFINITY : ms;
}

interface RequestFields {
  readonly fields: FieldsInput;
  readonly contentLength: number | undefined;
}

/** Flat lists, pairs and objects alike. `Connection` goes by what it means, as undici has it. */
function fieldsOf({ headers, reset }: DispatchOptions): RequestFields {
  const plain = reset === true ? undefined : plainFieldsOf(headers);
  if (plain !== undefined) return plain;
  const list: [string, string][] = [];
  let closes = reset === true;
  let contentLength: number | undefined;
  for (const [name, value] of pairsOf(headers)) {
    if (value === undefined) continue;
    const lower = String(name).toLowerCase();
    if (lower === 'connection') {
      closes ||= /(?:^|,)\s*close\s*(?:,|$)/i.test(String(value));
      continue;
    }
    if (lower === 'expect') throw notSupported('expect header not supported');
    for (const each of Array.isArray(value) ? value : [value]) list.push([name, textOf(name, each)]);
    if (lower === 'content-length') contentLength = Number(value);
  }
  if (closes) list.push(['connection', 'close']);
  return { fields: recordOf(list) ?? list, contentLength };
}

/** Names that mean more than a line of the head, and `__proto__`. */
const SPECIAL = /^(?:connection|expect|__proto__)$/i;

/** What is an object of texts already, and nothing to look at closer, is taken as it is: `fetch` gives them so. */
function plainFieldsOf(headers: DispatchOptions['headers']): RequestFields | undefined {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return undefined;
  if (Symbol.iterator in headers) return undefined;
  const fields = headers as Record<string, string>;
  let contentLength: number | undefined;
  for (const name of Object.keys(fields)) {
    if (typeof fields[name] !== 'string' || SPECIAL.test(name)) return undefined;
    if (name.length === 14 && name.toLowerCase() === 'content-length') contentLength = Number(fields[name]);
  }
  return { fields, contentLength };
}

/** Sets without repeated names as an object: the client recognises those by their content, which saves making them. */
function recordOf(list: readonly (readonly [string, string])[]): Record<string, string> | undefined {
  const record: Record<string, string> = {};
  for (const [name, value] of list) {
    if (name in record) return undefined;
    record[name] = value;
  }
  return record;
}

function* pairsOf(headers: DispatchOptions['headers']): Generator<readonly [string, unknown]> {
  if (headers === undefined || headers === null) return;
  if (typeof headers !== 'object') throw invalidArgument('headers must be an object or an array');
  if (Array.isArray(headers) && !Array.isArray(headers[0])) {
    if (headers.length % 2 !== 0) throw invalidArgument('headers array must be even');
    for (let i = 0; i < headers.length; i += 2) yield [headers[i] as string, headers[i + 1]];
  } else if (Symbol.iterator in headers) {
    for (const pair of headers as Iterable<readonly [string, unknown]>) {
      if (!Array.isArray(pair) || pair.length !== 2) throw invalidArgument('headers must be in key-value pair format');
      yield pair as unknown as readonly [string, unknown];
    }
  } else {
    yield* Object.entries(headers);
  }
}

function textOf(name: string, value: unknown): string {
  if (value === null) return '';
  if (typeof value === 'object' || typeof value === 'function') throw invalidArgument(`invalid ${name} header`);
  return String(value);
}

const NOTHING: Prepared = { body: undefined, contentType: undefined };

function bodyOf(body: unknown, announced: number | undefined, watch: BodyWatch): Prepared {
  if (body === undefined || body === null || body === '') return NOTHING;
  if (typeof body === 'string') return sized({ body, contentType: undefined }, announced);
  if (typeof body !== 'object') throw notABody();
  if (body instanceof Readable) return streamed(body, announced, watch);
  if (!(body instanceof URLSearchParams) && Symbol.iterator in body && !isKnown(body)) {
    return streamed(Readable.from(body as Iterable<Uint8Array>, { objectMode: true }), announced, watch);
  }
  if (!isKnown(body) && !(Symbol.asyncIterator in body)) throw notABody();
  const prepared = prepareBody(body as BodyInput);
  if (prepared.body instanceof Uint8Array && prepared.body.length === 0) return NOTHING;
  if (typeof prepared.body !== 'object' || prepared.body instanceof Uint8Array) return sized(prepared, announced);
  return { ...prepared, body: watched(prepared.body, announced, watch) };
}

/** Bodies that are not JSON to us: anything else must be iterable, or it is a mistake. */
function isKnown(body: object): boolean {
  return (
    ArrayBuffer.isView(body) ||
    body instanceof ArrayBuffer ||
    body instanceof Blob ||
    body instanceof URLSearchParams ||
    Object.prototype.toString.call(body) === '[object FormData]'
  );
}

function streamed(body: Readable, announced: number | undefined, watch: BodyWatch): Prepared {
  return { body: watched(prepareBody(body).body as BodyProducer, announced, watch), contentType: undefined };
}

/** A body that has been opened already. */
export function streamOf(
  chunks: AsyncIterator<unknown>,
  announced: number | undefined,
  watch: BodyWatch,
): Prepared['body'] {
  return bodyOf({ [Symbol.asyncIterator]: () => chunks }, announced, watch).body;
}

/** The length its caller announces is taken for a stream's own; whether it is, is checked as it goes out. */
function watched(body: BodyProducer, announced: number | undefined, watch: BodyWatch): BodyProducer {
  if (body.bytes !== undefined && announced !== undefined && body.bytes !== announced) throw mismatch();
  return {
    bytes: body.bytes ?? announced,
    repeatable: body.repeatable,
    open: () => ({ [Symbol.asyncIterator]: () => watching(body.open()[Symbol.asyncIterator](), watch) }),
  };
}

function watching(chunks: AsyncIterator<Uint8Array>, watch: BodyWatch): AsyncIterator<Uint8Array> {
  return {
    async next() {
      const result = await chunks.next();
      if (result.done === true) watch.ended();
      else watch.sent(result.value);
      return result;
    },
    async return() {
      await chunks.return?.();
      return { done: true, value: undefined };
    },
  };
}

function sized(prepared: Prepared, announced: number | undefined): Prepared {
  const { body } = prepared;
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : (body as Uint8Array).length;
  if (announced !== undefined && announced !== bytes) throw mismatch();
  return prepared;
}

const mismatch = (): Error => lengthMismatch('Request body length does not match content-length header');

const notABody = (): Error =>
  invalidArgument('body must be a string, a Buffer, a Readable stream, an iterable, or an async iterable');
