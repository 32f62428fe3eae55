/**
 * The same replies from Node, in a pinned process of its own: for machines without nginx, and for the `s2` scenario,
 * which wants to know how many connections its clients really opened.
 */
import { startChild } from './child-server.ts';
import { type BenchServer, openConnections } from './server.ts';

export interface Accepted {
  readonly connections: number;
  readonly requests: number;
}

export interface NodeServer extends BenchServer {
  /** What was accepted on the cleartext port since the server started. */
  accepted(): Promise<Accepted>;
}

interface Ready {
  readonly http: string;
  readonly tls: string;
  readonly tlsFull: string;
  readonly h2: string;
  readonly ca: string;
}

export async function startNode(): Promise<NodeServer> {
  const main = new URL('./node-main.ts', import.meta.url);
  const { ready, ask, close } = await startChild<Ready>('the Node server', main);
  return {
    kind: 'node',
    ...ready,
    connections: () => openConnections(ready.http),
    accepted: async () => (await ask('accepted')) as Accepted,
    close,
  };
}
