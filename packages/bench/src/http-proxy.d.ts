/** What the benchmark uses of `http-proxy`, which comes without types. */
declare module 'http-proxy' {
  import type { Agent, IncomingMessage, ServerResponse } from 'node:http';

  interface Server {
    web(request: IncomingMessage, response: ServerResponse, options: object, failed: () => void): void;
  }
  const httpProxy: { createProxyServer(options: { target: string; agent: Agent }): Server };
  export = httpProxy;
}
