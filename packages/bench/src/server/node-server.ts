/**
 * The same replies from Node, in a pinned process of its own: for machines without nginx, and for the `s2` scenario,
 * which wants to know how many connections its clients really opened.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { pinned } from '../pin.ts';
import { type BenchServer, openConnections } from './server.ts';

export interface Accepted {
  readonly connections: number;
  readonly requests: number;
}

export interface NodeServer extends BenchServer {
  /** What was accepted on the cleartext port since the server started. */
  accepted(): Promise<Accepted>;
}

interface Ready {
  readonly http: string;
  readonly tls: string;
  readonly tlsFull: string;
  readonly h2: string;
  readonly ca: string;
}

export async function startNode(): Promise<NodeServer> {
  const command = pinned('server', process.execPath, []);
  const child = fork(new URL('./node-main.ts', import.meta.url), {
    execPath: command.file,
    execArgv: [...command.args],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const exited = once(child, 'exit');
  const next = async (): Promise<unknown> => {
    const message = once(child, 'message');
    const ended = exited.then(() => Promise.reject(new Error('the Node server ended')));
    return (await Promise.race([message, ended]))[0];
  };
  const ready = (await next()) as Ready;
  return {
    kind: 'node',
    ...ready,
    connections: () => openConnections(ready.http),
    accepted: async () => {
      const answer = next();
      child.send('accepted');
      return (await answer) as Accepted;
    },
    close: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
