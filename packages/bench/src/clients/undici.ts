/** undici by its own package: four doors into the same pool. One connection per call in flight, no pipelining. */
import { Agent, type Dispatcher, Pool, request, fetch as undiciFetch } from 'undici';
import { CALL_BODY } from '../server/replies.ts';
import { CALL_HEADERS, expectOk, type OpenClient, type RpcReply, type Target } from './client.ts';

/** Between two of its slices a client waits for all the others; undici's 4 s would close its connections meanwhile. */
const KEEP_ALIVE_MS = 600_000;

const poolOptions = ({ ca, socketsMax }: Target): Pool.Options => ({
  connections: socketsMax,
  pipelining: 1,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connect: { ca },
});

/** `pool.request`: spares undici the parsing of a URL, and the search for a pool, of each `request(url)`. */
export const openRequest: OpenClient = (target) => {
  const pool = new Pool(target.origin, poolOptions(target));
  const options = { path: target.path, method: 'POST', headers: CALL_HEADERS, body: CALL_BODY } as const;
  return {
    call: async () => {
      const { statusCode, body } = await pool.request(options);
      expectOk(statusCode);
      return (await body.json()) as RpcReply;
    },
    close: () => pool.destroy(),
  };
};

/** The function most programs call, over an Agent with the same settings. */
export const openRequestUrl: OpenClient = (target) => {
  const dispatcher = new Agent(poolOptions(target));
  const url = target.origin + target.path;
  return {
    call: async () => {
      const { statusCode, body } = await request(url, {
        method: 'POST',
        headers: CALL_HEADERS,
        body: CALL_BODY,
        dispatcher,
      });
      expectOk(statusCode);
      return (await body.json()) as RpcReply;
    },
    close: () => dispatcher.destroy(),
  };
};

/** `pool.dispatch`: undici's lowest door, with a handler that does no more than a JSON call needs. */
export const openDispatch: OpenClient = (target) => {
  const pool = new Pool(target.origin, poolOptions(target));
  const options = { path: target.path, method: 'POST', headers: CALL_HEADERS, body: CALL_BODY } as const;
  return {
    call: () =>
      new Promise<RpcReply>((resolve, reject) => {
        pool.dispatch(options, new JsonHandler(resolve, reject));
      }),
    close: () => pool.destroy(),
  };
};

class JsonHandler implements Dispatcher.DispatchHandler {
  readonly #resolve: (reply: RpcReply) => void;
  readonly #reject: (error: Error) => void;
  #status = 0;
  #first: Buffer | undefined;
  #rest: Buffer[] | undefined;

  constructor(resolve: (reply: RpcReply) => void, reject: (error: Error) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#first === undefined) this.#first = chunk;
    else if (this.#rest === undefined) this.#rest = [this.#first, chunk];
    else this.#rest.push(chunk);
  }

  onResponseEnd(): void {
    try {
      expectOk(this.#status);
      const bytes = this.#rest === undefined ? this.#first : Buffer.concat(this.#rest);
      this.#resolve(JSON.parse(bytes?.toString() ?? '') as RpcReply);
    } catch (error) {
      this.#reject(error as Error);
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#reject(error);
  }
}

export const openFetch: OpenClient = (target) => {
  const dispatcher = new Agent(poolOptions(target));
  const url = target.origin + target.path;
  return {
    call: async () => {
      const response = await undiciFetch(url, { method: 'POST', headers: CALL_HEADERS, body: CALL_BODY, dispatcher });
      expectOk(response.status);
      return (await response.json()) as RpcReply;
    },
    close: () => dispatcher.destroy(),
  };
};
