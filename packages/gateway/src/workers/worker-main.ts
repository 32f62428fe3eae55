/** The process of one worker: started by the home process, and by nobody else. */
import { BEAT_MS } from './pulse.ts';
import type { FromWorker, ToWorker } from './words.ts';
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

// From a timer: it says that everything else has its turn as well. One at a time, as who is to hear it may be stopped.
let said = true;
setInterval(() => {
  if (!said) return;
  said = false;
  const word: FromWorker = { say: 'alive' };
  process.send?.(word, undefined, {}, () => (said = true));
}, BEAT_MS).unref();
