/**
 * The head of an HTTP/1.x response, read strictly in one pass (RFC 9112 § 4, § 5, § 6).
 *
 * Only what decides framing, reuse and what a body is read as is looked at; every byte is checked; the text itself is
 * kept by the caller and split into fields when somebody asks. What the RFC forbids is an error: bare CR or LF,
 * obs-fold, space before the colon, control characters, both framings, repeated Content-Length, transfer codings other
 * than chunked, unknown versions. One leniency: the space before an empty reason phrase may be missing, as many servers
 * leave it out.
 */
import { NetError } from '../core/error.ts';
import { COLON, COMMA, CR, FIELD_TEXT, HTAB, LF, SP, spells, TOKEN } from './tokens.ts';

export interface HeadLimits {
  /** Bytes of one head, status line and final CR LF included. */
  readonly headBytesMax: number;
  /** Fields of one head, or of one trailer section. */
  readonly fieldsMax: number;
}

export const INCOMPLETE = -1;

/** What framing and reuse need to know of a head. One object serves many heads in turn. */
export class ResponseHead {
  status = 0;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  minor = 1;
  /** -1 when there is none. */
  contentLength = -1;
  chunked = false;
  saysClose = false;
  saysKeepAlive = false;
  /** Seconds of `Keep-Alive: timeout=`, or -1. */
  keepAliveSeconds = -1;
  /** Whether there is a Content-Encoding other than identity. */
  encoded = false;
  /** Whether the content type says that the body is JSON. */
  isJson = false;
  /** How many fields there were. */
  fields = 0;

  reset(): void {
    this.contentLength = -1;
    this.chunked = false;
    this.saysClose = false;
    this.saysKeepAlive = false;
    this.keepAliveSeconds = -1;
    this.encoded = false;
    this.isJson = false;
    this.fields = 0;
  }

  /** Whether the connection may serve another call after this message (RFC 9112 § 9.3). */
  get persistent(): boolean {
    return !this.saysClose && (this.minor === 1 || this.saysKeepAlive);
  }
}

/**
 * Reads a head that starts at `start`.
 *
 * @returns the offset after the head's empty line, or `INCOMPLETE` when `bytes` end before it
 * @throws NetError `PROTOCOL` or `LIMIT`
 */
export function readHead(
  bytes: Uint8Array,
  start: number,
  end: number,
  head: ResponseHead,
  limits: HeadLimits,
): number {
  const limit = Math.min(end, start + limits.headBytesMax);
  head.reset();
  let at = readStatusLine(bytes, start, limit, head);
  while (at !== INCOMPLETE && at < limit) {
    if (bytes[at] === CR) {
      if (at + 1 >= limit) break;
      if (bytes[at + 1] !== LF) throw broken('a bare CR in the head');
      if (head.chunked && head.contentLength >= 0) throw broken('both Content-Length and Transfer-Encoding');
      if (head.chunked && head.minor === 0) throw broken('Transfer-Encoding in an HTTP/1.0 response');
      return at + 2;
    }
    at = readField(bytes, at, limit, head, limits);
  }
  if (end - start >= limits.headBytesMax) throw tooLarge('headBytesMax', limits.headBytesMax, 'bytes of head');
  return INCOMPLETE;
}

/** `HTTP/1.x SP status SP reason CR LF` */
function readStatusLine(bytes: Uint8Array, start: number, limit: number, head: ResponseHead): number {
  // Shortest line: "HTTP/1.1 200\r\n". What is there already must at least look like it.
  for (let i = 0; i < 7; i++) {
    if (start + i >= limit) return INCOMPLETE;
    if (bytes[start + i] !== VERSION.charCodeAt(i)) throw broken('the answer does not start with HTTP/1.');
  }
  if (start + 14 > limit) return INCOMPLETE;
  const minor = bytes[start + 7]! - 0x30;
  if (minor !== 0 && minor !== 1) throw broken('an HTTP version other than 1.0 and 1.1');
  const d1 = bytes[start + 9]! - 0x30;
  const d2 = bytes[start + 10]! - 0x30;
  const d3 = bytes[start + 11]! - 0x30;
  if (bytes[start + 8] !== SP || !isDigit(d1) || d1 === 0 || !isDigit(d2) || !isDigit(d3))
    throw broken('a malformed status line');
  head.minor = minor;
  head.status = d1 * 100 + d2 * 10 + d3;
  let at = start + 12;
  if (bytes[at] === SP) {
    at++;
    while (at < limit && FIELD_TEXT[bytes[at]!] === 1) at++;
  } else if (FIELD_TEXT[bytes[at]!] === 1) {
    throw broken('a malformed status line');
  }
  return endOfLine(bytes, at, limit, 'the status line');
}

const VERSION = 'HTTP/1.';

function isDigit(value: number): boolean {
  return value >= 0 && value <= 9;
}

function readField(bytes: Uint8Array, start: number, limit: number, head: ResponseHead, limits: HeadLimits): number {
  let at = start;
  while (at < limit && TOKEN[bytes[at]!] === 1) at++;
  if (at >= limit) return INCOMPLETE;
  if (bytes[at] !== COLON || at === start) throw badName(bytes[at]!, at === start);
  if (++head.fields > limits.fieldsMax) throw tooLarge('fieldsMax', limits.fieldsMax, 'header fields');
  const nameEnd = at++;
  while (at < limit && (bytes[at] === SP || bytes[at] === HTAB)) at++;
  const valueStart = at;
  while (at < limit && FIELD_TEXT[bytes[at]!] === 1) at++;
  const next = endOfLine(bytes, at, limit, 'a field');
  if (next !== INCOMPLETE) note(bytes, start, nameEnd, valueStart, at, head);
  return next;
}

function endOfLine(bytes: Uint8Array, at: number, limit: number, where: string): number {
  if (at >= limit) return INCOMPLETE;
  if (bytes[at] === CR) {
    if (at + 1 >= limit) return INCOMPLETE;
    if (bytes[at + 1] === LF) return at + 2;
    throw broken(`a bare CR in ${where}`);
  }
  throw broken(bytes[at] === LF ? `a bare LF in ${where}` : `a control character in ${where}`);
}

/** Takes note of the few fields that matter here. Names are told apart by length first. */
function note(
  bytes: Uint8Array,
  start: number,
  nameEnd: number,
  from: number,
  valueEnd: number,
  head: ResponseHead,
): void {
  switch (nameEnd - start) {
    case 10:
      if (spells(bytes, start, 'connection')) {
        head.saysKeepAlive ||= lists(bytes, from, valueEnd, 'keep-alive');
        head.saysClose ||= lists(bytes, from, valueEnd, 'close');
      } else if (spells(bytes, start, 'keep-alive')) noteKeepAlive(bytes, from, valueEnd, head);
      return;
    case 12:
      if (spells(bytes, start, 'content-type')) head.isJson = saysJson(bytes, from, valueEnd);
      return;
    case 14:
      if (spells(bytes, start, 'content-length')) noteLength(bytes, from, valueEnd, head);
      return;
    case 16:
      if (spells(bytes, start, 'content-encoding')) head.encoded ||= !is(bytes, from, valueEnd, 'identity');
      // No standard field. Who says close by this name will close; who says keep-alive may have copied it.
      else if (spells(bytes, start, 'proxy-connection')) head.saysClose ||= lists(bytes, from, valueEnd, 'close');
      return;
    case 17:
      if (spells(bytes, start, 'transfer-encoding')) {
        if (head.chunked || !isChunked(bytes, from, valueEnd)) {
          throw broken('a transfer coding other than one single "chunked"');
        }
        head.chunked = true;
      }
      return;
    default:
  }
}

/**
 * Whether the value is "chunked". A tab after it would be white space, but a widespread parser (llhttp 9) then takes it
 * for another coding; a proxy built on it would see the message end elsewhere than we do, so it is refused.
 */
function isChunked(bytes: Uint8Array, from: number, valueEnd: number): boolean {
  let to = valueEnd;
  while (to > from && bytes[to - 1] === SP) to--;
  return to - from === CHUNKED.length && spells(bytes, from, CHUNKED);
}

const CHUNKED = 'chunked';

function noteLength(bytes: Uint8Array, from: number, valueEnd: number, head: ResponseHead): void {
  let at = from;
  let length = 0;
  while (at < valueEnd && isDigit(bytes[at]! - 0x30)) length = length * 10 + (bytes[at++]! - 0x30);
  let rest = at;
  while (rest < valueEnd && (bytes[rest] === SP || bytes[rest] === HTAB)) rest++;
  if (at === from || rest !== valueEnd) throw broken('a Content-Length that is not a number');
  if (length > Number.MAX_SAFE_INTEGER) throw broken('a Content-Length beyond 2^53');
  if (head.contentLength >= 0) throw broken('more than one Content-Length');
  head.contentLength = length;
}

/** Whether a list of options has `lower` in it, in any case (RFC 9110 § 5.6.1). */
function lists(bytes: Uint8Array, from: number, valueEnd: number, lower: string): boolean {
  let at = from;
  while (at < valueEnd) {
    let comma = at;
    while (comma < valueEnd && bytes[comma] !== COMMA) comma++;
    while (at < comma && (bytes[at] === SP || bytes[at] === HTAB)) at++;
    if (is(bytes, at, comma, lower)) return true;
    at = comma + 1;
  }
  return false;
}

/** By any of its names, such as application/problem+json. A hint: what follows from it must do for any body. */
function saysJson(bytes: Uint8Array, from: number, valueEnd: number): boolean {
  for (let i = from; i + JSON_NAME.length <= valueEnd; i++) if (spells(bytes, i, JSON_NAME)) return true;
  return false;
}

const JSON_NAME = 'json';

/** Digits of `Keep-Alive: timeout=` that are read: 30 years are as good as any longer time. */
const SECONDS_DIGITS_MAX = 9;

function noteKeepAlive(bytes: Uint8Array, from: number, valueEnd: number, head: ResponseHead): void {
  for (let i = from; i + TIMEOUT.length < valueEnd; i++) {
    if (!spells(bytes, i, TIMEOUT) || (i > from && TOKEN[bytes[i - 1]!] === 1)) continue;
    const first = i + TIMEOUT.length;
    const end = Math.min(valueEnd, first + SECONDS_DIGITS_MAX);
    let at = first;
    let seconds = 0;
    while (at < end && isDigit(bytes[at]! - 0x30)) seconds = seconds * 10 + (bytes[at++]! - 0x30);
    if (at > first) head.keepAliveSeconds = seconds;
    return;
  }
}

const TIMEOUT = 'timeout=';

/** Whether the value is exactly `lower`, in any case, trailing white space aside. */
function is(bytes: Uint8Array, from: number, valueEnd: number, lower: string): boolean {
  let to = valueEnd;
  while (to > from && (bytes[to - 1] === SP || bytes[to - 1] === HTAB)) to--;
  return to - from === lower.length && spells(bytes, from, lower);
}

function badName(code: number, empty: boolean): NetError {
  if (empty && (code === SP || code === HTAB)) return broken('a folded line (obs-fold) in the head');
  if (empty) return broken(code === LF ? 'a bare LF in the head' : 'a field without a name');
  return broken('a character that no field name may have');
}

export function broken(what: string, phase: 'head' | 'body' = 'head'): NetError {
  return new NetError('PROTOCOL', `the peer broke HTTP/1.1: ${what}`, { reach: 'answered', phase });
}

export function tooLarge(limit: string, value: number, what: string, phase: 'head' | 'body' = 'head'): NetError {
  return new NetError('LIMIT', `the reply has more than ${value} ${what} (limit ${limit})`, {
    reach: 'answered',
    phase,
    limit,
    value,
  });
}
