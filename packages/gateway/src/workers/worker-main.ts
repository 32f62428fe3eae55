/** The process of one worker: started by the home process, and by nobody else. */
import type { ToWorker } from './words.ts';
import { Worker } from './worker.ts';

const worker = new Worker(
  (word) => process.send?.(word, undefined, {}, () => undefined), // whoever does not hear it any more is gone
  () => process.exit(0),
);

process.on('message', (word) => worker.hear(word as ToWorker));
// The home process hears them too, where they are meant for all, and says what is to be done.
process.on('SIGINT', () => undefined).on('SIGHUP', () => undefined);
process.on('SIGTERM', () => void worker.stop());
process.send?.({ say: 'hello' });
