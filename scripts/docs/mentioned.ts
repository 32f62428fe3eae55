/** Commands that a sentence mentions: whether there is such a script, command or flag. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseCommandLine } from '../../packages/gateway/src/command/parse.ts';
import { root } from '../check.ts';
import type { Command } from './commands.ts';

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

/** Clients by the names they have in the tables of the benchmarks; no commands. */
const ROWS = /^keepwarm (?:h1|h2|fetch)$/;

/** @returns what does not exist; nothing when all does */
export function faultOf({ where, text }: Command): string[] {
  if (ROWS.test(text)) return [];
  const ours = /^(?:npm run (?:-s )?keepwarm -- |keepwarm )(.*)$/.exec(text)?.[1];
  if (ours !== undefined && ours !== '') return commandFault(ours).map((fault) => `${where}: ${text}: ${fault}`);
  const tool = /^npx (\S+)/.exec(text)?.[1];
  if (tool !== undefined && tool !== 'keepwarm' && !existsSync(join(root, 'node_modules', '.bin', tool)))
    return [`${where}: ${text}: ${tool} is not installed`];
  const [, name, , flags = ''] = /^npm (?:run )?(?:-s )?(\S+)( -- (.*))?$/.exec(text) ?? [];
  if (name === undefined || !/^npm (?:run|start|test)/.test(text)) return []; // npm's own
  return scriptFault(name, flags).map((fault) => `${where}: ${text}: ${fault}`);
}

/** What stands in capitals is the reader's to choose: a placeholder of each kind is understood. */
function commandFault(text: string): string[] {
  const args = text.replace(/^COMMAND\b/, 'stats').split(' ');
  const needs = /^(?:check|probe|completion|cordon|uncordon)$/;
  const whole = args.length === 1 && needs.test(args[0] ?? '') ? [...args, 'SOMETHING'] : args;
  try {
    parseCommandLine(whole);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

function scriptFault(name: string, text: string): string[] {
  const script = scripts[name];
  if (script === undefined) return [`there is no script ${name}`];
  const main = script.split(' ').findLast((word) => word.endsWith('.ts'));
  const flags = [...text.matchAll(/--([a-z-]+)/g)].map(([, flag = '']) => flag);
  if (main === undefined || flags.length === 0) return [];
  const sources = [main, ...globSync(`${dirname(main)}/**/*.ts`, { cwd: root })];
  const code = sources.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
  return flags
    .filter((flag) => !new RegExp(`--${flag}\\b|['"]?\\b${flag}['"]?: `).test(code))
    .map((flag) => `no flag --${flag}`);
}
