/**
 * JSON-RPC calls as people make them: a lookup of a balance, each with other params, so that nobody answers from
 * memory and nobody shares. keepwarm has two endpoints and every default protection on; peers have one, and none.
 */
import { Connection, PublicKey } from '@solana/web3.js';
import { createRpc, evm, type RpcClient, type RpcOptions, solana } from 'keepwarm/jsonrpc';
import { Pool } from 'undici';
import { createPublicClient, http } from 'viem';
import { CALL_ID } from '../server/replies.ts';
import { EVM_RESULT, SOLANA_RESULT } from '../server/rpc-server.ts';
import { CALL_HEADERS, expectOk, type OpenClient, type RpcReply, type Target } from './client.ts';

/** Both nodes, separated by a space: what is passed on to a client's process is one text. */
const nodesOf = ({ origin }: Target): string[] => origin.split(' ');

function rpcOf(target: Target, options: Partial<RpcOptions>): RpcClient {
  const { socketsMax } = target;
  const endpoints = nodesOf(target).map((url) => ({ url, rateLimit: { limit: 1_000_000, windowMs: 1_000 } }));
  return createRpc({ adapter: solana, endpoints, pool: { socketsMax, idleMax: socketsMax }, ...options });
}

/** Addresses to ask for: as many as make it unlikely that two in flight are the same. */
const KEYS = Array.from({ length: 4_096 }, (_, i) => new PublicKey(Buffer.alloc(32, `key ${i}`)));
const NAMES = KEYS.map((key) => key.toBase58());
const HEXES = KEYS.map((key) => `0x${key.toBuffer().subarray(0, 20).toString('hex')}` as const);
const COMMITMENT = { commitment: 'confirmed' } as const;

let asked = 0;
const next = <T>(all: readonly T[]): T => all[asked++ % all.length]!;

/** The loop checks an id; who takes care of ids itself has checked it. */
const done = (right: boolean, result: unknown): RpcReply => {
  if (!right) throw new Error(`the result is ${JSON.stringify(result)}`);
  return { id: CALL_ID, result };
};
const lamports = (result: { readonly value: number }): RpcReply => done(result.value === SOLANA_RESULT.value, result);

const opening =
  (options: Partial<RpcOptions>): OpenClient =>
  (target) => {
    const rpc = rpcOf(target, options);
    return {
      call: () => rpc.call<{ value: number }>('getBalance', [next(NAMES), COMMITMENT]).then(lamports),
      close: () => rpc.close(),
    };
  };

export const openCall = opening({});
export const openBatching = opening({ batching: true });

/** What one would write without a library. */
export const openByHand: OpenClient = (target) => {
  const pool = new Pool(nodesOf(target)[0]!, { connections: target.socketsMax, pipelining: 1 });
  let ids = 0;
  return {
    call: async () => {
      const id = ++ids;
      const call = { jsonrpc: '2.0', id, method: 'getBalance', params: [next(NAMES), COMMITMENT] };
      const body = JSON.stringify(call);
      const reply = await pool.request({ path: '/', method: 'POST', headers: CALL_HEADERS, body });
      expectOk(reply.statusCode);
      const answer = (await reply.body.json()) as { id: number; result: { value: number } };
      if (answer.id !== id) throw new Error(`the answer is to call ${answer.id}`);
      return lamports(answer.result);
    },
    close: () => pool.destroy(),
  };
};

const overViem =
  (pooled: boolean): OpenClient =>
  (target) => {
    const rpc = pooled ? rpcOf(target, { adapter: evm }) : undefined;
    const transport = http(nodesOf(target)[0], { ...(rpc && { fetchFn: rpc.fetch as typeof fetch, retryCount: 0 }) });
    const viem = createPublicClient({ transport, cacheTime: 0 });
    return {
      call: async () => {
        const params = [next(HEXES), 'latest'] as const;
        const result = await viem.request({ method: 'eth_getBalance', params: [...params] });
        return done(result === EVM_RESULT, result);
      },
      close: () => rpc?.close(),
    };
  };

export const openViem = overViem(false);
export const openViemPooled = overViem(true);

const overWeb3 =
  (pooled: boolean): OpenClient =>
  (target) => {
    const rpc = pooled ? rpcOf(target, {}) : undefined;
    const own = rpc && { fetch: rpc.fetch as unknown as typeof fetch, disableRetryOnRateLimit: true };
    const connection = new Connection(nodesOf(target)[0]!, { commitment: 'confirmed', ...own });
    return {
      call: async () => {
        const value = await connection.getBalance(next(KEYS));
        return done(value === SOLANA_RESULT.value, value);
      },
      close: () => rpc?.close(),
    };
  };

export const openWeb3 = overWeb3(false);
export const openWeb3Pooled = overWeb3(true);
