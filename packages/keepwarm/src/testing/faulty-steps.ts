/** What a faulty server can do about a request, ready made. A step is a function: write your own where these end. */
import type { FaultyConnection } from './faulty-connection.ts';
import type { FaultyRequest } from './faulty-request.ts';

/** Deals with one request. The next request on the connection is dealt with once this has settled. */
export type Step = (request: FaultyRequest, connection: FaultyConnection) => void | Promise<void>;

export interface AnswerOptions {
  /** Default 200. */
  readonly status?: number | undefined;
  readonly headers?: Readonly<Record<string, string | number>> | undefined;
  /** How the client learns where the body ends. Default `length`. */
  readonly framing?: 'length' | 'chunked' | 'close' | undefined;
}

/** A whole reply as bytes. */
export function replyBytes(body: string | Uint8Array = '', options: AnswerOptions = {}): Buffer {
  const { status = 200, headers = {}, framing = 'length' } = options;
  const bytes = Buffer.from(body);
  let head = `HTTP/1.1 ${status} ${status === 200 ? 'OK' : 'Told'}\r\n`;
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
  if (framing === 'length') head += `Content-Length: ${bytes.length}\r\n`;
  if (framing === 'chunked') head += 'Transfer-Encoding: chunked\r\n';
  if (framing === 'close') head += 'Connection: close\r\n';
  const content = framing === 'chunked' ? Buffer.concat([chunk(bytes), LAST_CHUNK]) : bytes;
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), content]);
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** One chunk of a chunked body; nothing for no bytes, since an empty chunk would end the body. */
export function chunk(data: string | Uint8Array): Buffer {
  const bytes = Buffer.from(data);
  if (bytes.length === 0) return bytes;
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

/** A proper reply, once the request has arrived in full. */
export const answer =
  (body: string | Uint8Array = 'ok', options: AnswerOptions = {}): Step =>
  async (request, connection) => {
    await request.body;
    await connection.send(replyBytes(body, options));
    if (options.framing === 'close') connection.end();
  };

/** Sends bytes as they are as soon as the request's head is there, each part in a write of its own. */
export const send =
  (...parts: readonly (string | Uint8Array)[]): Step =>
  async (_request, connection) => {
    for (const part of parts) await connection.send(part);
  };

/** Takes the request and says nothing. */
export const silence: Step = () => {};

/** Ends our side (FIN). */
export const hangUp: Step = (_request, connection) => connection.end();

/** Resets the connection (RST). */
export const reset: Step = (_request, connection) => connection.reset();

/** Waits for the whole of the request. */
export const readBody: Step = async (request) => void (await request.body);

/** Waits, in ms. */
export const pause =
  (ms: number): Step =>
  (_request, connection) =>
    connection.wait(ms);

/** Sends byte by byte, `everyMs` apart. */
export const dribble =
  (data: string | Uint8Array, everyMs: number): Step =>
  (_request, connection) =>
    connection.dribble(data, everyMs);

/** Several steps about one and the same request. */
export const inOrder =
  (...steps: readonly Step[]): Step =>
  async (request, connection) => {
    for (const step of steps) await step(request, connection);
  };

/** A step for each request in the order in which they reach the server; the last one is for all that follow. */
export const oneByOne = (first: Step, ...others: readonly Step[]): Step => {
  const steps = [first, ...others];
  let next = 0;
  return (request, connection) => steps[Math.min(next++, steps.length - 1)]!(request, connection);
};

/** A script for each connection in the order in which they were accepted; the last one is for all that follow. */
export const byConnection = (first: Step, ...others: readonly Step[]): Step => {
  const scripts = [first, ...others];
  return (request, connection) => scripts[Math.min(connection.id, scripts.length) - 1]!(request, connection);
};
