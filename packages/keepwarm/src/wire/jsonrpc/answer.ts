/**
 * What a message from a node means for the requests it answers (JSON-RPC 2.0 § 5 and 6). Answers are matched by id and
 * by nothing else: not by their order, not by their number.
 *
 * For each request there is one of:
 *   Result   it was done
 *   Failure  the node's error object, whole
 *   Fault    no answer to it can be told from what came, and why
 *
 * Invariants:
 *   (1) A request gets a Result or a Failure only from an answer that bears its id, once. An error without an id is the
 *       answer to a request that was alone in its message, and to no other.
 *   (2) Of two answers with one id nobody can tell which is right: neither is given.
 */

/** An error object as the node sent it (JSON-RPC 2.0 § 5.1). */
export interface RpcErrorObject {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export class Result {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

export class Failure {
  readonly error: RpcErrorObject;

  constructor(error: RpcErrorObject) {
    this.error = error;
  }
}

export class Fault {
  /** After "the answer": "is not to this call, but to 7". Holds nothing of the content. */
  readonly what: string;

  constructor(what: string) {
    this.what = what;
  }
}

export type Answer = Result | Failure | Fault;

/** The answer to a request that was alone in its message. @param message parsed; `undefined` for what is no JSON */
export function answerOf(message: unknown, id: number | string, strict: boolean): Answer {
  if (message === undefined) return new Fault('is not JSON');
  if (!isObject(message)) return new Fault(`is no object but ${kindOf(message)}`);
  const said = message['id'];
  if (said === id) return contentOf(message, strict);
  const { error } = message;
  if ((said === null || said === undefined) && isObject(error)) return contentOf(message, strict);
  if (!strict && (said === undefined || said === String(id))) return contentOf(message, strict);
  return new Fault(said === undefined ? 'has no id' : `is to call ${shown(said)}, not to ${shown(id)}`);
}

/**
 * The result in the answer to one request, where that is written as nodes write it: then nothing else is parsed.
 * What stands between the known beginning and the known end is one JSON value, or the answer is looked at as a whole:
 * this says what `answerOf` would.
 */
export function plainResult(text: string, id: number): Result | undefined {
  const resultFirst = text.startsWith(RESULT_FIRST);
  const from = resultFirst ? RESULT_FIRST.length : startAfter(text, id);
  const to = resultFirst ? endBefore(text, id) : text.length - 1;
  if (from < 0 || to < 0) return undefined;
  try {
    return new Result(JSON.parse(text.slice(from, to)));
  } catch {
    return undefined; // there is more in it than a result
  }
}

/** As Solana's nodes begin and end their answers, and as those of Ethereum begin theirs. */
const RESULT_FIRST = '{"jsonrpc":"2.0","result":';
const ID = ',"id":';
const ID_FIRST = '{"jsonrpc":"2.0","id":';
const RESULT = ',"result":';

/** Where the id and nothing else follows, to the last character; -1 where it does not. Makes no text to compare. */
function endBefore(text: string, id: number): number {
  let at = text.length - 1;
  if (text.charCodeAt(at) !== CLOSING) return -1;
  for (let rest = id; rest > 0; rest = Math.floor(rest / 10)) {
    if (text.charCodeAt(--at) !== ZERO + (rest % 10)) return -1;
  }
  at -= ID.length;
  return text.startsWith(ID, at) ? at : -1;
}

/** Where the result begins that follows the id; -1 where it does not, or the end is missing. */
function startAfter(text: string, id: number): number {
  if (!text.startsWith(ID_FIRST) || text.charCodeAt(text.length - 1) !== CLOSING) return -1;
  const digits = String(id);
  const at = ID_FIRST.length + digits.length;
  return text.startsWith(digits, ID_FIRST.length) && text.startsWith(RESULT, at) ? at + RESULT.length : -1;
}

const CLOSING = 0x7d;
const ZERO = 0x30;

export interface BatchAnswers {
  /** One for each request, in the order of the requests; nothing when the batch was answered as a whole. */
  readonly each: readonly Answer[] | undefined;
  /** The one answer to all of it: an error, or what is no answer to a batch. */
  readonly whole: Failure | Fault | undefined;
}

/** The answers to requests with the ids `first`, `first + 1`, … that were sent in one message. */
export function batchAnswersOf(message: unknown, first: number, count: number, strict: boolean): BatchAnswers {
  if (message === undefined) return { each: undefined, whole: new Fault('is not JSON') };
  if (!Array.isArray(message)) return ofNoList(message, first, count, strict);
  const each: (Answer | undefined)[] = new Array(count).fill(undefined);
  let strays = 0;
  for (const answer of message) {
    if (!isObject(answer)) {
      strays++;
      continue;
    }
    const index = indexOf(answer['id'], first, strict);
    if (index < 0 || index >= count) strays++;
    else if (each[index] !== undefined) each[index] = new Fault('came twice');
    else each[index] = contentOf(answer, strict);
  }
  const missing = strays === 0 ? 'is missing' : `is missing, and ${strays} came that nobody asked for`;
  return { each: each.map((answer) => answer ?? new Fault(missing)), whole: undefined };
}

function ofNoList(message: unknown, first: number, count: number, strict: boolean): BatchAnswers {
  if (isObject(message) && isObject(message['error'])) {
    const content = contentOf(message, strict);
    if (!(content instanceof Result)) return { each: undefined, whole: content };
  }
  if (count === 1 && !strict) return { each: [answerOf(message, first, strict)], whole: undefined };
  return { each: undefined, whole: new Fault(`to a batch is no list but ${kindOf(message)}`) };
}

/** @returns a negative number, or one beyond the batch, for what is no id of it */
function indexOf(id: unknown, first: number, strict: boolean): number {
  if (typeof id === 'number' && Number.isInteger(id)) return id - first;
  if (!strict && typeof id === 'string' && /^\d{1,16}$/.test(id)) return Number(id) - first;
  return -1;
}

/** Result or error of an answer whose id is known to be right. */
function contentOf(message: Readonly<Record<string, unknown>>, strict: boolean): Answer {
  const { result, error } = message;
  if (strict && message['jsonrpc'] !== '2.0') {
    return new Fault(`says jsonrpc ${shown(message['jsonrpc'])}, not "2.0"`);
  }
  if (error === undefined) return result === undefined ? new Fault('has neither result nor error') : new Result(result);
  if (result === undefined || (!strict && result === null)) {
    if (error === null && !strict && 'result' in message) return new Result(result);
    return errorOf(error, strict);
  }
  // `error: null` beside a result is JSON-RPC 1.0.
  return error === null && !strict ? new Result(result) : new Fault('has both result and error');
}

function errorOf(error: unknown, strict: boolean): Answer {
  if (!isObject(error)) return new Fault(`has an error that is no object but ${kindOf(error)}`);
  const { code, message, data } = error;
  if (!strict) {
    const number = Number(code);
    return new Failure({
      code: Number.isFinite(number) ? number : 0,
      message: typeof message === 'string' ? message : '',
      ...('data' in error ? { data } : {}),
    });
  }
  if (typeof code !== 'number' || !Number.isInteger(code))
    return new Fault(`has an error whose code is ${shown(code)}`);
  if (typeof message !== 'string') return new Fault(`has an error whose message is ${kindOf(message)}`);
  return new Failure('data' in error ? { code, message, data } : { code, message });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : value === undefined ? 'nothing' : `a ${typeof value}`;
}

/** Ids and codes are short; what is not is not repeated. */
function shown(value: unknown): string {
  if (typeof value === 'number' || value === null || value === undefined) return String(value);
  return typeof value === 'string' && value.length <= 40 ? JSON.stringify(value) : kindOf(value);
}
