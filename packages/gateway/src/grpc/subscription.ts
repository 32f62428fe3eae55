/**
 * A caller's Subscribe as a monitor of the multiplexer: its requests go in as they come, its updates go out as bytes,
 * many to a write.
 */
import { type GrpcError, PREFIX_BYTES } from 'keepwarm/grpc';
import type { Monitor, MonitorUpdate, Multiplexer } from 'keepwarm/multiplexer';
import type { GrpcCall } from './call.ts';
import { timeoutMs } from './fields.ts';

/** Bytes that are put together before they are written. */
const WRITE_BYTES = 64 * 1024;

export function subscribe(call: GrpcCall, multiplexer: Multiplexer, name: string): void {
  const deadlineMs = timeoutMs(call.headers['grpc-timeout'] as string | undefined);
  if (deadlineMs === undefined) return call.end('INTERNAL', 'grpc-timeout is not one');
  let monitor: Monitor;
  try {
    monitor = multiplexer.monitor({ name });
  } catch (error) {
    return call.fail(error);
  }
  call.begin();
  const deadline = deadlineMs <= TIMER_MS_MAX ? setTimeout(() => call.end('DEADLINE_EXCEEDED'), deadlineMs) : undefined;
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
    for (let frames = this.#frames(); frames !== undefined && !call.over; frames = this.#frames()) {
      if (!call.write(frames)) await call.drained();
    }
    this.#busy = false;
    if (monitor.error !== undefined) call.fail(monitor.error);
  }

  #frames(): Buffer | undefined {
    const updates: MonitorUpdate[] = [];
    let length = 0;
    while (length < WRITE_BYTES) {
      const update = this.#monitor.read();
      if (update === undefined) break;
      updates.push(update);
      length += PREFIX_BYTES + update.told.head.length + update.body.length;
    }
    if (updates.length === 0) return undefined;
    const frames = Buffer.allocUnsafe(length);
    let at = 0;
    for (const { told, body } of updates) {
      const { head } = told;
      frames[at] = 0;
      frames.writeUInt32BE(head.length + body.length, at + 1);
      frames.set(head, at + PREFIX_BYTES);
      frames.set(body, at + PREFIX_BYTES + head.length);
      at += PREFIX_BYTES + head.length + body.length;
    }
    return frames;
  }
}
