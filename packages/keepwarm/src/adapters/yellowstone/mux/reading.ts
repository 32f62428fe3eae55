/** A monitor's updates one by one, decoded once for all monitors of the process that get them. */
import { GrpcError } from '../../../engines/grpc/error.ts';
import type { Monitor } from './monitor.ts';

export interface MonitorMessage<T> {
  /** The monitor's own names of the filters that matched; empty for pings and pongs. */
  readonly filters: readonly string[];
  /** Decoded without its filters; the same object for every monitor, so nobody may change it. */
  readonly update: T;
}

/** What somebody has made of an update, and by what. */
interface Made {
  readonly decode: (body: Uint8Array) => unknown;
  readonly value: unknown;
}

/**
 * Ends when the monitor is closed; leaving the loop closes it.
 *
 * @param decode of a `SubscribeUpdate`; one function for all, as what it makes is shared by it
 * @throws what the monitor failed of, after the last update before that; whatever `decode` throws
 */
export async function* updatesOf<T>(
  monitor: Monitor,
  decode: (body: Uint8Array) => T,
  options: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<MonitorMessage<T>, void> {
  const { signal } = options;
  let wake = (): void => undefined;
  const leave = (): void => {
    monitor.close();
    wake();
  };
  signal?.addEventListener('abort', leave);
  monitor.attend(() => wake());
  try {
    while (true) {
      const next = monitor.read();
      if (next !== undefined) {
        const { told, body, update } = next;
        yield { filters: told.names, update: update === undefined ? decode(body) : once(update, body, decode) };
        continue;
      }
      if (signal?.aborted) throw cancelled(signal.reason);
      if (monitor.error !== undefined) throw monitor.error;
      if (monitor.over) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    signal?.removeEventListener('abort', leave);
    monitor.close();
  }
}

function cancelled(cause: unknown): GrpcError {
  return new GrpcError('CANCELLED', 'its reader has left', { reach: 'answered', cause });
}

function once<T>(update: { made: unknown }, body: Uint8Array, decode: (body: Uint8Array) => T): T {
  const made = update.made as Made | undefined;
  if (made?.decode === decode) return made.value as T; // it was made by this very function
  const value = decode(body);
  update.made ??= { decode, value } satisfies Made;
  return value;
}
