/** The admin listener: status page, `/api/stats`, `/metrics`, `/livez` and `/readyz`. It reads, and changes nothing. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostsOf, objection, setSafeHeaders } from './guard.ts';
import type { GatewayMetrics } from './metrics.ts';
import { pageFiles } from './page-files.ts';
import { type Snapshot, toJson } from './snapshot.ts';

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';

export class AdminServer {
  readonly server: Server;
  readonly #snapshot: () => Snapshot;
  readonly #metrics: GatewayMetrics;
  readonly #files = pageFiles();
  #hosts: ReadonlySet<string> = new Set();

  constructor(snapshot: () => Snapshot, metrics: GatewayMetrics) {
    this.#snapshot = snapshot;
    this.#metrics = metrics;
    this.server = createServer({ maxHeaderSize: 16 * 1024 }, (request, response) => this.#handle(request, response));
  }

  /** @throws the system's error, e.g. `EADDRINUSE` */
  async listen(host: string, port: number): Promise<AddressInfo> {
    this.server.listen(port, host);
    await once(this.server, 'listening');
    const address = this.server.address() as AddressInfo;
    this.#hosts = hostsOf({ host, port: address.port });
    return address;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    setSafeHeaders(response);
    const refused = objection(request, this.#hosts);
    if (refused !== undefined) return send(response, refused.status, TEXT_TYPE, `${refused.detail}\n`);
    const path = request.url?.split('?', 1)[0] ?? '';
    switch (path) {
      case '/api/stats':
        return send(response, 200, JSON_TYPE, toJson(this.#snapshot()));
      case '/metrics':
        return void this.#tellMetrics(request, response);
      case '/livez':
        return send(response, 200, TEXT_TYPE, 'alive\n');
      case '/readyz': {
        const { state } = this.#snapshot();
        return send(response, state === 'ready' ? 200 : 503, TEXT_TYPE, `${state}\n`);
      }
    }
    const file = this.#files.get(path);
    if (file === undefined) return send(response, 404, TEXT_TYPE, 'there is nothing here\n');
    send(response, 200, file.type, file.content);
  }

  async #tellMetrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('vary', 'accept');
    const { contentType, body } = await this.#metrics.answer(request.headers.accept);
    send(response, 200, contentType, body);
  }
}

function send(response: ServerResponse, status: number, type: string, content: string | Buffer): void {
  const bytes = Buffer.from(content);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}
