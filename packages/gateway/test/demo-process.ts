/** The demo as a person starts it: the command in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

const main = new URL('../src/main.ts', import.meta.url).pathname;

export interface DemoProcess {
  readonly child: ChildProcess;
  /** Everything it has printed. */
  printed(): string;
  readonly page: string;
  readonly example: string;
  /** Where it speaks gRPC. */
  readonly geyser: string;
  /** Ends it as Ctrl-C does. @returns its exit code */
  stop(): Promise<number | null>;
}

export async function startDemoProcess(...flags: string[]): Promise<DemoProcess> {
  const child = spawn(process.execPath, ['--conditions=keepwarm-source', main, 'demo', ...flags]);
  let printed = '';
  child.stdout.on('data', (text) => (printed += text));
  child.stderr.on('data', (text) => (printed += text));
  const exited = once(child, 'exit');
  while (!printed.includes('Ctrl-C')) {
    await Promise.race([
      once(child.stdout, 'data'),
      exited.then(() => Promise.reject(new Error(`the demo ended: ${printed}`))),
    ]);
  }
  return {
    child,
    printed: () => printed,
    page: /status page:\s+(\S+)/.exec(printed)![1]!,
    example: /curl (\S+)/.exec(printed)![1]!,
    geyser: /Geyser:\s+(\S+)/.exec(printed)?.[1] ?? '',
    stop: async () => {
      child.kill('SIGINT');
      return (await exited)[0];
    },
  };
}
