/** The block `access`: who may use the admin listener, beside processes of this machine that only read. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from './config-error.ts';
import { object, show, text, texts } from './values.ts';

export interface AccessConfig {
  /** What opens the admin listener; nothing for one that the gateway makes up when it starts. Never shown. */
  readonly token: string | undefined;
  /** Names by which the admin listener is reached beside its own; whoever uses one of them needs the token. */
  readonly hosts: readonly string[];
  /** `local`: processes of this machine read without a token. `token`: nobody does. */
  readonly reads: 'local' | 'token';
}

export const ACCESS_DEFAULTS: AccessConfig = { token: undefined, hosts: [], reads: 'local' };

export const ACCESS_NAMES = ['token', 'tokenFile', 'hosts', 'reads'] as const;

/** Where the token is looked for when the configuration names none. */
export const TOKEN_VARIABLE = 'KEEPWARM_ADMIN_TOKEN';

/** What can be guessed over a network in reasonable time is no token. */
const TOKEN = /^[\x21-\x7e]{16,512}$/;

/** @throws ConfigError; never with the token */
export function parseAccess(input: unknown, folder: string, environment: NodeJS.ProcessEnv): AccessConfig {
  const given = object(input, 'access', ACCESS_NAMES);
  const { token, tokenFile, hosts = [], reads = ACCESS_DEFAULTS.reads } = given;
  if (token !== undefined && tokenFile !== undefined) {
    throw new ConfigError('access', 'has both token and tokenFile; allowed: one of them');
  }
  if (reads !== 'local' && reads !== 'token') {
    throw new ConfigError('access.reads', `is ${show(reads)}; allowed: local, token`);
  }
  return {
    token: tokenOf(token, tokenFile, folder, environment),
    hosts: texts(hosts, 'access.hosts', 'host names').map((host) => host.toLowerCase()),
    reads,
  };
}

function tokenOf(token: unknown, file: unknown, folder: string, environment: NodeJS.ProcessEnv): string | undefined {
  if (token !== undefined) return checked(token, 'access.token');
  if (file !== undefined) return checked(contentOf(text(file, 'access.tokenFile'), folder), 'access.tokenFile');
  const variable = environment[TOKEN_VARIABLE];
  return variable === undefined || variable === '' ? undefined : checked(variable, TOKEN_VARIABLE);
}

function checked(token: unknown, path: string): string {
  if (typeof token === 'string' && TOKEN.test(token)) return token;
  const what = typeof token === 'string' ? `has ${token.length} characters` : 'is no text';
  throw new ConfigError(path, `${what}; allowed: 16 to 512 visible ASCII characters, as of openssl rand -hex 32`);
}

function contentOf(file: string, folder: string): string {
  try {
    return readFileSync(resolve(folder, file), 'utf8').trim();
  } catch (error) {
    throw new ConfigError('access.tokenFile', `cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
