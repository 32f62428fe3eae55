/**
 * The head of a reply as it comes in a field section, judged by RFC 9113 § 8.1 to § 8.3. What is malformed concerns its
 * stream only.
 */

import { fieldFault } from '../../wire/hpack/field-text.ts';
import type { FieldSection } from '../../wire/hpack/section.ts';

export class ReplyHead {
  readonly status: number;
  /** As HTTP/1.1 would have written it, which is how replies keep their fields; in the length of its version, too. */
  readonly text: string;
  /** -1 when there is none. */
  readonly contentLength: number;
  /** Whether there is a Content-Encoding other than identity. */
  readonly encoded: boolean;
  /** What is wrong with it. */
  readonly fault: string | undefined;

  constructor(status: number, text: string, contentLength: number, encoded: boolean, fault: string | undefined) {
    this.status = status;
    this.text = text;
    this.contentLength = contentLength;
    this.encoded = encoded;
    this.fault = fault;
  }
}

/** Fields that speak of one connection; there is no place for them here (§ 8.2.2). */
const OF_CONNECTION = /^(?:connection|proxy-connection|keep-alive|transfer-encoding|upgrade)$/;

/** What a section says. It is kept with the section: the same bytes are judged once. */
export function headOf(section: FieldSection<ReplyHead>): ReplyHead {
  return (section.note ??= judge(section.fields));
}

function judge(fields: readonly string[]): ReplyHead {
  const code = fields[1];
  if (fields[0] !== ':status' || code === undefined) return malformed('a reply that does not begin with :status');
  if (!/^[1-9]\d\d$/.test(code)) return malformed(':status that is not three digits');
  if (code === '101') return malformed('status 101, which HTTP/2 does not have');
  let text = `HTTP/2.0 ${code} \r\n`;
  let contentLength = -1;
  let encoded = false;
  for (let i = 2; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    const fault = faultOf(name, value);
    if (fault !== undefined) return malformed(fault);
    if (name === 'content-length') {
      const length = lengthOf(value);
      if (length < 0) return malformed('a content-length that is not a number');
      if (contentLength >= 0) return malformed('more than one content-length');
      contentLength = length;
    } else if (name === 'content-encoding') {
      encoded ||= value.toLowerCase() !== 'identity';
    }
    text += `${name}: ${value}\r\n`;
  }
  // One piece: it would be walked through each time somebody looks, and this head may stand for thousands.
  return new ReplyHead(
    Number(code),
    Buffer.from(`${text}\r\n`, 'latin1').toString('latin1'),
    contentLength,
    encoded,
    undefined,
  );
}

/** Trailers as lines, or what is wrong with them. */
export function trailersOf(fields: readonly string[]): readonly string[] | string {
  const lines: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const fault = faultOf(fields[i]!, fields[i + 1]!);
    if (fault !== undefined) return fault;
    lines.push(`${fields[i]}: ${fields[i + 1]}`);
  }
  return lines;
}

function faultOf(name: string, value: string): string | undefined {
  if (name.startsWith(':')) return 'a pseudo-header field that has no place here';
  if (OF_CONNECTION.test(name)) return `the field ${name}, which speaks of a connection`;
  return fieldFault(name, value);
}

function lengthOf(value: string): number {
  const length = /^\d+$/.test(value) ? Number(value) : -1;
  return Number.isSafeInteger(length) ? length : -1;
}

function malformed(fault: string): ReplyHead {
  return new ReplyHead(0, '', -1, false, fault);
}
