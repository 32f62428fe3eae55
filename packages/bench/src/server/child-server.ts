/**
 * A server in a process of its own, on the servers' core: it says where it listens, answers questions, and ends when
 * let go.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { pinned } from '../pin.ts';

export interface ChildServer<Ready> {
  /** What it said once it listened. */
  readonly ready: Ready;
  /** One question at a time. */
  ask(question: string): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * @param what it is called when it ends too early
 * @param words for its command line
 */
export async function startChild<Ready>(what: string, main: URL, ...words: string[]): Promise<ChildServer<Ready>> {
  const command = pinned('server', process.execPath, ['--conditions=keepwarm-source']);
  const child = fork(main, words, {
    execPath: command.file,
    execArgv: [...command.args],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const exited = once(child, 'exit');
  const next = async (): Promise<unknown> => {
    const message = once(child, 'message');
    const ended = exited.then(() => Promise.reject(new Error(`${what} ended`)));
    return (await Promise.race([message, ended]))[0];
  };
  return {
    ready: (await next()) as Ready,
    ask: (question) => {
      const answer = next();
      child.send(question);
      return answer;
    },
    close: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
