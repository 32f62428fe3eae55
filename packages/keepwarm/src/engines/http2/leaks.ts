/** Streams held for long are reported, and again when they end after all, as connections of HTTP/1.1 are. */
import type { LeakFact, SocketFact } from '../../core/observer.ts';
import type { Http2Host } from './host.ts';
import type { Stream } from './stream.ts';

export class Leaks {
  readonly #host: Http2Host;
  #suspected: Map<Stream, LeakFact> | undefined;

  constructor(host: Http2Host) {
    this.#host = host;
  }

  inspect(stream: Stream, socket: SocketFact, now: number): void {
    const heldMs = now - stream.leasedAt;
    if (heldMs < this.#host.limits.leakMs || this.#suspected?.has(stream)) return;
    const { call, phase, stack } = stream;
    // What an endpoint puts before or in place of the path is often a key.
    const path = call.endpoint === undefined ? call.path.split('?', 1)[0]! : '';
    const leak = { ...socket, method: call.method, path, phase, stack, heldMs };
    (this.#suspected ??= new Map()).set(stream, leak);
    this.#host.counters.leaksSuspected++;
    this.#host.observer.leakSuspected?.(leak);
  }

  ended(stream: Stream): void {
    const leak = this.#suspected?.get(stream);
    if (leak === undefined) return;
    this.#suspected?.delete(stream);
    this.#host.counters.leaksRecovered++;
    this.#host.observer.leakRecovered?.({ ...leak, heldMs: this.#host.clock.now() - stream.leasedAt });
  }
}
