/**
 * The process of one Node proxy that the gateway is compared with; it loads that proxy alone. Each as its own
 * documentation has it for speed: connections to the upstream kept alive, no log, no header of its own.
 */
import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import httpProxy from '@fastify/http-proxy';
import fastify from 'fastify';
import legacy from 'http-proxy';

/** Nothing ends a caller's connection while a slice runs. */
const KEEP_ALIVE_MS = 3_600_000;

async function startLegacy(upstream: string, socketsMax: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax, maxFreeSockets: socketsMax });
  const proxy = legacy.createProxyServer({ target: upstream, agent });
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) =>
    proxy.web(request, response, {}, () => response.destroy()),
  );
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => resolve()));
  return (server.address() as AddressInfo).port;
}

async function startFastify(upstream: string, socketsMax: number): Promise<number> {
  const server = fastify({ logger: false, keepAliveTimeout: KEEP_ALIVE_MS });
  await server.register(httpProxy, { upstream, undici: { connections: socketsMax, pipelining: 1 } });
  await server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
  return (server.server.address() as AddressInfo).port;
}

const [kind = '', upstream = '', socketsMax = '50'] = process.argv.slice(2);
const start = kind === 'http-proxy' ? startLegacy : startFastify;
process.on('disconnect', () => process.exit(0));
process.send?.({ port: await start(upstream, Number(socketsMax)) });
