/**
 * How a call ended, read from the fields of its answer.
 *
 *   content-type of gRPC    ──▶ `grpc-status` of the trailers; of the head, when that is all there is (trailers-only)
 *   another content-type    ──▶ no gRPC was spoken: the HTTP status stands for one, unless there is a `grpc-status`
 */
import type { Reply } from '../../core/reply.ts';
import { bytesOf, Metadata } from '../../wire/grpc/metadata.ts';
import { statusOf, statusOfHttp } from '../../wire/grpc/status.ts';
import { messageText } from '../../wire/grpc/status-message.ts';
import { GrpcError } from './error.ts';

export type FieldLines = readonly (readonly [name: string, value: string])[];

/** Trailers as a body's end tells them, `name: value` each. */
export function fieldsOf(lines: readonly string[]): FieldLines {
  return lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
}

/** Whether an answer speaks gRPC, whatever it says: `application/grpc`, and what may follow. */
export function speaksGrpc(reply: Reply): boolean {
  return /^application\/grpc(?:[+;]|$)/i.test(reply.headers.get('content-type') ?? '');
}

/** Whether the head says how the call ended, by which it is all there is. */
export function isTrailersOnly(reply: Reply): boolean {
  return reply.headers.has('grpc-status');
}

/** An answer that speaks no gRPC. */
export function verdictOfHttp({ status, headers }: Reply, path: string): GrpcError {
  const type = headers.get('content-type');
  const what = type === undefined ? 'without a content-type' : `of type ${JSON.stringify(type.slice(0, 100))}`;
  const metadata = Metadata.received(headers.list);
  const message = `the answer is no gRPC: HTTP status ${status} ${what}`;
  return new GrpcError(statusOfHttp(status), message, { reach: 'answered', path, metadata });
}

/**
 * What the trailers say, or a head that stands for them.
 *
 * @returns nothing for OK
 */
export function verdictOf(fields: FieldLines, path: string): GrpcError | undefined {
  let [code, message, details, pushback]: (string | undefined)[] = [];
  for (const [name, value] of fields) {
    if (name === 'grpc-status') code ??= value;
    else if (name === 'grpc-message') message ??= value;
    else if (name === 'grpc-status-details-bin') details ??= value;
    else if (name === 'grpc-retry-pushback-ms') pushback ??= value;
  }
  if (code === '0') return undefined;
  const more = {
    reach: 'answered',
    path,
    metadata: Metadata.received(fields),
    details: details === undefined ? undefined : bytesOf(details),
    pushbackMs: pushback === undefined ? undefined : pushbackOf(pushback),
  } as const;
  if (code === undefined) return new GrpcError('UNKNOWN', 'the answer ended without a grpc-status', more);
  const status = statusOf(code);
  if (status === 'OK') return undefined; // 00
  const said = messageText(message ?? '');
  if (status !== undefined && (status !== 'UNKNOWN' || Number(code) === 2)) return new GrpcError(status, said, more);
  return new GrpcError('UNKNOWN', `grpc-status ${JSON.stringify(code.slice(0, 20))} is none there is: ${said}`, more);
}

/** What is not a number of ms means, as a negative one does: do not repeat (gRFC A6). */
function pushbackOf(text: string): number {
  return /^\d{1,10}$/.test(text) ? Number(text) : -1;
}
