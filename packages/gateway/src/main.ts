#!/usr/bin/env node
/** The `keepwarm` command. */
import { readFileSync } from 'node:fs';
import { COMMANDS, EXIT } from './command/commands.ts';
import { help } from './command/help.ts';
import { type Parsed, parseCommandLine, UsageError } from './command/parse.ts';
import { runCheck, runDemo, runGateway } from './command/serve.ts';
import { ConfigError } from './config/config-error.ts';
import { ListenError } from './gateway.ts';
import { runProbe } from './probe/command.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function run(parsed: Parsed): Promise<number> {
  if (parsed.kind === 'help') print(help(parsed.command));
  if (parsed.kind === 'version') print(version());
  if (parsed.kind !== 'run') return EXIT.ok;
  const { flags, operand } = parsed;
  switch (parsed.command) {
    case 'gateway':
      return runGateway(flags, print);
    case 'check':
      return runCheck(operand!, print);
    case 'demo':
      return runDemo(flags, print);
    case 'probe':
      return runProbe(operand!, flags, print);
    case 'mcp':
      return (await import('./mcp/command.ts')).runMcp(flags, version());
  }
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}

/** A mistake of the operator's gets a sentence, one of ours its stack. */
function failed(error: unknown): number {
  if (error instanceof UsageError) {
    const more = error.command === undefined ? Object.keys(COMMANDS).join(', ') : `keepwarm ${error.command} --help`;
    process.stderr.write(`keepwarm: ${error.message}\nsee: ${more}\n`);
    return EXIT.usage;
  }
  if (error instanceof ConfigError || error instanceof ListenError) {
    process.stderr.write(`keepwarm: ${error.message}\n`);
    return error instanceof ConfigError ? EXIT.usage : EXIT.failed;
  }
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  return EXIT.failed;
}

try {
  process.exitCode = await run(parseCommandLine(process.argv.slice(2)));
} catch (error) {
  process.exitCode = failed(error);
}
