/**
 * A configuration file as values: JSON or YAML by its name, and references in texts replaced by what they stand for.
 *
 *   ${NAME}            an environment variable; one that is not set is an error
 *   ${NAME:-other}     the same, with what to use when it is not set or empty
 *   ${file:PATH}       what is in a file, without the line end at its end; relative to the configuration file
 *   $${                stands for ${ itself
 *
 * What a reference stood for is never shown: it may be a secret.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { ConfigError } from './config-error.ts';

/** Looked for in this order where none is named. */
export const CONFIG_FILES: readonly string[] = ['keepwarm.yaml', 'keepwarm.yml', 'keepwarm.json'];

/** Aliases of YAML that may be followed; a file of a few lines could stand for gigabytes otherwise. */
const ALIASES_MAX = 100;

/** What is shorter is no secret, and would be found in every message. */
const SECRET_CHARS_MIN = 4;

export interface Source {
  readonly value: unknown;
  /** A message without the values that references stood for. */
  readonly redacted: (message: string) => string;
}

/** @throws ConfigError naming file and line, or the reference that leads nowhere */
export function readSource(file: string, environment: NodeJS.ProcessEnv = process.env): Source {
  const text = contentOf(file, file);
  const secrets = new Map<string, string>();
  const resolved = (reference: string, path: string): string => {
    const value = meant(reference, path, dirname(resolve(file)), environment);
    if (value.length >= SECRET_CHARS_MIN) secrets.set(value, reference);
    return value;
  };
  return {
    value: referred(parsed(file, text), '', resolved),
    redacted: (message) => withoutSecrets(message, secrets),
  };
}

function parsed(file: string, text: string): unknown {
  const isJson = file.endsWith('.json');
  if (isJson) {
    try {
      return JSON.parse(text);
    } catch {
      // V8 quotes the text, which may hold a key, and seldom says where: YAML, of which JSON is a part, does.
    }
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line, col } = lineCounter.linePos(problem.pos[0]);
    throw new ConfigError(`${file}:${line}:${col}`, isJson ? 'is no JSON' : `is no YAML: ${problem.message}`);
  }
  if (isJson) throw new ConfigError(file, 'is no JSON, though it is YAML: give it that name, or mend it');
  return document.toJS({ maxAliasCount: ALIASES_MAX }) ?? {};
}

type Resolved = (reference: string, path: string) => string;

function referred(value: unknown, path: string, resolved: Resolved): unknown {
  if (typeof value === 'string') return textOf(value, path, resolved);
  if (Array.isArray(value)) return value.map((each, i) => referred(each, `${path}[${i}]`, resolved));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      referred(each, path === '' ? name : `${path}.${name}`, resolved),
    ]),
  );
}

const REFERENCE = /\$\$\{|\$\{([^}]*)\}/g;

function textOf(text: string, path: string, resolved: Resolved): string {
  return text.replaceAll(REFERENCE, (whole, reference?: string) =>
    reference === undefined ? whole.slice(1) : resolved(reference, path),
  );
}

const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

function meant(reference: string, path: string, folder: string, environment: NodeJS.ProcessEnv): string {
  if (reference.startsWith('file:')) {
    return contentOf(resolve(folder, reference.slice('file:'.length)), path).replace(/\r?\n$/, '');
  }
  const [, name, other] = NAME.exec(reference) ?? [];
  if (name === undefined) {
    throw new ConfigError(path, `refers to \${${reference}}; allowed: \${NAME}, \${NAME:-other}, \${file:PATH}`);
  }
  const value = environment[name];
  if (value !== undefined && (value !== '' || other === undefined)) return value;
  if (other === undefined) throw new ConfigError(path, `refers to \${${name}}, which is not set in the environment`);
  return other;
}

function contentOf(file: string, path: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(path, `cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

/** Longest first: one value may hold another. */
function withoutSecrets(message: string, secrets: ReadonlyMap<string, string>): string {
  const known = [...secrets].toSorted(([a], [b]) => b.length - a.length);
  return known.reduce((text, [value, reference]) => text.replaceAll(value, `\${${reference}}`), message);
}
