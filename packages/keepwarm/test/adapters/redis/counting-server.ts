/** A real HTTP server that writes down when each request came: the peer whose count is the one that matters. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { performance } from 'node:perf_hooks';

export interface CountingServer {
  readonly port: number;
  /** Instants, in ms, of every request so far. */
  readonly arrivals: number[];
  close(): void;
}

/** @param delayMs the most a reply may take, drawn evenly; requests come in any order then */
export async function countingServer(delayMs = 0): Promise<CountingServer> {
  const arrivals: number[] = [];
  const server = createServer((request, response) => {
    arrivals.push(performance.now());
    request.resume();
    if (delayMs === 0) response.end('ok');
    else setTimeout(() => response.end('ok'), Math.random() * delayMs);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, arrivals, close };
}

/** The most that came in any window of this length. */
export function busiestWindow(arrivals: readonly number[], windowMs: number): number {
  let most = 0;
  let oldest = 0;
  for (const [i, at] of arrivals.entries()) {
    while (arrivals[oldest]! + windowMs <= at) oldest++;
    most = Math.max(most, i - oldest + 1);
  }
  return most;
}

/** How much of what a limit permits was used from the first request to the last, 1 being all of it. */
export function usedShare(arrivals: readonly number[], limit: number, windowMs: number): number {
  const lengthMs = arrivals.at(-1)! - arrivals[0]!;
  return arrivals.length / (limit * (Math.floor(lengthMs / windowMs) + 1));
}
