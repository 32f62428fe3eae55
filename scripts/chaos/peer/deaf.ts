/**
 * A port at which nothing is answered, not even a SYN: what a firewall that drops packets looks like, on loopback. A
 * thread listens with the shortest backlog there is and then stands still, so that nothing is ever accepted; two
 * connections of ours fill the backlog, and the system drops every further SYN.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';

/** Connections that the system completes for a backlog of 1 (Linux: one more than it). */
const BACKLOG_HOLDS = 2;

const LISTENER = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:net').createServer();
server.listen({ port: 0, host: workerData, backlog: 1 }, () => {
  parentPort.postMessage(server.address().port);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
`;

export interface DeafServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function startDeafServer(host: string): Promise<DeafServer> {
  const listener = new Worker(LISTENER, { eval: true, workerData: host });
  const [port] = (await once(listener, 'message')) as [number];
  const filling: Socket[] = [];
  for (let i = 0; i < BACKLOG_HOLDS; i++) {
    const socket = connect(port, host);
    socket.on('error', () => undefined); // it ends with the listener
    filling.push(socket);
    await once(socket, 'connect');
  }
  return {
    port,
    async close() {
      for (const socket of filling) socket.destroy();
      await listener.terminate();
    },
  };
}
