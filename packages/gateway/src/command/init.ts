// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration, not of this code
/** `keepwarm init`: asks what is needed and writes a configuration with comments, which `keepwarm check` accepts. */
import { existsSync, linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { parseAddress } from '../config/address.ts';
import { GATEWAY_DEFAULTS, readConfig } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import { CONFIG_FILES } from '../config/source.ts';
import { EXIT } from './commands.ts';
import { configText, type Draft, KINDS, type Kind } from './init-text.ts';
import { type Flags, UsageError } from './parse.ts';

type Ask = (question: string, otherwise: string) => Promise<string>;

const word = (flag: Flags[string]): string | undefined => (typeof flag === 'string' ? flag : undefined);

export async function runInit(flags: Flags, print: (line: string) => void): Promise<number> {
  const file = word(flags['file']) ?? CONFIG_FILES[0]!;
  const force = flags['force'] === true;
  if (existsSync(file) && !force) throw new UsageError(`${file} is there already; --force writes over it`, 'init');
  const draft = await draftOf(flags);
  // Beside its place first, so that what is wrong replaces nothing. And not for others to read: whoever writes a key
  // into it should not have to think of that.
  const beside = `${file}.${process.pid}.yaml`;
  try {
    writeFileSync(beside, configText(draft), { mode: 0o600, flag: 'wx' });
    readConfig(beside);
    if (force) renameSync(beside, file);
    else linkSync(beside, file);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(`nothing was written: ${error.message}`, 'init');
    const why = error instanceof Error && 'code' in error ? error.code : 'unknown';
    throw new ConfigError(file, `cannot be written: ${why}`);
  } finally {
    rmSync(beside, { force: true });
  }
  print(`wrote ${file}`);
  print(`  look at it:  keepwarm check ${file}`);
  print(`  run it:      keepwarm gateway --config ${file}`);
  return EXIT.ok;
}

async function draftOf(flags: Flags): Promise<Draft> {
  const urls = [flags['url'] ?? []].flat().map(String);
  const asks = urls.length === 0;
  if (asks && !process.stdin.isTTY) {
    throw new UsageError('--url is left out and nobody is there to be asked; name at least --url', 'init');
  }
  const terminal = asks ? createInterface({ input: process.stdin, output: process.stderr }) : undefined;
  const ask: Ask = async (question, otherwise) => {
    if (terminal === undefined) return otherwise;
    return (await terminal.question(`${question} [${otherwise}] `)).trim() || otherwise;
  };
  try {
    const kind = kindOf(word(flags['kind']) ?? (await ask(`what is upstream: ${KINDS.join(', ')}?`, 'http')));
    const name = word(flags['name']) ?? (await ask('its name, the first part of its path here?', NAMES[kind]));
    const given = asks ? (await ask('its URL (of several nodes: separated by commas)?', URLS[kind])).split(',') : urls;
    const limit = limitOf(word(flags['limit']) ?? (await ask(LIMIT_QUESTIONS[kind], 'none')));
    const listen =
      word(flags['listen']) ?? (await ask('where should callers reach the ' + 'gateway?', GATEWAY_DEFAULTS.listen));
    const admin = word(flags['admin']) ?? GATEWAY_DEFAULTS.admin;
    parseAddress(listen, '--listen');
    parseAddress(admin, '--admin');
    const redis = redisOf(
      word(flags['redis']) ?? (await ask('Redis that counts limits for several gateways?', 'none')),
    );
    return { kind, name, urls: given.map((url) => checkedUrl(url.trim())), limit, listen, admin, redis };
  } finally {
    terminal?.close();
  }
}

const NAMES: Readonly<Record<Kind, string>> = { http: 'api', evm: 'eth', solana: 'solana', geyser: 'geyser' };
const URLS: Readonly<Record<Kind, string>> = {
  http: 'https://api.example.com',
  evm: 'https://eth.example.com/v2/${ETH_KEY:-key}',
  solana: 'https://solana.example.com/?api-key=${SOLANA_KEY:-key}',
  geyser: 'https://grpc.example.com',
};
const LIMIT_QUESTIONS: Readonly<Record<Kind, string>> = {
  http: 'connections at once, at most?',
  evm: 'requests a second each node allows?',
  solana: 'requests a second each node allows?',
  geyser: 'new connections a minute the provider allows?',
};

function kindOf(text: string): Kind {
  const kind = KINDS.find((each) => each === text);
  if (kind !== undefined) return kind;
  throw new UsageError(`--kind is ${JSON.stringify(text)}; allowed: ${KINDS.join(', ')}`, 'init');
}

function limitOf(text: string): number | undefined {
  if (text === 'none') return undefined;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1) return limit;
  throw new UsageError(`--limit is ${JSON.stringify(text)}; allowed: a whole number from 1, or none`, 'init');
}

/** A password has no place on a command line, nor in a file that is copied: it is named. In no message either. */
function redisOf(text: string): string | undefined {
  if (text === 'none') return undefined;
  const plain = text.replaceAll(/\$\{[^}]*\}/g, '');
  if (/@/.test(plain) && /:\/\/[^/]*:[^@/]+@/.test(plain)) {
    throw new UsageError('--redis holds a password; write ${REDIS_URL}, and set that where the gateway runs', 'init');
  }
  if (/[\s"'\\]/.test(text)) throw new UsageError('--redis must be a URL without spaces and quotes, or none', 'init');
  return text;
}

/** Its credentials, if it has any, are in no message. */
function checkedUrl(text: string): string {
  if (/^https?:\/\/[^\s"'\\]+$/.test(text) && URL.canParse(text.replaceAll(/\$\{[^}]*\}/g, 'x'))) return text;
  throw new UsageError('--url must be an http: or https: URL without spaces and quotes', 'init');
}
