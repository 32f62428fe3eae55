// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what shells expand stands in plain strings
/** `keepwarm completion`: scripts by which a shell completes commands and flags, made from the table of commands. */
import { COMMANDS, type Command } from './commands.ts';
import { UsageError } from './parse.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export function completion(shell: string): string {
  if (shell === 'bash') return bash();
  if (shell === 'zsh') return zsh();
  if (shell === 'fish') return fish();
  throw new UsageError(
    `there is no completion for ${JSON.stringify(shell)}; there is: ` + `${SHELLS.join(', ')}`,
    'completion',
  );
}

const table: readonly (readonly [string, Command])[] = Object.entries(COMMANDS);
const flagsOf = ({ flags }: Command): string[] => [...Object.keys(flags), 'help'].map((flag) => `--${flag}`);

function bash(): string {
  return [
    '# keepwarm completion bash > /etc/bash_completion.d/keepwarm, or: source <(keepwarm completion bash)',
    '_keepwarm() {',
    '  local word="${COMP_WORDS[COMP_CWORD]}" words=""',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    words="${table.map(([name]) => name).join(' ')} help --help --version"`,
    '  elif [[ "$word" == -* ]]; then',
    '    case "${COMP_WORDS[1]}" in',
    ...table.map(([name, command]) => `      ${name}) words="${flagsOf(command).join(' ')}" ;;`),
    '    esac',
    '  elif [ "${COMP_WORDS[1]}" = completion ]; then',
    `    words="${SHELLS.join(' ')}"`,
    '  else',
    '    COMPREPLY=($(compgen -f -- "$word"))',
    '    return',
    '  fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    '}',
    'complete -o filenames -F _keepwarm keepwarm',
  ].join('\n');
}

/** Within single quotes, colons and brackets mean something to zsh's own lists. */
const quoted = (text: string): string => text.replaceAll("'", "'\\''").replaceAll(/([\\:[\]])/g, '\\$1');

function zsh(): string {
  return [
    '#compdef keepwarm',
    '# keepwarm completion zsh > "${fpath[1]}/_keepwarm"',
    '_keepwarm() {',
    '  if (( CURRENT == 2 )); then',
    '    local -a commands',
    '    commands=(',
    ...table.map(([name, { summary }]) => `      '${name}:${quoted(summary)}'`),
    '    )',
    "    _describe 'command' commands",
    '    return',
    '  fi',
    '  case "$words[2]" in',
    ...table.map(([name, command]) => {
      const { flags }: Command = command;
      const specs = Object.entries(flags).map(([flag, { value, help }]) => {
        const takes = value === undefined ? '' : `:${quoted(value)}:_default`;
        return `'--${flag}[${quoted(help)}]${takes}'`;
      });
      const operand = name === 'completion' ? [`'1:shell:(${SHELLS.join(' ')})'`] : ["'*:file:_files'"];
      return `    ${name}) shift words; (( CURRENT-- )); _arguments ${[...specs, ...operand].join(' ')} ;;`;
    }),
    '  esac',
    '}',
    '_keepwarm "$@"',
  ].join('\n');
}

function fish(): string {
  const single = (text: string): string => text.replaceAll(/(['\\])/g, '\\$1');
  const lines = ['# keepwarm completion fish > ~/.config/fish/completions/keepwarm.fish', 'complete -c keepwarm -f'];
  for (const [name, { summary, flags }] of table) {
    lines.push(`complete -c keepwarm -n __fish_use_subcommand -a ${name} -d '${single(summary)}'`);
    for (const [flag, { value, help }] of Object.entries(flags)) {
      const takes = value === undefined ? '' : ' -r -F';
      lines.push(
        `complete -c keepwarm -n '__fish_seen_subcommand_from ${name}' -l ${flag}${takes} -d ` + `'${single(help)}'`,
      );
    }
  }
  lines.push(`complete -c keepwarm -n '__fish_seen_subcommand_from completion' -a '${SHELLS.join(' ')}'`);
  return lines.join('\n');
}
