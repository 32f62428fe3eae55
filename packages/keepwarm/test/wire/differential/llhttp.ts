/**
 * Node's own parser, llhttp in strict mode, asked the same question in this process.
 *
 * Node hands it out under the unpublished module `_http_common`; only this file knows its shape. One parser is used
 * again and again, as in Node itself. Where a message ended, llhttp does not say; so it is fed up to one byte before
 * the end that is expected, then that byte, and must finish exactly there.
 */
import { type Outcome, PARTIAL } from './outcome.ts';

interface Llhttp {
  [callback: number]: unknown;
  initialize(type: number, resource: object, headBytesMax: number, lenientFlags: number): void;
  /** @returns bytes consumed, or the error */
  execute(bytes: Uint8Array): number | Error;
  finish(): number | Error | undefined;
}

interface LlhttpClass {
  new (): Llhttp;
  readonly REQUEST: number;
  readonly RESPONSE: number;
  readonly kOnHeaders: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
  readonly kLenientNone: number;
}

const { HTTPParser, methods } = process.getBuiltinModule('_http_common') as unknown as {
  readonly HTTPParser: LlhttpClass;
  readonly methods: readonly string[];
};

/** Methods its request parser knows; it refuses all others. */
export const METHODS: readonly string[] = methods;

/**
 * What the parser's `kOnHeadersComplete` may return: 1 tells it that no body follows. Node's own client says so after
 * HEAD and of interim responses.
 */
const NO_BODY = 1;

const HEAD_BYTES_MAX = 32 * 1024;

const state = {
  method: 'GET',
  interims: [] as number[],
  minor: 1,
  status: 0,
  reason: '',
  fields: [] as string[],
  body: '',
  trailers: [] as string[],
  persistent: false,
  /** The version is not 1.x. */
  major: 1,
  headDone: false,
  ended: false,
};

function begin(method: string): void {
  state.method = method;
  state.interims = [];
  state.ended = false;
  nextMessage();
}

function nextMessage(): void {
  state.headDone = false;
  state.fields = [];
  state.trailers = [];
  state.body = '';
}

const responses = new HTTPParser();

// More than 32 fields come in portions through kOnHeaders, and so do trailers.
responses[HTTPParser.kOnHeaders] = (fields: string[]) => {
  if (!state.ended) (state.headDone ? state.trailers : state.fields).push(...fields);
};
responses[HTTPParser.kOnHeadersComplete] = (
  major: number,
  minor: number,
  fields: string[] | undefined,
  _method: unknown,
  _url: unknown,
  status: number,
  reason: string,
  _upgrade: boolean,
  persistent: boolean,
) => {
  if (state.ended) return 0;
  if (fields !== undefined) state.fields.push(...fields);
  Object.assign(state, { major, minor, status, reason, persistent, headDone: true });
  return state.method === 'HEAD' || (status < 200 && status !== 101) ? NO_BODY : 0;
};
responses[HTTPParser.kOnBody] = (bytes: Buffer) => {
  if (!state.ended) state.body += bytes.toString('latin1');
};
responses[HTTPParser.kOnMessageComplete] = () => {
  if (state.ended) return;
  if (state.status >= 200 || state.status === 101) {
    state.ended = true;
  } else {
    state.interims.push(state.status);
    nextMessage();
  }
};

/** The outcome of reading `bytes` and then the end of the connection; `end` is where the message is expected to end. */
export function readLlhttp(bytes: Buffer, method: string, end: number): Outcome {
  responses.initialize(HTTPParser.RESPONSE, {}, HEAD_BYTES_MAX, HTTPParser.kLenientNone);
  begin(method);
  let from = 0;
  for (const to of [end - 1, end, bytes.length]) {
    if (to <= from) continue;
    const result = responses.execute(bytes.subarray(from, to));
    if (state.ended) return whole(to, false);
    if (result instanceof Error) return refused(result);
    from = to;
  }
  const result = responses.finish();
  if (state.ended) return whole(bytes.length, true);
  if (result instanceof Error && !/HPE_INVALID_EOF_STATE/.test(codeOf(result))) return refused(result);
  return PARTIAL;
}

function whole(end: number, byClose: boolean): Outcome {
  const { interims, major, minor, status, reason, fields, body, trailers, persistent } = state;
  const told = { interims, minor, status, reason, fields, body, trailers, persistent, end, byClose };
  return { kind: 'whole', ...told, minor: major === 1 ? minor : major * 10 + minor };
}

const codeOf = (error: Error): string => String(Reflect.get(error, 'code'));

function refused(error: Error): Outcome {
  return { kind: 'refused', why: `${codeOf(error)} ${Reflect.get(error, 'reason')}` };
}

/** A request as a server on Node sees it. */
export interface SeenRequest {
  method: string;
  target: string;
  /** Names and values in turn. */
  readonly fields: string[];
  /** As Latin-1. */
  body: string;
}

/** The one request that `bytes` are. @throws the parser's error, or when they are not exactly one request */
export function readRequest(bytes: Buffer): SeenRequest {
  const { code, seen } = readCoded(bytes);
  seen.method = METHODS.find((method) => codeOfMethod(method) === code) ?? `the method numbered ${code}`;
  return seen;
}

const codeOfMethod = (method: string): number => readCoded(Buffer.from(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)).code;

/** The parser tells a method by its number in a list of its own. */
function readCoded(bytes: Buffer): { code: number; seen: SeenRequest } {
  const requests = new HTTPParser();
  const seen: SeenRequest = { method: '', target: '', fields: [], body: '' };
  let code = -1;
  let ended = 0;
  requests.initialize(HTTPParser.REQUEST, {}, HEAD_BYTES_MAX, HTTPParser.kLenientNone);
  requests[HTTPParser.kOnHeaders] = (fields: string[], target: string) => {
    seen.fields.push(...fields);
    seen.target += target;
  };
  requests[HTTPParser.kOnHeadersComplete] = (
    _major: number,
    _minor: number,
    fields: string[] | undefined,
    method: number,
    target: string | undefined,
  ) => {
    code = method;
    if (fields !== undefined) seen.fields.push(...fields);
    seen.target += target ?? '';
    return 0;
  };
  requests[HTTPParser.kOnBody] = (chunk: Buffer) => {
    seen.body += chunk.toString('latin1');
  };
  requests[HTTPParser.kOnMessageComplete] = () => {
    ended++;
  };
  const result = requests.execute(bytes);
  if (result instanceof Error) throw result;
  if (ended !== 1) throw new Error(`${ended} requests ended, not one`);
  return { code, seen };
}
