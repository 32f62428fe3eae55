/** The engine of a client, from the client's options. */
import { Engine } from '../engines/engine.ts';
import type { EngineParts } from '../engines/http1/engine.ts';
import type { ClientOptions } from './client-options.ts';
import { invalid, type Settings, settle } from './options.ts';

/** @throws NetError `INVALID` naming the option that is not acceptable */
export function makeEngine(options: ClientOptions, parts: EngineParts): Engine {
  const pool = poolOf(options);
  for (const most of ['socketsMax', 'socketsTotalMax'] as const) {
    if (pool.idleMin <= pool[most]) continue;
    throw invalid(`option pool.idleMin is ${pool.idleMin}, more than pool.${most} ${pool[most]}`);
  }
  const { afterMs, stacks } = settle('leak', options.leak);
  const limits = {
    ...settle('limits', options.limits),
    requestsMax: pool.requestsMax,
    leakMs: afterMs,
    leakStacks: stacks,
  };
  const { http2 } = settle('call', { http2: options.http2 });
  const { connectMs } = settle('connect', options.connect);
  return new Engine({ ...pool, limits, http2, helloMs: connectMs, session: settle('session', options.session) }, parts);
}

/** Who wants more connections to one origin than all would have together wants as many together. */
function poolOf({ pool: given }: ClientOptions): Settings<'pool'> {
  const pool = settle('pool', given);
  return given?.socketsTotalMax === undefined && pool.socketsMax > pool.socketsTotalMax
    ? { ...pool, socketsTotalMax: pool.socketsMax }
    : pool;
}
