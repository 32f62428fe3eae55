/** A command line against the table of commands. */
import { parseArgs } from 'node:util';
import { nearest } from '../config/names.ts';
import { COMMANDS, type Command, type CommandName } from './commands.ts';

/** A command line that cannot be understood. The message says what is wrong and what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** The command it was meant for, when that much is clear. */
  readonly command: CommandName | undefined;

  constructor(message: string, command?: CommandName) {
    super(message);
    this.command = command;
  }
}

/** What was given, by flag. */
export type Flags = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

export type Parsed =
  | { readonly kind: 'help'; readonly command: CommandName | undefined }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'run';
      readonly command: CommandName;
      readonly flags: Flags;
      readonly operand: string | undefined;
    };

/** @throws UsageError */
export function parseCommandLine(args: readonly string[]): Parsed {
  const [first, ...rest] = args;
  if (first === undefined || first === '--help' || first === '-h') return { kind: 'help', command: undefined };
  if (first === '--version' || first === '-v') return { kind: 'version' };
  if (first === 'help') return { kind: 'help', command: rest[0] === undefined ? undefined : commandOf(rest[0]) };
  const command = commandOf(first);
  const table: Command = COMMANDS[command];
  const { values, positionals } = parse(command, table, rest);
  if (values['help'] === true) return { kind: 'help', command };
  const [operand, surplus] = positionals;
  if (surplus !== undefined || (operand !== undefined && table.operand === undefined)) {
    throw new UsageError(`${command} does not know what to do with ${JSON.stringify(surplus ?? operand)}`, command);
  }
  if (operand === undefined && table.operand !== undefined) {
    throw new UsageError(`${command} needs ${table.operand}`, command);
  }
  return { kind: 'run', command, flags: values, operand };
}

function commandOf(text: string): CommandName {
  if (Object.hasOwn(COMMANDS, text)) return text as CommandName;
  const near = nearest(text, Object.keys(COMMANDS));
  const hint = near === undefined ? `known: ${Object.keys(COMMANDS).join(', ')}` : `did you mean ${near}?`;
  throw new UsageError(`there is no command ${JSON.stringify(text)}; ${hint}`);
}

function parse(name: CommandName, { flags }: Command, args: readonly string[]) {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string; multiple?: boolean }> = {
    help: { type: 'boolean', short: 'h' },
  };
  for (const [flag, { value, multiple }] of Object.entries(flags)) {
    options[flag] = { type: value === undefined ? 'boolean' : 'string', multiple: multiple ?? false };
  }
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    const { message } = error as Error;
    const unknown = /^Unknown option '--?([^']+)'/.exec(message)?.[1];
    if (unknown === undefined) throw new UsageError(message.split('. ')[0]!, name);
    const near = nearest(unknown, Object.keys(flags));
    const hint =
      near === undefined
        ? `known: ${Object.keys(flags)
            .map((each) => `--${each}`)
            .join(', ')}`
        : `did you mean --${near}?`;
    throw new UsageError(`${name} has no flag --${unknown}; ${hint}`, name);
  }
}
