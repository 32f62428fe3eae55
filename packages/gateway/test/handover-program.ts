/**
 * Two workers that share a port, one of which is stopped, handed connections, and killed: run under each line of
 * Node.js, whose own messages `workers/handover.ts` reads. Prints how many callers were answered. With `without`,
 * nothing is read.
 */
import processes from 'node:cluster';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { rescueHandovers } from '../src/workers/handover.ts';

const CALLERS = 6;
const rescued = process.argv[2] !== 'without';

if (processes.isWorker) {
  createServer((_, response) => response.end('here')).listen(0, '127.0.0.1');
} else {
  let listening = 0;
  for (let i = 0; i < 2; i++) {
    const worker = processes.fork();
    if (rescued) rescueHandovers(worker.process, () => true);
    worker.on('listening', ({ port }: AddressInfo) => {
      if (++listening === 2) void tried(port);
    });
  }
}

async function tried(port: number): Promise<void> {
  const [stopped, other] = Object.values(processes.workers ?? {});
  process.kill(stopped!.process.pid!, 'SIGSTOP');
  let answered = 0;
  const callers = Array.from({ length: CALLERS }, () => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.0\r\n\r\n'));
    socket.once('data', () => void answered++).on('error', () => undefined);
    return new Promise((resolve) => socket.on('close', resolve));
  });
  // One is handed to each worker, and another one when it has said that it has the first.
  while (answered < CALLERS - 1) await new Promise((resolve) => setTimeout(resolve, 10));
  const before = answered;
  process.kill(stopped!.process.pid!, 'SIGKILL');
  const late = new Promise((resolve) => setTimeout(resolve, rescued ? 30_000 : 2_000));
  await Promise.race([Promise.all(callers), late]);
  process.stdout.write(`answered ${before}, then ${answered} of ${CALLERS}\n`);
  other!.process.kill('SIGKILL');
  process.exit(0);
}
