/**
 * The process of the demo's upstream and of its callers, apart from the gateway's so that neither slows the other.
 * Says where it listens and what to trust, starts the load when told the gateway's port, and ends with its parent.
 */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { selfSigned, startDistance } from 'keepwarm/testing';
import { type DemoNode, startChain } from './chain.ts';
import { type DemoGeyser, startGeyser } from './geyser.ts';
import { startLoad } from './load.ts';
import { market } from './upstream-server.ts';

export interface DemoReady {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  /** JSON-RPC nodes of one chain, over plain HTTP. */
  readonly nodes: readonly DemoNode[];
  /** The Geyser server, where there is one. */
  readonly geyser: string | undefined;
}

/** Where to send calls to; nowhere any more when it is left out. */
export interface DemoOrder {
  readonly gatewayPort?: number | undefined;
  readonly grpcPort?: number | undefined;
}

/** As the next region over: 40 ms there and back. */
const ONE_WAY_MS = 20;
/** Servers end connections, too; the page shows what becomes of it. */
const REQUESTS_PER_SOCKET = 400;

process.on('disconnect', () => process.exit(0));

let geyser: DemoGeyser | undefined;
let endLoad = (): void => undefined;
process.on('message', ({ gatewayPort, grpcPort }: DemoOrder) => {
  endLoad();
  geyser?.watch(grpcPort);
  if (gatewayPort !== undefined) endLoad = startLoad(gatewayPort);
});
// Signals of a terminal go to every process; this one ends after the gateway, or calls under way would fail.
process.on('SIGINT', () => undefined).on('SIGTERM', () => undefined);

const { cert, key } = selfSigned({ names: [process.argv[2] ?? 'localhost'] });
const server = createServer({ cert, key, keepAliveTimeout: 30_000 }, market);
server.maxRequestsPerSocket = REQUESTS_PER_SOCKET;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const near = server.address() as AddressInfo;
const { port } = await startDistance({ port: near.port, oneWayMs: ONE_WAY_MS });
geyser = await startGeyser();
const ready = { port, ca: cert, nodes: await startChain(), geyser: geyser?.target } satisfies DemoReady;
process.send?.(ready, undefined, undefined, (error) => {
  if (error !== null) process.exit(); // the demo was ended before it began
});
