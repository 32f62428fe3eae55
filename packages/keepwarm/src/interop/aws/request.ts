/** What the AWS SDK asks for, as a call. It is signed: nothing that the signature covers may be touched. */
import { Readable } from 'node:stream';
import { type BodyInput, type Prepared, prepareBody } from '../../clients/call-body.ts';
import type { FetchDoor } from '../../clients/fetch.ts';
import type { BodyProducer, Call } from '../../core/call.ts';
import { NetError } from '../../core/error.ts';
import { checkPath } from '../../core/fields.ts';

/** The SDK's HttpRequest, as far as it is looked at. */
export interface AwsRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>> | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** @throws NetError `INVALID` before anything is queued */
export function callOf(door: FetchDoor, request: AwsRequest, signal: AbortSignal | undefined): Call {
  const { protocol, hostname, port } = request;
  const origin = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
  const headers: Record<string, string> = {};
  let announced: number | undefined;
  for (const [name, value] of Object.entries(request.headers)) {
    const lower = name.toLowerCase();
    // We wait for no 100, and S3 signs neither; a Host that is the origin's own needs no saying.
    if (lower === 'expect' || lower === 'connection' || (lower === 'host' && origin.endsWith(`//${value}`))) continue;
    headers[name] = value;
    if (lower === 'content-length') announced = Number(value);
  }
  const call = door.makeCall(request.method, origin, bodyOf(request.body, announced), headers, signal);
  return { ...call, path: checkPath(pathOf(request)) };
}

/** As it was signed: RFC 3986, each value of a list by itself, names without a value bare. */
function pathOf({ path, query }: AwsRequest): string {
  const parts = Object.entries(query ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, value]) => {
      if (value === null) return [escaped(name)];
      return [value].flat().map((each) => `${escaped(name)}=${escaped(each)}`);
    });
  const target = path === '' ? '/' : path;
  return parts.length === 0 ? target : `${target}?${parts.join('&')}`;
}

/** The SDK encodes what `encodeURIComponent` leaves alone as well, since the service does when it checks. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

const NOTHING: Prepared = { body: undefined, contentType: undefined };

function bodyOf(body: unknown, announced: number | undefined): Prepared {
  if (body === undefined || body === null || body === '') return NOTHING;
  if (typeof body !== 'string' && (typeof body !== 'object' || !isBody(body))) {
    throw new NetError('INVALID', 'the body is neither text nor bytes nor a stream', { reach: 'unsent' });
  }
  const { body: made } = prepareBody(body as BodyInput);
  // The length that was announced is taken for a stream's own; whether it is, is checked as it goes out.
  const sized = typeof made === 'object' && 'open' in made ? withBytes(made, announced) : made;
  return { body: sized, contentType: undefined };
}

function withBytes(body: BodyProducer, announced: number | undefined): BodyProducer {
  return { bytes: body.bytes ?? announced, repeatable: body.repeatable, open: () => body.open() };
}

function isBody(body: object): boolean {
  return (
    body instanceof Readable ||
    body instanceof ReadableStream ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    Symbol.asyncIterator in body
  );
}
