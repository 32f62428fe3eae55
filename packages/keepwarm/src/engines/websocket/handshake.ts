/**
 * The opening handshake (RFC 6455 § 4): one request that asks an HTTP/1.1 server to speak WebSocket, and whether its
 * answer agrees. No subprotocol and no extension is asked for, so one in the answer is a fault.
 */
import { createHash, randomBytes } from 'node:crypto';
import { NetError } from '../../core/error.ts';
import { checkPath, type Fields } from '../../core/fields.ts';
import type { Origin } from '../../core/origin.ts';
import { ReplyFields } from '../../core/reply-fields.ts';
import { dateOf } from '../../policies/retry-after.ts';
import { INCOMPLETE, ResponseHead, readHead } from '../../wire/response-head.ts';

/** § 1.3 */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const LIMITS = { headBytesMax: 32 * 1024, fieldsMax: 256 };
/** Interim answers before the one that counts. */
const INTERIM_MAX = 10;
const SWITCHING = 101;

export class Handshake {
  /** To be written as it is. */
  readonly request: string;
  readonly #accept: string;
  readonly #head = new ResponseHead();
  #bytes: Buffer = Buffer.alloc(0);
  #interims = 0;

  constructor(origin: Origin, path: string, fields: Fields) {
    const key = randomBytes(16).toString('base64');
    this.#accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
    const host = fields.ownsHost ? '' : `Host: ${origin.host}\r\n`;
    this.request =
      `GET ${checkPath(path)} HTTP/1.1\r\n${host}${fields.text}` +
      `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`;
  }

  /**
   * Takes what has arrived.
   *
   * @returns what follows the answer, once that is whole; nothing until then
   * @throws NetError `STATUS` with the status the server refused with, `PROTOCOL` for an answer that is none
   */
  read(bytes: Buffer, wallMs: number): Buffer | undefined {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      const end = readHead(this.#bytes, 0, this.#bytes.length, this.#head, LIMITS);
      if (end === INCOMPLETE) return undefined;
      const fields = new ReplyFields(this.#bytes.toString('latin1', 0, end));
      const { status } = this.#head;
      this.#bytes = this.#bytes.subarray(end);
      if (status !== SWITCHING && status < 200) {
        if (++this.#interims > INTERIM_MAX) throw refusedBy(`more than ${INTERIM_MAX} interim answers`);
        continue;
      }
      if (status !== SWITCHING) throw declined(status, fields, wallMs);
      this.#agree(fields);
      return this.#bytes;
    }
  }

  #agree(fields: ReplyFields): void {
    if (fields.get('upgrade')?.toLowerCase() !== 'websocket') throw refusedBy('101 without Upgrade: websocket');
    const connection = (fields.get('connection') ?? '').toLowerCase().split(/\s*,\s*/);
    if (!connection.includes('upgrade')) throw refusedBy('101 without Connection: upgrade');
    if (fields.get('sec-websocket-accept') !== this.#accept) throw refusedBy('a Sec-WebSocket-Accept that is not ours');
    if (fields.has('sec-websocket-extensions')) throw refusedBy('an extension nobody asked for');
    if (fields.has('sec-websocket-protocol')) throw refusedBy('a subprotocol nobody asked for');
  }
}

/** Seconds only: what servers send with 429 and 503. */
const SECONDS = /^\d+(?:\.\d+)?$/;

function declined(status: number, headers: ReplyFields, wallMs: number): NetError {
  const value = headers.get('retry-after') ?? '';
  const until = dateOf(value);
  const waitMs = SECONDS.test(value) ? Number(value) * 1000 : until && Math.max(0, until - wallMs);
  return new NetError('STATUS', `the server answered ${status} instead of speaking WebSocket`, {
    reach: 'answered',
    phase: 'head',
    status,
    ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }),
    answer: { headers, text: '' },
  });
}

function refusedBy(what: string): NetError {
  return new NetError('PROTOCOL', `the peer broke the WebSocket handshake: ${what}`, {
    reach: 'answered',
    phase: 'head',
  });
}
