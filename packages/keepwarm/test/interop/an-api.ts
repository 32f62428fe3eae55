/** An API as several vendors shape theirs, that counts who comes and fails when told to: for clients run unmodified. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyPair } from '../../src/testing/certificates.ts';

export interface Api {
  readonly url: string;
  /** Connections accepted. */
  readonly connections: number;
  /** HTTP requests received. */
  readonly requests: number;
  /** The last request's. */
  readonly seen: Seen;
  /** Answers everything with this status from now on; 200 to be well again. */
  fail(status: number): void;
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

type Route = (seen: Seen, response: ServerResponse) => void | Promise<void>;

const json = (response: ServerResponse, value: unknown) =>
  void response.setHeader('content-type', 'application/json').end(JSON.stringify(value));

const asked = ({ body }: Seen) => JSON.parse(body.toString()) as Record<string, unknown>;

const COMPLETION = { id: 'c1', object: 'chat.completion', created: 1, model: 'm' };

/** `POST /v1/chat/completions` of OpenAI, streamed or whole. */
const completions: Route = async (seen, response) => {
  const message = { role: 'assistant', content: 'hello' };
  if (asked(seen)['stream'] !== true) {
    return json(response, { ...COMPLETION, choices: [{ index: 0, message, finish_reason: 'stop' }] });
  }
  response.setHeader('content-type', 'text/event-stream');
  for (const content of ['he', 'll', 'o']) {
    const choices = [{ index: 0, delta: { content }, finish_reason: null }];
    response.write(`data: ${JSON.stringify({ ...COMPLETION, object: 'chat.completion.chunk', choices })}\n\n`);
    await sleep(2);
  }
  response.end('data: [DONE]\n\n');
};

/** `GET /repos/{owner}/{repo}/issues` of GitHub, in pages of two. */
const issues: Route = ({ path, headers }, response) => {
  const page = Number(new URL(path, 'http://x').searchParams.get('page') ?? 1);
  const next = `http://${headers.host}${path.split('?')[0]}?per_page=2&page=${page + 1}`;
  if (page < 3) response.setHeader('link', `<${next}>; rel="next"`);
  json(response, [{ number: page * 2 - 1 }, { number: page * 2 }]);
};

const graphql: Route = (seen, response) => {
  const { variables } = asked(seen) as { variables: { id: number } };
  json(response, { data: { thing: { id: variables.id } } });
};

/** Objects of S3, kept in memory: PUT, GET, HEAD, DELETE and a listing. */
function bucket(): Route {
  const objects = new Map<string, Seen>();
  const tag = (body: Buffer) => `"${createHash('md5').update(body).digest('hex')}"`;
  return (seen, response) => {
    const key = seen.path.split('?')[0]!;
    if (seen.method === 'PUT') {
      objects.set(key, seen);
      return void response.setHeader('etag', tag(seen.body)).end();
    }
    if (seen.method === 'DELETE') return void response.writeHead(objects.delete(key) ? 204 : 404).end();
    if (seen.path.includes('list-type=2')) {
      const keys = [...objects.keys()].map(
        (each) => `<Contents><Key>${each.slice('/bucket/'.length)}</Key></Contents>`,
      );
      response.setHeader('content-type', 'application/xml');
      return void response.end(`<ListBucketResult>${keys.join('')}</ListBucketResult>`);
    }
    const object = objects.get(key);
    if (object === undefined) {
      response.writeHead(404, { 'content-type': 'application/xml' });
      return void response.end('<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>');
    }
    const { 'content-encoding': coding, 'x-amz-checksum-crc32': sum } = object.headers;
    if (typeof coding === 'string' && coding !== 'aws-chunked') response.setHeader('content-encoding', coding);
    if (typeof sum === 'string') response.setHeader('x-amz-checksum-crc32', sum);
    response.setHeader('etag', tag(object.body)).setHeader('content-length', object.body.length);
    response.end(seen.method === 'HEAD' ? undefined : object.body);
  };
}

/** What S3 says when it is too busy; the others say less. */
const SLOW_DOWN = '<Error><Code>SlowDown</Code><Message>slow down</Message></Error>';

/** @param certificate for an API over TLS, which says that it can speak HTTP/1.1 only */
export async function anApi(t: TestContext, certificate?: KeyPair): Promise<Api> {
  const counts = { connections: 0, requests: 0, status: 200, seen: undefined as Seen | undefined };
  const objects = bucket();
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    counts.requests++;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', headers } = request;
    const seen = { method, path, headers, body: Buffer.concat(chunks) };
    counts.seen = seen;
    if (counts.status !== 200) {
      return void response.writeHead(counts.status).end(path.startsWith('/bucket') ? SLOW_DOWN : '{"message":"no"}');
    }
    if (path.startsWith('/v1/chat/')) return completions(seen, response);
    if (path.startsWith('/repos/')) return issues(seen, response);
    if (path.startsWith('/graphql')) return graphql(seen, response);
    if (path.startsWith('/bucket')) return objects(seen, response);
    return json(response, { path, authorization: headers.authorization });
  };
  const server: Server =
    certificate === undefined ? createServer(serve) : createSecureServer({ ...certificate }, serve);
  server.on('connection', () => counts.connections++);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: certificate === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    get connections() {
      return counts.connections;
    },
    get requests() {
      return counts.requests;
    },
    get seen() {
      if (counts.seen === undefined) throw new Error('nobody has asked yet');
      return counts.seen;
    },
    fail(status) {
      counts.status = status;
    },
  };
}
