/** A server in a process of its own, so that client and server do not wait for each other's event loop. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface ScenarioServer {
  readonly origin: string;
  close(): Promise<void>;
}

/** Answers every request with a small JSON object, and keeps connections for longer than any test runs. */
const PROGRAM = `
  import { createServer } from 'node:http';
  const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '11' });
      response.end('{"ok":true}');
    });
  });
  server.listen(0, '127.0.0.1', 511, () => console.log(server.address().port));
  process.stdin.resume().on('end', () => process.exit());
`;

export async function aScenarioServer(): Promise<ScenarioServer> {
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [port] = (await once(createInterface(child.stdout!), 'line')) as [string];
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      const gone = once(child, 'close');
      child.stdin!.end();
      await gone;
    },
  };
}
