/** `--help`, from the table of commands. */
import { COMMANDS, type Command, type CommandName } from './commands.ts';

export function help(command: CommandName | undefined): string {
  return command === undefined ? overview() : describe(command);
}

function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary] as const);
  return [
    'keepwarm keeps outbound connections warm: a local gateway in front of the APIs you call, and tools to inspect it.',
    '',
    'usage: keepwarm COMMAND [FLAGS]',
    '',
    ...aligned(rows),
    '',
    'keepwarm COMMAND --help explains one command; keepwarm --version prints the version.',
    EXIT_CODES,
  ].join('\n');
}

function describe(name: CommandName): string {
  const { operand, summary, more, flags, examples }: Command = COMMANDS[name];
  const rows = Object.entries(flags).map(
    ([flag, { value, help }]) => [value === undefined ? `--${flag}` : `--${flag} ${value}`, help] as const,
  );
  const usage = ['keepwarm', name, operand, '[FLAGS]'].filter((part) => part !== undefined).join(' ');
  return [
    `${name}: ${summary}`,
    '',
    `usage: ${usage}`,
    ...(more === undefined ? [] : ['', ...wrapped(more)]),
    ...(rows.length === 0 ? [] : ['', ...aligned(rows)]),
    '',
    'examples',
    ...examples.map((example) => `  $ ${example}`),
    '',
    EXIT_CODES,
    'More: docs/reference/cli.md',
  ].join('\n');
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

const EXIT_CODES =
  'Exit codes: 0 done, 1 tried and failed, 2 invalid command line or configuration,\n' +
  '3 no gateway answers at the admin address, 4 this Node.js is too old.';

/** At 100 columns, by words. */
function wrapped(text: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!;
    if (last.length + word.length + 1 > 100) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
