/** The server under the gRPC clients, in a pinned process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { pinned } from '../pin.ts';

/** What GetSlot answers. */
export const SLOT = 341_197_053;

/** Of an update of an account, its frame of gRPC aside. */
export const UPDATE_BYTES = { '1KB': 1_024, '16KB': 16_384, '1MB': 1_048_576 } as const;
export type SizeName = keyof typeof UPDATE_BYTES;

/** Where what is served: `http://127.0.0.1:PORT`. */
export interface Ready extends Readonly<Record<SizeName, string>> {
  readonly unary: string;
  readonly unaryTls: string;
  /** PEM of the authority that signed the server's certificate. */
  readonly ca: string;
}

export interface GrpcServer extends Ready {
  /** Connections open at this moment. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

export async function startGrpc(): Promise<GrpcServer> {
  const command = pinned('server', process.execPath, ['--conditions=keepwarm-source']);
  const child = fork(new URL('./server-main.ts', import.meta.url), {
    execPath: command.file,
    execArgv: [...command.args],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const exited = once(child, 'exit');
  const next = async (): Promise<unknown> => {
    const message = once(child, 'message');
    const ended = exited.then(() => Promise.reject(new Error('the gRPC server ended')));
    return (await Promise.race([message, ended]))[0];
  };
  const ready = (await next()) as Ready;
  return {
    ...ready,
    connections: async () => {
      const answer = next();
      child.send('connections');
      return (await answer) as number;
    },
    close: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
