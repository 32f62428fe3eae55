/** Two JSON-RPC nodes in a pinned process of their own. */
import { startChild } from './child-server.ts';

/** What every call of its kind is answered with. */
export const SOLANA_RESULT = { context: { apiVersion: '2.0.5', slot: 341_197_053 }, value: 1_000_000 };
export const EVM_RESULT = '0xf4240';

export interface RpcServer {
  /** `http://127.0.0.1:PORT` of each node. */
  readonly nodes: readonly string[];
  close(): Promise<void>;
}

/** Whose head the answers have: a node's own, of two fields, or that of a provider's edge, of thirteen. */
export type RpcHead = 'node' | 'edge';

export async function startRpc(head: RpcHead): Promise<RpcServer> {
  const main = new URL('./rpc-main.ts', import.meta.url);
  const { ready: nodes, close } = await startChild<readonly string[]>('the JSON-RPC server', main, head);
  return { nodes, close };
}
