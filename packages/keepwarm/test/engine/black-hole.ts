/**
 * An address that lets nobody in and refuses nobody: a listener whose owner sleeps, behind a backlog that is full. The
 * system then drops what knocks (Linux: SYNs beyond the accept queue), which is what a firewall or a dead host looks
 * like.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

const LISTENER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ ...workerData, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)); // accepts nothing, ever
  });
`;

/** @returns the port of the black hole at `host` */
export async function aBlackHole(t: TestContext, host = '127.0.0.1', port = 0): Promise<number> {
  const worker = new Worker(LISTENER, { eval: true, workerData: { host, port } });
  const fillers: Socket[] = [];
  t.after(async () => {
    for (const filler of fillers) filler.destroy();
    await worker.terminate();
  });
  const [taken] = (await once(worker, 'message')) as [number];
  await sleep(20); // it goes to sleep
  for (let full = false; !full && fillers.length < 16; ) {
    const filler = connect(taken, host).on('error', () => undefined);
    fillers.push(filler);
    full = !(await Promise.race([once(filler, 'connect').then(() => true), sleep(100, false)]));
  }
  return taken;
}
