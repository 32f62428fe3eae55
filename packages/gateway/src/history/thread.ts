/** Questions to the thread with the database, each with a limit of time: a disk that hangs holds up nobody. */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { StoreOptions } from './store.ts';
import type { Question, Reply } from './worker.ts';

/** Longer than SQLite waits for whoever else has the file open. */
const PATIENCE_MS = 5_000;
/** Questions that wait at once; one more is refused. */
const WAITING_MAX = 32;

const MAIN = new URL(`./worker${extname(import.meta.url)}`, import.meta.url);

export class Thread {
  readonly #options: StoreOptions;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #worker: Worker | undefined;
  /** One that was told to end and has not: it waits for the disk, and no second one is sent after it. */
  #ending: Promise<unknown> | undefined;
  #last = 0;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** Never throws: what went wrong is the answer. The thread is started by the first question. */
  async ask(question: Question): Promise<Reply> {
    if (this.#waiting.size >= WAITING_MAX) return { ok: false, reason: `${WAITING_MAX} questions wait for the disk` };
    if (this.#ending !== undefined) return { ok: false, reason: 'the disk has not answered the last question yet' };
    const id = ++this.#last;
    return new Promise((resolve) => {
      const giveUp = setTimeout(() => {
        this.#fail(`the disk has not answered for ${PATIENCE_MS} ms`);
      }, PATIENCE_MS);
      giveUp.unref();
      this.#waiting.set(id, (reply) => {
        clearTimeout(giveUp);
        resolve(reply);
      });
      try {
        this.#worker ??= this.#start();
        this.#worker.ref(); // the process does not end in the middle of an answer, and not because of a thread
        this.#worker.postMessage({ id, question });
      } catch (error) {
        this.#fail(error instanceof Error ? error.message : String(error));
      }
    });
  }

  /** Ends the thread, after what it is at. Twice is harmless. */
  async close(): Promise<void> {
    if (this.#worker === undefined) return;
    await this.ask({ ask: 'close' });
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(MAIN, { workerData: this.#options, stdin: false });
    worker.unref();
    worker.on('message', ({ id, reply }: { id: number; reply: Reply }) => {
      const resolve = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) worker.unref();
      resolve?.(reply);
    });
    worker.on('error', (error) => this.#fail(error instanceof Error ? error.message : String(error), worker));
    return worker;
  }

  /** All who wait are told; the next question starts another thread. */
  #fail(reason: string, whose: Worker | undefined = this.#worker): void {
    if (whose === this.#worker) this.#worker = undefined;
    const ending = whose?.terminate().finally(() => {
      if (this.#ending === ending) this.#ending = undefined;
    });
    this.#ending = ending;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const resolve of waiting) resolve({ ok: false, reason });
  }
}
