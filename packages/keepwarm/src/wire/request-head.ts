/**
 * The head of an HTTP/1.1 request as text (RFC 9112 § 3). Everything in it was checked when it was made
 * (core/fields.ts), so writing is joining; what stays the same is joined once.
 */
import { Buffer } from 'node:buffer';
import type { Fields } from '../core/fields.ts';

/** The heads of the requests to one origin. */
export class RequestHeads {
  readonly #afterTarget: string;
  #method = '';
  #path = '';
  #fields: Fields | undefined;
  #constant = '';
  #isFlat = false;
  #bytes = -1;
  /** The constant part that `#whole` was made of. */
  #before = '';
  #whole = '';
  #isWholeFlat = false;

  constructor(host: string) {
    this.#afterTarget = ` HTTP/1.1\r\nHost: ${host}\r\n`;
  }

  /** `framing` is the field that tells where the body ends, with its CR LF; empty where there is none. */
  of(method: string, path: string, fields: Fields, framing: string): string {
    return `${this.#constantOf(method, path, fields)}${framing}\r\n`;
  }

  /**
   * As `of`, for a body of so many bytes. The last one is remembered as well, and copied into one piece in the same
   * way: calls of one kind often have bodies of one length.
   */
  ofLength(method: string, path: string, fields: Fields, bytes: number): string {
    const constant = this.#constantOf(method, path, fields);
    if (bytes !== this.#bytes || constant !== this.#before) {
      this.#bytes = bytes;
      this.#before = constant;
      this.#isWholeFlat = false;
      this.#whole = `${constant}Content-Length: ${bytes}\r\n\r\n`;
    } else if (!this.#isWholeFlat) {
      this.#whole = inOnePiece(this.#whole);
      this.#isWholeFlat = true;
    }
    return this.#whole;
  }

  /**
   * All but the framing. The last one is remembered: a client that asks an origin for something usually asks for the
   * same again, with another body. When it does, the joined string is copied into one piece, once.
   */
  #constantOf(method: string, path: string, fields: Fields): string {
    if (method === this.#method && path === this.#path && fields === this.#fields) {
      if (!this.#isFlat) {
        this.#constant = inOnePiece(this.#constant);
        this.#isFlat = true;
      }
      return this.#constant;
    }
    const afterTarget = fields.ownsHost ? ' HTTP/1.1\r\n' : this.#afterTarget;
    this.#method = method;
    this.#path = path;
    this.#fields = fields;
    this.#isFlat = false;
    this.#constant = `${method} ${path}${afterTarget}${fields.text}`;
    return this.#constant;
  }
}

/** The same text. What has been joined is a tree, which would be walked through on every write. */
function inOnePiece(joined: string): string {
  return Buffer.from(joined, 'latin1').toString('latin1');
}

/** One chunk's opening line (RFC 9112 § 7.1); data and CR LF follow. */
export function chunkLine(bytes: number): string {
  return `${bytes.toString(16)}\r\n`;
}

export const LAST_CHUNK = '0\r\n\r\n';
