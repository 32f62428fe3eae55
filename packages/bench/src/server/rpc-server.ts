/** Two JSON-RPC nodes in a pinned process of their own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { pinned } from '../pin.ts';

/** What every call of its kind is answered with. */
export const SOLANA_RESULT = { context: { apiVersion: '2.0.5', slot: 341_197_053 }, value: 1_000_000 };
export const EVM_RESULT = '0xf4240';

export interface RpcServer {
  /** `http://127.0.0.1:PORT` of each node. */
  readonly nodes: readonly string[];
  close(): Promise<void>;
}

export async function startRpc(): Promise<RpcServer> {
  const command = pinned('server', process.execPath, []);
  const child = fork(new URL('./rpc-main.ts', import.meta.url), {
    execPath: command.file,
    execArgv: [...command.args],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const exited = once(child, 'exit');
  const ended = exited.then(() => Promise.reject(new Error('the JSON-RPC server ended')));
  const [nodes] = (await Promise.race([once(child, 'message'), ended])) as [string[]];
  ended.catch(() => undefined); // said where it matters, which is before the first message
  return {
    nodes,
    close: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
