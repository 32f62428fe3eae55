/** Our parser, asked what it makes of the bytes of one connection, in one piece or in many. */
import { NetError } from '../../../src/core/error.ts';
import { ReplyFields } from '../../../src/core/reply-fields.ts';
import type { ResponseHead } from '../../../src/wire/response-head.ts';
import { type MessageHandler, type ParserLimits, ResponseParser } from '../../../src/wire/response-parser.ts';
import { type Outcome, PARTIAL, type Whole } from './outcome.ts';

/** The defaults of docs/reference/options.md. */
export const LIMITS: ParserLimits = {
  headBytesMax: 32 * 1024,
  fieldsMax: 256,
  extensionBytesMax: 16 * 1024,
  interimMax: 16,
};

class Recorder implements MessageHandler {
  readonly interims: number[] = [];
  minor = 1;
  status = 0;
  fields: ReplyFields | undefined;
  body = '';
  trailers: string[] = [];
  persistent = false;
  ended = false;

  onInterim(status: number): void {
    this.interims.push(status);
  }

  onHead(head: ResponseHead, text: string): void {
    this.minor = head.minor;
    this.status = head.status;
    this.fields = new ReplyFields(text);
  }

  onData(bytes: Buffer, from: number, to: number): void {
    this.body += bytes.toString('latin1', from, to);
  }

  onEnd(persistent: boolean, trailers: readonly string[]): void {
    this.persistent = persistent;
    if (trailers.length > 0) this.trailers = flat(new ReplyFields(['', ...trailers].join('\r\n')));
    this.ended = true;
  }

  whole(end: number, byClose: boolean): Whole {
    const { interims, minor, status, body, trailers, persistent } = this;
    const { reason } = this.fields!;
    const fields = flat(this.fields!);
    return { kind: 'whole', interims, minor, status, reason, fields, body, trailers, persistent, end, byClose };
  }
}

const flat = (fields: ReplyFields): string[] => fields.list.flat();

/** The outcome of reading `bytes`, cut at the offsets `cuts` (ascending), and then the end of the connection. */
export function readOurs(bytes: Buffer, method: string, cuts: readonly number[] = [], limits = LIMITS): Outcome {
  return readWith(new ResponseParser(limits), bytes, method, cuts);
}

/** The same with a parser that is idle, new or not. */
export function readWith(parser: ResponseParser, bytes: Buffer, method: string, cuts: readonly number[] = []): Outcome {
  const recorder = new Recorder();
  parser.begin(method, recorder);
  const own = Buffer.from(bytes); // reading moves the data of chunks about
  let at = 0;
  try {
    for (let i = 0; i <= cuts.length && !recorder.ended; i++) {
      at = parser.read(own, at, i < cuts.length ? cuts[i]! : own.length);
    }
    if (recorder.ended) return recorder.whole(at, false);
    parser.finish();
    return recorder.whole(at, true);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return error.code === 'RESET' ? PARTIAL : { kind: 'refused', why: error.message };
  }
}
