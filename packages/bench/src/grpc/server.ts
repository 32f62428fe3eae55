/** The server under the gRPC clients, in a pinned process of its own. */
import { startChild } from '../server/child-server.ts';

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
  const main = new URL('./server-main.ts', import.meta.url);
  const { ready, ask, close } = await startChild<Ready>('the gRPC server', main);
  return { ...ready, connections: async () => (await ask('connections')) as number, close };
}
