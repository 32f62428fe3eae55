/**
 * `keepwarm mcp`: speaks the protocol over standard input and output until the input ends. Logs go to standard error.
 */
import { once } from 'node:events';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { EXIT } from '../command/commands.ts';
import { connectionOf } from '../command/connection.ts';
import type { Flags } from '../command/parse.ts';
import { mcpServer } from './server.ts';
import type { Surroundings } from './tool.ts';

export async function runMcp(flags: Flags, version: string): Promise<number> {
  const admin = connectionOf('mcp', flags);
  const around: Surroundings = { admin, probesAnywhere: flags['allow-probe-anywhere'] === true };
  const actions = flags['allow-actions'] === true;
  if (process.stdin.isTTY) {
    process.stderr.write('keepwarm mcp speaks to an assistant, not to a person: see keepwarm mcp --help\n');
  }
  const ended = once(process.stdin, 'close');
  const serving = serveStdio(() => mcpServer(around, version, actions), {
    onerror: (error) => process.stderr.write(`keepwarm mcp: ${error.message}\n`),
  });
  await ended;
  await serving.close();
  await admin.close();
  return EXIT.ok;
}
