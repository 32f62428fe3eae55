/**
 * Records what a service answers, and plays it back: a server on loopback to point your code at, whatever client it
 * uses. Recording, it passes requests on to the service and keeps the exchanges; playing, it is the service.
 *
 *     const mode = process.env.RECORD ? 'record' : 'replay';
 *     const tape = await startTape({ file: 'test/orders.tape.json', target: 'https://api.example.com', mode });
 *     const client = createClient({ origin: tape.origin });
 *     ...
 *     await tape.close();                       // writes the file, when it was recording
 *     assert.deepEqual(tape.unmatched, []);
 *
 * Invariants:
 *   (1) No secret reaches the file: see redact.ts. Requests are redacted before they are compared, too.
 *   (2) Each exchange is played once; equal requests get their replies in the order of the recording.
 *   (3) What was not recorded is answered with 501 and named in `unmatched`; nothing leaves the machine.
 *   (4) What does not fit the limits is answered with 502 and makes `close()` fail, so that no part of a recording
 *       passes for the whole.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Client, type ClientOptions, createClient } from '../clients/client.ts';
import { Redaction, type RedactOptions } from './redact.ts';
import { bodyOf, bytesOf, readTape, type TapeExchange, writeTape } from './tape-file.ts';

export interface TapeOptions {
  /** Where the recording is, or will be once the tape is closed. */
  readonly file: string;
  /** `record` asks `target` and writes the file; `replay` reads it. Default `replay`. */
  readonly mode?: 'record' | 'replay' | undefined;
  /** The origin to record. Needed for that only. */
  readonly target?: string | undefined;
  /** What to keep out of the file beyond what usually is a secret. */
  readonly redact?: RedactOptions | undefined;
  /** How `target` is called while recording, such as `tls` or `proxy`. */
  readonly client?: ClientOptions | undefined;
  /** Exchanges one recording may have. Default 1,000. */
  readonly exchangesMax?: number | undefined;
  /** Bytes one body may have, after decoding. Default 1 MiB. */
  readonly bodyBytesMax?: number | undefined;
}

export interface Tape {
  /** To be called in place of the service: `http://127.0.0.1:port`. */
  readonly origin: string;
  /** Exchanges recorded so far, or not yet played. */
  readonly left: number;
  /** Requests that were not in the recording, as `GET /path`; the first hundred. */
  readonly unmatched: readonly string[];
  /** Ends the server and writes what was recorded. Twice is harmless. @throws when something could not be recorded */
  close(): Promise<void>;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly [string, string][];
  readonly body: Buffer;
}

const UNMATCHED_MAX = 100;
/** Fields of one connection (RFC 9110 § 7.6.1), and those that whoever sends the message on sets anew. */
const OWN = new Set(
  (
    'connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect ' +
    'host content-length accept-encoding'
  ).split(' '),
);

/** @throws for a recording that cannot be read, or a target that is missing */
export async function startTape(options: TapeOptions): Promise<Tape> {
  const deck = options.mode === 'record' ? new Recorder(options) : new Player(options);
  const limit = options.bodyBytesMax ?? 1024 * 1024;
  const server = createServer((request, response) => {
    read(request, limit)
      .then((asked) => deck.answer(asked))
      .then(
        (exchange) => reply(response, exchange, options.target, origin),
        (error: unknown) => response.writeHead(502, PLAIN).end(deck.failed(error)),
      );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  let closing: Promise<void> | undefined;
  return {
    origin,
    get left() {
      return deck.exchanges.length;
    },
    unmatched: deck.unmatched,
    close() {
      server.closeAllConnections();
      if (closing === undefined) server.close();
      closing ??= deck.end();
      return closing;
    },
  };
}

const PLAIN = { 'content-type': 'text/plain' };

class Player {
  readonly exchanges: TapeExchange[];
  readonly unmatched: string[] = [];
  readonly #redaction: Redaction;

  constructor(options: TapeOptions) {
    this.exchanges = readTape(options.file);
    this.#redaction = new Redaction(options.redact);
  }

  async answer(asked: Asked): Promise<TapeExchange> {
    const request = requestOf(asked, this.#redaction);
    const wanted = JSON.stringify(request);
    const index = this.exchanges.findIndex((exchange) => JSON.stringify(exchange.request) === wanted);
    if (index >= 0) return this.exchanges.splice(index, 1)[0]!;
    const name = `${request.method} ${request.path}`;
    if (this.unmatched.length < UNMATCHED_MAX) this.unmatched.push(name);
    const text = `${name} with this body is not in the recording, or was played already\n`;
    return { request, reply: { status: 501, headers: Object.entries(PLAIN), body: { text } } };
  }

  failed(error: unknown): string {
    return String(error);
  }

  async end(): Promise<void> {}
}

class Recorder {
  readonly exchanges: TapeExchange[] = [];
  readonly unmatched: readonly string[] = [];
  readonly #options: TapeOptions;
  readonly #redaction: Redaction;
  readonly #client: Client;
  #failure: Error | undefined;

  constructor(options: TapeOptions) {
    const { target, bodyBytesMax = 1024 * 1024 } = options;
    if (target === undefined) throw new Error('a recording needs a target: the origin that is to be recorded');
    this.#options = options;
    this.#redaction = new Redaction(options.redact);
    const plain: ClientOptions = {
      retry: false,
      breaker: false,
      origin: new URL(target).origin,
      limits: { bodyBytesMax },
    };
    this.#client = createClient({ ...plain, ...options.client });
  }

  async answer(asked: Asked): Promise<TapeExchange> {
    const { file, exchangesMax = 1_000 } = this.#options;
    if (this.exchanges.length >= exchangesMax) {
      throw new Error(`the recording ${file} has ${exchangesMax} exchanges (limit exchangesMax ${exchangesMax})`);
    }
    const { method, path, headers, body } = asked;
    const redaction = this.#redaction;
    const sent = await this.#client.request(path, {
      method,
      headers: headers.filter(([name]) => !OWN.has(name.toLowerCase())),
      ...(body.length === 0 ? {} : { body }),
    });
    const bytes = await sent.bytes();
    const fields = sent.headers.list.filter(([name]) => !OWN.has(name.toLowerCase()));
    const type = sent.headers.get('content-type') ?? '';
    const { status } = sent;
    for (const [name, value] of headers) redaction.header(name, value); // they are not kept, but may be repeated
    const request = requestOf(asked, redaction);
    const kept = fields.map(([name, value]) => [name, redaction.echo(redaction.header(name, value))] as const);
    const keptBody = bodyOf(bytes, (text) => redaction.echo(redaction.body(text, type)));
    this.exchanges.push({ request, reply: { status, headers: kept, body: keptBody } });
    // The caller gets it as it came: what it is told now it may have to say in its next request.
    return { request, reply: { status, headers: fields, body: { base64: Buffer.from(bytes).toString('base64') } } };
  }

  failed(error: unknown): string {
    this.#failure ??= error instanceof Error ? error : new Error(String(error));
    return `not recorded: ${this.#failure.message}\n`;
  }

  async end(): Promise<void> {
    await this.#client.close();
    if (this.#failure !== undefined) throw this.#failure;
    writeTape(this.#options.file, this.exchanges);
  }
}

function requestOf({ method, path, headers, body }: Asked, redaction: Redaction): TapeExchange['request'] {
  const [, type = ''] = headers.find(([name]) => name.toLowerCase() === 'content-type') ?? [];
  const text = bodyOf(body, (given) => redaction.body(given, type));
  return { method, path: redaction.path(path), body: text };
}

async function read(request: IncomingMessage, bytesMax: number): Promise<Asked> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax)
      throw new Error(`a request's body has more than ${bytesMax} bytes (limit bodyBytesMax ${bytesMax})`);
    chunks.push(chunk);
  }
  const { rawHeaders, method = 'GET', url: path = '/' } = request;
  const headers: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) headers.push([rawHeaders[i]!, rawHeaders[i + 1]!]);
  return { method, path, headers, body: Buffer.concat(chunks) };
}

/** Redirects within the service stay here. */
function reply(
  response: ServerResponse,
  { reply: told }: TapeExchange,
  target: string | undefined,
  origin: string,
): void {
  const there = target === undefined ? undefined : new URL(target).origin;
  for (const [name, value] of told.headers) {
    const led = name.toLowerCase() === 'location' && there !== undefined && value.startsWith(there);
    response.appendHeader(name, led ? origin + value.slice(there.length) : value);
  }
  response.writeHead(told.status).end(bytesOf(told.body));
}
