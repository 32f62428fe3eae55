/**
 * A caller's Subscribe as a monitor of the multiplexer: its requests go in as they come, its updates go out as bytes,
 * many to a write.
 */
import { type GrpcError, PREFIX_BYTES } from 'keepwarm/grpc';
import type { Monitor, MonitorUpdate, Multiplexer } from 'keepwarm/multiplexer';
import { Blocks } from './blocks.ts';
import type { GrpcCall } from './call.ts';
import { timeoutMs } from './fields.ts';

/** Bytes that are put together before they are written. */
const WRITE_BYTES = 64 * 1024;
const SHORT_BYTES = 48;
/** For all subscriptions of the process. */
const BLOCKS = new Blocks();

export function subscribe(call: GrpcCall, multiplexer: Multiplexer, name: string): void {
  const deadlineMs = timeoutMs(call.headers['grpc-timeout'] as string | undefined);
  if (deadlineMs === undefined) return call.refused('INTERNAL', 'grpc-timeout is not one');
  let monitor: Monitor;
  try {
    monitor = multiplexer.monitor({ name });
  } catch (error) {
    return call.fail(error);
  }
  call.begin();
  const late = (): void => {
    call.end('DEADLINE_EXCEEDED');
    monitor.close(); // a caller that reads nothing learns it when it does, and is fed no longer
  };
  const deadline = deadlineMs <= TIMER_MS_MAX ? setTimeout(late, deadlineMs) : undefined;
  call.signal.addEventListener('abort', () => {
    clearTimeout(deadline);
    monitor.close();
  });
  const pump = new Pump(call, monitor);
  monitor.attend(() => pump.soon());
  void ask(call, monitor);
}

/** The longest delay of a timer of Node. */
const TIMER_MS_MAX = 2_147_483_647;

/** A caller that has nothing more to ask goes on being told. */
async function ask(call: GrpcCall, monitor: Monitor): Promise<void> {
  try {
    for await (const request of call.messages()) monitor.write(request);
  } catch (error) {
    if (!call.over) monitor.fail(error as GrpcError);
  }
}

/** Writes what waits: what came in one turn of the event loop in one write, and no more than the caller takes. */
class Pump {
  readonly #call: GrpcCall;
  readonly #monitor: Monitor;
  #busy = false;
  #block: Buffer | undefined;
  #bytes = 0;

  constructor(call: GrpcCall, monitor: Monitor) {
    this.#call = call;
    this.#monitor = monitor;
  }

  soon(): void {
    if (this.#busy) return;
    this.#busy = true;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    const [call, monitor] = [this.#call, this.#monitor];
    while (this.#fill() && !call.over) {
      const block = this.#block!;
      if (!call.write(block.subarray(0, this.#bytes), () => BLOCKS.give(block))) await call.drained();
    }
    this.#busy = false;
    if (monitor.error !== undefined) call.fail(monitor.error);
  }

  /** @returns whether there was anything to be written; then it is in the block */
  #fill(): boolean {
    const updates: MonitorUpdate[] = [];
    let bytes = 0;
    while (bytes < WRITE_BYTES) {
      const update = this.#monitor.read();
      if (update === undefined) break;
      updates.push(update);
      bytes += PREFIX_BYTES + update.told.head.length + update.body.length;
    }
    if (updates.length === 0) return false;
    const block = BLOCKS.take(bytes);
    let at = 0;
    for (const { told, body } of updates) at = framedInto(block, at, told.head, body);
    this.#block = block;
    this.#bytes = bytes;
    return true;
  }
}

/** A message in two parts, with its prefix. @returns where the next one begins */
function framedInto(block: Buffer, from: number, head: Buffer, body: Buffer): number {
  const length = head.length + body.length;
  block[from] = 0;
  block[from + 1] = length >>> 24;
  block[from + 2] = length >>> 16;
  block[from + 3] = length >>> 8;
  block[from + 4] = length;
  let at = from + PREFIX_BYTES;
  // Names are short: a call of `set` costs more than the bytes.
  if (head.length > SHORT_BYTES) block.set(head, at);
  else for (let i = 0; i < head.length; i++) block[at + i] = head[i]!;
  at += head.length;
  block.set(body, at);
  return at + body.length;
}
