/** A process that opens connections as fast as its provider allows, until it is killed. */
import { connect } from 'node:net';
import { systemClock } from '../../src/core/clock.ts';
import { CONNECTION_RATE_DEFAULTS, ConnectionRate } from '../../src/pool/connection-rate.ts';
import { StartFile } from '../../src/pool/start-file.ts';

const [path, port, limit, windowMs] = process.argv.slice(2) as [string, string, string, string];
const figures = { limit: Number(limit), windowMs: Number(windowMs), reserve: 0, lateMs: 50, attemptMs: 200 };
const store = new StartFile({ path, keepMs: figures.windowMs + figures.lateMs + figures.attemptMs });
const options = { ...CONNECTION_RATE_DEFAULTS, ...figures, name: 'provider' };
const rate = new ConnectionRate(options, { clock: systemClock, store });

async function dial(): Promise<void> {
  const start = await rate.start('growth');
  await new Promise<void>((resolve) => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.once('data', () => {
      start.settled();
      socket.destroy();
      resolve();
    });
    socket.once('error', () => {
      start.settled();
      resolve();
    });
  });
}

setInterval(() => {}, 1_000); // timers of the library keep no process alive
process.send!('dialling');
await Promise.all(
  Array.from({ length: 8 }, async () => {
    for (;;) await dial();
  }),
);
