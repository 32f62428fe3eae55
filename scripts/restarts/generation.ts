/** One generation of a service: it takes over a port, counts by key what it is asked, and ends one way or the other. */
import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { KeyPair } from '../../packages/keepwarm/src/testing/certificates.ts';

/** `leaving`: GOAWAY, and the end once the last call is answered. `dying`: every connection reset at once. */
export type Ending = 'leaving' | 'dying';

export interface GenerationOptions {
  /** 0 for any that is free. Old and new listen side by side for a moment, as behind any orchestrator. */
  readonly port: number;
  readonly identity: KeyPair;
  /** By path, how often it was asked for; shared by all generations. */
  readonly seen: Map<string, number>;
  readonly answerMs: number;
}

export class Generation {
  underWay = 0;
  readonly #server: Http2SecureServer;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor({ identity, seen, answerMs }: GenerationOptions) {
    this.#server = createSecureServer(identity, (request, response) => {
      const { url } = request;
      seen.set(url, (seen.get(url) ?? 0) + 1);
      this.underWay++;
      response.on('close', () => this.underWay--).on('error', () => {});
      request.on('error', () => {}).resume(); // its caller hears of it
      setTimeout(() => response.end(url), Math.random() * answerMs);
    });
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session)).on('error', () => {});
    });
    this.#server.on('tlsClientError', () => {}).on('sessionError', () => {});
  }

  static async start(options: GenerationOptions): Promise<Generation> {
    const generation = new Generation(options);
    const server = generation.#server;
    server.listen({ port: options.port, host: '127.0.0.1', reusePort: true });
    await once(server, 'listening');
    return generation;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  end(how: Ending): void {
    this.#server.close();
    for (const session of this.#sessions) {
      if (how === 'leaving') session.close();
      else session.destroy();
    }
  }
}
