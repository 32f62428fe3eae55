/** `--help`, from the table of commands. */
import { COMMANDS, type Command, type CommandName } from './commands.ts';

export function help(command: CommandName | undefined): string {
  return command === undefined ? overview() : describe(command);
}

function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary] as const);
  return [
    'keepwarm keeps outbound connections warm.',
    '',
    'usage: keepwarm COMMAND [FLAGS]',
    '',
    ...aligned(rows),
    '',
    'keepwarm COMMAND --help tells more of one command; --version, which this is.',
    'Exit codes: 0 done, 1 tried and failed, 2 the command line or configuration cannot be used.',
  ].join('\n');
}

function describe(name: CommandName): string {
  const { operand, summary, flags, examples }: Command = COMMANDS[name];
  const rows = Object.entries(flags).map(
    ([flag, { value, help }]) => [value === undefined ? `--${flag}` : `--${flag} ${value}`, help] as const,
  );
  const usage = ['keepwarm', name, operand, '[FLAGS]'].filter((part) => part !== undefined).join(' ');
  return [
    `${name}: ${summary}`,
    '',
    `usage: ${usage}`,
    '',
    ...aligned(rows),
    '',
    ...examples.map((example) => `  $ ${example}`),
  ].join('\n');
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
