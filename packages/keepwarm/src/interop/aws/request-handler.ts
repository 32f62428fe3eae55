/**
 * A RequestHandler for clients of the AWS SDK 3, over a client of ours: HTTP/2 where it is on, breakers, limits,
 * repeats of what was never answered. `keepwarmAgents` lend the SDK connections; this one makes its requests calls.
 */

import { Client, type ClientOptions, doorOf } from '../../clients/client.ts';
import { NetError } from '../../core/error.ts';
import { checkOptions } from '../../core/refusal.ts';
import type { Reply } from '../../core/reply.ts';
import { asNodeError } from '../node-http/errors.ts';
import { readableOf } from './reply-stream.ts';
import { type AwsRequest, callOf } from './request.ts';

/** What the SDK takes for a response, by its shape. */
export interface AwsResponse {
  readonly statusCode: number;
  readonly reason: string;
  readonly headers: Record<string, string>;
  readonly body: import('node:stream').Readable;
}

/** As the SDK hands it over with each request. */
export interface AwsHandlerOptions {
  readonly abortSignal?: unknown;
  /** The longest to wait for the head of the reply, in ms; 0 for the client's own `limits.firstByteMs`. */
  readonly requestTimeout?: number | undefined;
}

/** Of the shape of the SDK's `HttpHandler`, so it can be given as `requestHandler` as it is. */
export interface AwsRequestHandler {
  readonly metadata: { readonly handlerProtocol: string };
  /** The client the calls are made with. */
  readonly client: Client;
  handle(request: AwsRequest, options?: AwsHandlerOptions): Promise<{ response: AwsResponse }>;
  updateHttpClientConfig(key: string, value: unknown): void;
  httpHandlerConfigs(): object;
  /** As the SDK's `destroy()` calls it: closes the client if it was made for this handler. */
  destroy(): void;
  /** Lets calls under way finish, and closes the client if it was made for this handler. */
  close(): Promise<void>;
}

/** The SDK decodes nothing, since its checksums are of the bytes as they are stored, and retries by itself. */
const PLAIN: ClientOptions = { decompress: false, defaultHeaders: false, retry: false, breaker: false };

/**
 * `new S3Client({ requestHandler: awsRequestHandler(client), maxAttempts: 1 })`.
 *
 * Made from options, it has a client of its own, which by default neither decodes nor repeats nor breaks. A client it
 * is given stays its owner's and should be made with `decompress: false`: the checksum of an object that is stored
 * compressed is of its compressed bytes.
 *
 * @throws NetError `INVALID` naming the option that is not acceptable
 */
export function awsRequestHandler(given: Client | ClientOptions = {}): AwsRequestHandler {
  const owned = !(given instanceof Client);
  if (owned) checkOptions('what awsRequestHandler was given', given);
  const client = owned ? new Client({ ...PLAIN, ...given }) : given;
  const door = doorOf(client);
  let requestTimeout = 0;
  const close = () => (owned ? client.close() : Promise.resolve());
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    client,
    async handle(request, options = {}) {
      const signal = signalOf(options.abortSignal);
      try {
        if (signal?.aborted) throw abortError(signal);
        const made = callOf(door, request, signal);
        const firstByteMs = options.requestTimeout || requestTimeout || made.limits.firstByteMs;
        const reply = await door.send({ ...made, limits: { ...made.limits, firstByteMs } }, 'manual');
        return { response: responseOf(request.method, reply, signal) };
      } catch (error) {
        return door.turnstile().refuse(worded(error, signal));
      }
    },
    updateHttpClientConfig(key, value) {
      if (key === 'requestTimeout' && typeof value === 'number' && value >= 0) requestTimeout = value;
    },
    httpHandlerConfigs: () => ({ requestTimeout }),
    destroy: () => void close(),
    close,
  };
}

function responseOf(method: string, reply: Reply, signal: AbortSignal | undefined): AwsResponse {
  const headers: Record<string, string> = {};
  for (const [given, value] of reply.headers.list) {
    const name = given.toLowerCase();
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  const body = method === 'HEAD' ? new Uint8Array() : reply.take();
  if (method === 'HEAD') reply.discard();
  return {
    statusCode: reply.status,
    reason: reply.statusText,
    headers,
    body: readableOf(body, (error) => worded(error, signal)),
  };
}

/** By names and codes from which the SDK tells whether to try again. */
function worded(thrown: unknown, signal: AbortSignal | undefined): Error {
  if (signal?.aborted) return abortError(signal);
  const error = asNodeError(thrown);
  if (thrown instanceof NetError && (thrown.code === 'TIMEOUT' || thrown.code === 'DEADLINE'))
    error.name = 'TimeoutError';
  return error;
}

function abortError(signal: AbortSignal): Error {
  return Object.assign(new Error('Request aborted', { cause: signal.reason }), { name: 'AbortError' });
}

/** The SDK also has a signal of its own make, which is older than the platform's. */
function signalOf(given: unknown): AbortSignal | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  if (given instanceof AbortSignal) return given;
  const older = given as { readonly aborted?: boolean; onabort?: (() => void) | null };
  const controller = new AbortController();
  if (older.aborted) controller.abort();
  else if ('onabort' in older) older.onabort = () => controller.abort();
  return controller.signal;
}
