/**
 * The head of a reply as it comes in a field section, judged by RFC 9113 § 8.1 to § 8.3. What is malformed concerns its
 * stream only.
 */

import { responseFault, trailersFault } from '../../wire/h2/field-rules.ts';
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

/** What a section says. It is kept with the section: the same bytes are judged once. */
export function headOf(section: FieldSection<ReplyHead>): ReplyHead {
  return (section.note ??= judge(section.fields));
}

function judge(fields: readonly string[]): ReplyHead {
  const fault = responseFault(fields);
  if (fault !== undefined) return malformed(fault);
  const code = fields[1]!;
  let text = `HTTP/2.0 ${code} \r\n`;
  let contentLength = -1;
  let encoded = false;
  for (let i = 2; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    if (name === 'content-length') {
      contentLength = Number(value);
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
  const fault = trailersFault(fields);
  if (fault !== undefined) return fault;
  const lines: string[] = [];
  for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`);
  return lines;
}

function malformed(fault: string): ReplyHead {
  return new ReplyHead(0, '', -1, false, fault);
}
