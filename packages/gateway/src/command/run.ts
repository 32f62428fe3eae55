/** One command line carried out, and what is said when that fails. */
import { readFileSync } from 'node:fs';
import { AdminError } from '../admin/client.ts';
import { ConfigError } from '../config/config-error.ts';
import { COMMANDS, EXIT } from './commands.ts';
import { help } from './help.ts';
import { type Parsed, UsageError } from './parse.ts';

/** @returns the exit code */
export async function run(parsed: Parsed, print: (line: string) => void): Promise<number> {
  if (parsed.kind === 'help') print(help(parsed.command));
  if (parsed.kind === 'version') print(version());
  if (parsed.kind !== 'run') return EXIT.ok;
  const { flags, operand } = parsed;
  // Each command loads what it needs: most are over before the whole gateway would be read.
  switch (parsed.command) {
    case 'gateway':
      return (await import('./serve.ts')).runGateway(flags, print);
    case 'check':
      return (await import('./serve.ts')).runCheck(operand!, print);
    case 'demo':
      return (await import('./serve.ts')).runDemo(flags, print);
    case 'probe':
      return (await import('../probe/command.ts')).runProbe(operand!, flags, print);
    case 'mcp':
      return (await import('../mcp/command.ts')).runMcp(flags, version());
    case 'top':
      return (await import('../top/command.ts')).runTop(flags, print);
    case 'bench':
      return (await import('./bench.ts')).runBench(flags, print);
    case 'init':
      return (await import('./init.ts')).runInit(flags, print);
    case 'schema':
      print(readFileSync(new URL('../../schema/keepwarm.schema.json', import.meta.url), 'utf8').trimEnd());
      return EXIT.ok;
    case 'completion':
      print((await import('./completion.ts')).completion(operand!));
      return EXIT.ok;
    case 'events':
      return (await import('./asking.ts')).runEvents(flags, print);
    case 'stats':
    case 'sockets':
    case 'endpoints':
    case 'limits':
    case 'calls':
      return (await import('./asking.ts')).runAsking(parsed.command, flags, print);
    case 'open':
      return (await import('./acting.ts')).runOpen(flags, print);
    default:
      return (await import('./acting.ts')).runActing(parsed.command, operand, flags, print);
  }
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}

/** By its name: its module is that of the whole gateway. */
const isListenError = (error: unknown): error is Error => error instanceof Error && error.name === 'ListenError';

function remedyOf({ code }: AdminError): string {
  if (code === 'UNREACHABLE') return '\nstart one with keepwarm gateway, or name its address with --admin HOST:PORT';
  if (code === 'TOKEN') return '\nrun this as the user of the gateway, or with KEEPWARM_ADMIN_TOKEN set';
  return '';
}

/** A mistake of the operator's gets a sentence, one of ours its stack. */
export function failureOf(error: unknown): { readonly code: number; readonly words: string } {
  if (error instanceof UsageError) {
    const more = error.command === undefined ? Object.keys(COMMANDS).join(', ') : `keepwarm ${error.command} --help`;
    return { code: EXIT.usage, words: `keepwarm: ${error.message}\nsee: ${more}` };
  }
  if (error instanceof ConfigError) return { code: EXIT.usage, words: `keepwarm: ${error.message}` };
  if (isListenError(error)) return { code: EXIT.failed, words: `keepwarm: ${error.message}` };
  if (error instanceof AdminError) {
    const code = error.code === 'UNREACHABLE' ? EXIT.unreachable : EXIT.failed;
    return { code, words: `keepwarm: ${error.message}${remedyOf(error)}` };
  }
  return { code: EXIT.failed, words: String(error instanceof Error ? error.stack : error) };
}
