/**
 * Options under the names other designs gave them: which of ours each one is. The values are checked by our own rules,
 * and refused under the name the caller used.
 */
import { withDefaults } from '../core/refusal.ts';
import type { ClientOptions } from './client-options.ts';
import { check, type Groups, invalid, OPTIONS, type Rule, unknownOption } from './options.ts';

export interface OtherName {
  readonly group: keyof Groups;
  readonly option: string;
  /** The environment variable that sets it as well. */
  readonly variable?: string;
  /** Where the values are spelt otherwise: theirs, and ours. */
  readonly values?: readonly (readonly [theirs: string | number | boolean, ours: string | number | boolean])[];
}

export type OtherNames = Readonly<Record<string, OtherName>>;

/** An option of ours in its group; `const` so that a misspelt one does not compile. */
export const is = <G extends keyof Groups>(
  group: G,
  option: keyof Groups[G] & string,
  more: Pick<OtherName, 'variable' | 'values'> = {},
): OtherName => ({ group, option, ...more });

type Draft = Record<string, Record<string, unknown>>;

/** @throws NetError `INVALID` naming the option as the caller spelt it, its value and what is allowed */
export function translate(names: OtherNames, given: object): ClientOptions {
  const draft: Draft = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const other = Object.hasOwn(names, name) ? names[name] : undefined;
    if (other === undefined) throw unknownOption(name, name, Object.keys(names));
    put(draft, other, ours(`option ${name}`, other, value));
  }
  return flat(draft);
}

/**
 * The variables of an environment that are set and not empty.
 *
 * @throws NetError `INVALID` naming the variable, its value and what is allowed
 */
export function translateEnvironment(
  names: OtherNames,
  env: Readonly<Record<string, string | undefined>>,
): ClientOptions {
  const draft: Draft = {};
  for (const other of Object.values(names)) {
    const text = other.variable === undefined ? undefined : env[other.variable]?.trim();
    if (text === undefined || text === '') continue;
    const what = `environment variable ${other.variable}`;
    put(draft, other, ours(what, other, read(text, ruleOf(other), other)));
  }
  return flat(draft);
}

/** `over` on top of `under`, group by group. */
export function merged(under: ClientOptions, over: ClientOptions): ClientOptions {
  const result: Record<string, unknown> = { ...under };
  for (const [name, value] of Object.entries(over)) {
    if (value === undefined) continue;
    const grouped = name in OPTIONS && name !== 'call';
    result[name] = grouped ? withDefaults(result[name] ?? {}, value) : value;
  }
  return result;
}

function ruleOf({ group, option }: OtherName): Rule {
  const rules: Record<string, Rule> = OPTIONS[group];
  return rules[option]!;
}

function ours(what: string, other: OtherName, value: unknown): unknown {
  if (other.values === undefined) {
    check(what, value, ruleOf(other));
    return value;
  }
  const pair = other.values.find(([theirs]) => theirs === value);
  if (pair !== undefined) return pair[1];
  const allowed = other.values.map(([theirs]) => JSON.stringify(theirs)).join(', ');
  throw invalid(`${what} is ${typeof value === 'string' ? JSON.stringify(value) : String(value)}; allowed: ${allowed}`);
}

/** Text as the kind of value the rule asks for; what cannot be one stays text, to be refused as it was written. */
function read(text: string, rule: Rule, { values }: OtherName): unknown {
  const choices: readonly unknown[] = values?.map(([theirs]) => theirs) ?? (rule.kind === 'choice' ? rule.values : []);
  if (choices.includes(true)) return BOOLEANS.get(text.toLowerCase()) ?? text;
  if (choices.length > 0) return text.toLowerCase();
  return /^\d+(?:\.\d+)?$|^Infinity$/.test(text) ? Number(text) : text;
}

const BOOLEANS = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

function put(draft: Draft, { group, option }: OtherName, value: unknown): void {
  (draft[group] ??= {})[option] = value;
}

/** Options of the group `call` stand at the top level. */
function flat({ call, ...groups }: Draft): ClientOptions {
  return { ...call, ...groups };
}
