/**
 * One HTTP/1.x response after another, out of bytes that arrive in any pieces (RFC 9112 § 6, § 9).
 *
 *             1xx
 *            ┌───┐
 *   idle ──▶ head ──▶ length ──▶ idle
 *    begin()  ├─────▶ chunked ─▶ idle
 *             ├─────▶ untilClose ─▶ (finish) idle
 *             └─────▶ idle          no body: HEAD, 204, 304, length 0
 *
 * Invariants:
 *   (1) Between `begin` and `onEnd` exactly one final head is reported, then its data in order, then the end, once.
 *   (2) The result does not depend on how the bytes were cut.
 *   (3) Nothing after the end of a message is consumed: `read` returns where it stopped.
 *   (4) Bytes kept between reads never exceed `headBytesMax`; body bytes are never kept at all, but those of chunks may
 *       be moved about within what has been consumed.
 *   (5) `known`, while it has bytes, is the head that `head` and `text` were read from.
 *   (6) After a fault the parser refuses to go on: where the next message begins is no longer known.
 */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel
import { invariant, NetError } from '../core/error.ts';
import { ChunkedDecoder, type ChunkedLimits } from './chunked.ts';
import { KnownBytes } from './known-bytes.ts';
import { broken, INCOMPLETE, ResponseHead, readHead, tooLarge } from './response-head.ts';
import { CR, LF } from './tokens.ts';

export interface ParserLimits extends ChunkedLimits {
  /** Interim (1xx) responses before the final one. */
  readonly interimMax: number;
}

export interface MessageHandler {
  /** `text` as for the final head. */
  onInterim(status: number, text: string): void;
  /** `text` is the whole head as Latin-1; `hasBody` is false when the message ends with it. */
  onHead(head: ResponseHead, text: string, hasBody: boolean): void;
  /** Body bytes, framing removed; valid during the call only. */
  onData(bytes: Buffer, from: number, to: number): void;
  /** `persistent` tells whether the connection may be used again. */
  onEnd(persistent: boolean, trailers: readonly string[]): void;
}

type State = 'idle' | 'head' | 'length' | 'chunked' | 'untilClose' | 'broken';

const NO_TRAILERS: readonly string[] = [];
const NOTHING = Buffer.alloc(0);

export class ResponseParser {
  readonly head = new ResponseHead();
  readonly #limits: ParserLimits;
  #handler: MessageHandler | undefined;
  #state: State = 'idle';
  #method = 'GET';
  #left = 0;
  #interims = 0;
  readonly #known = new KnownBytes();
  #text = '';
  #chunks: ChunkedDecoder | undefined;
  /** The part that has arrived of a head: the first `#partialBytes` of this. */
  #partial = NOTHING;
  #partialBytes = 0;

  constructor(limits: ParserLimits) {
    this.#limits = limits;
  }

  /** Expects the response to a call with this method. */
  begin(method: string, handler: MessageHandler): void {
    invariant(this.#state === 'idle', `a parser was asked to begin while ${this.#state}`);
    this.#state = 'head';
    this.#method = method;
    this.#handler = handler;
    this.#interims = 0;
  }

  /** Between messages: nothing is expected, and any byte would be one too many. */
  get idle(): boolean {
    return this.#state === 'idle';
  }

  /** Body bytes still to come, or -1 when only the peer knows. */
  get bytesLeft(): number {
    return this.#state === 'length' ? this.#left : -1;
  }

  /**
   * @returns the offset of the first byte not consumed: `to`, or earlier when the message ended before it
   * @throws NetError `PROTOCOL` or `LIMIT`; the connection must then be closed
   */
  read(bytes: Buffer, from: number, to: number): number {
    try {
      return this.#read(bytes, from, to);
    } catch (error) {
      this.#state = 'broken';
      throw error;
    }
  }

  /**
   * The peer ended its side.
   *
   * @throws NetError `RESET` when a message was cut short, `PROTOCOL` when what there is of it was wrong already
   */
  finish(): void {
    if (this.#state === 'idle') return;
    if (this.#state === 'untilClose') return this.#end(false);
    const state = this.#state;
    this.#state = 'broken';
    if (state === 'head') {
      if (this.#partialBytes === 0)
        throw lost('before it answered', this.#interims === 0 ? 'unknown' : 'answered', 'head');
      readHead(this.#partial, 0, this.#partialBytes, this.head, this.#limits);
      throw lost('in the middle of the head', 'answered', 'head');
    }
    const missing =
      state === 'length' ? `, ${this.#left} bytes short of its Content-Length` : ', before the last chunk';
    throw lost(`in the middle of the body${missing}`, 'answered', 'body');
  }

  #read(bytes: Buffer, from: number, to: number): number {
    let at = from;
    while (at < to) {
      switch (this.#state) {
        case 'head': {
          const next = this.#partialBytes === 0 ? this.#readHead(bytes, at, to) : this.#continueHead(bytes, at, to);
          if (next === INCOMPLETE) return to;
          at = next;
          break;
        }
        case 'length': {
          const take = Math.min(this.#left, to - at);
          this.#left -= take;
          this.#handler!.onData(bytes, at, at + take);
          at += take;
          if (this.#left === 0) this.#end(this.head.persistent);
          break;
        }
        case 'chunked': {
          const chunks = this.#chunks!;
          at = chunks.read(bytes, at, to, this.#onData);
          if (chunks.done) this.#end(this.head.persistent, chunks.trailers);
          break;
        }
        case 'untilClose':
          this.#handler!.onData(bytes, at, to);
          return to;
        default:
          return at;
      }
    }
    return at;
  }

  readonly #onData = (bytes: Uint8Array, from: number, to: number): void =>
    this.#handler!.onData(bytes as Buffer, from, to);

  /** A head that equals the last one byte for byte says the same: most servers change theirs once a second. */
  #readHead(bytes: Buffer, from: number, to: number): number {
    if (this.#known.begins(bytes, from, to)) {
      this.#onHead(this.#text);
      return from + this.#known.length;
    }
    this.#known.forget(); // `head` is about to be overwritten
    const next = readHead(bytes, from, to, this.head, this.#limits);
    if (next === INCOMPLETE) {
      this.#keep(bytes, from, to);
      return next;
    }
    this.#text = bytes.toString('latin1', from, next);
    this.#known.keep(bytes, from, next);
    this.#onHead(this.#text);
    return next;
  }

  /**
   * More of a head that began in an earlier read. It is parsed again only when its end may have come, so that a peer
   * that dribbles byte by byte costs a comparison per byte and not a parse.
   */
  #continueHead(bytes: Buffer, from: number, to: number): number {
    const { headBytesMax } = this.#limits;
    const before = this.#partialBytes;
    this.#keep(bytes, from, Math.min(to, from + headBytesMax - before));
    const kept = this.#partial;
    const length = this.#partialBytes;
    if (length < headBytesMax && !mayEnd(kept, before, length)) return INCOMPLETE;
    const next = readHead(kept, 0, length, this.head, this.#limits);
    if (next === INCOMPLETE) return INCOMPLETE;
    this.#partial = NOTHING;
    this.#partialBytes = 0;
    this.#onHead(kept.toString('latin1', 0, next));
    return from + (next - before);
  }

  /** Room for what is kept doubles, so that a head that comes byte by byte is copied twice, not anew for each byte. */
  #keep(bytes: Buffer, from: number, to: number): void {
    const before = this.#partialBytes;
    const length = before + to - from;
    if (length > this.#partial.length) {
      const room = Math.max(length, Math.min(this.#partial.length * 2, this.#limits.headBytesMax));
      const larger = Buffer.allocUnsafeSlow(room);
      this.#partial.copy(larger, 0, 0, before);
      this.#partial = larger;
    }
    bytes.copy(this.#partial, before, from, to);
    this.#partialBytes = length;
  }

  #onHead(text: string): void {
    const { head } = this;
    if (head.status < 200) return this.#onInterim(head, text);
    const bodyless = this.#method === 'HEAD' || head.status === 204 || head.status === 304;
    const hasBody = !bodyless && head.contentLength !== 0;
    this.#state = !hasBody ? 'head' : head.chunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'untilClose';
    this.#left = head.contentLength;
    if (this.#state === 'chunked') this.#chunks = new ChunkedDecoder(this.#limits);
    this.#handler!.onHead(head, text, hasBody);
    if (!hasBody) this.#end(head.persistent);
  }

  #onInterim(head: ResponseHead, text: string): void {
    if (head.status === 101) throw broken('101 Switching Protocols to a call that asked for no upgrade');
    if (!head.persistent) throw broken('an interim response that ends the connection');
    if (++this.#interims > this.#limits.interimMax) {
      throw tooLarge('interimMax', this.#limits.interimMax, 'interim responses before the final one');
    }
    this.#handler!.onInterim(head.status, text);
  }

  #end(persistent: boolean, trailers: readonly string[] = NO_TRAILERS): void {
    const handler = this.#handler!;
    this.#state = 'idle';
    this.#handler = undefined;
    this.#chunks = undefined;
    handler.onEnd(persistent, trailers);
  }
}

/** Whether an empty line, well-formed or not, ends within the bytes from `since` to `end`. */
function mayEnd(bytes: Buffer, since: number, end: number): boolean {
  for (let i = Math.max(since, 1); i < end; i++) {
    if (bytes[i] !== LF) continue;
    const before = bytes[i - 1] === CR ? i - 2 : i - 1;
    if (before < 0 || bytes[before] === LF) return true;
  }
  return false;
}

function lost(where: string, reach: 'unknown' | 'answered', phase: 'head' | 'body'): NetError {
  return new NetError('RESET', `the peer closed the connection ${where}`, { reach, phase });
}
