/** The group `tls` of the block `redis`: whom to believe, and what to show to a Redis that asks for a certificate. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { ConfigError } from './config-error.ts';
import { object, text } from './values.ts';

export interface RedisTls {
  /** PEM: whose signature the server's certificate must have. Default: those that Node knows. */
  readonly ca?: string;
  /** PEM: the gateway's own certificate and its key, which is never shown. */
  readonly cert?: string;
  readonly key?: string;
  /** Name the server's certificate must be good for, where that is not the host of the URL. */
  readonly servername?: string;
}

const FILES = { caFile: 'ca', certFile: 'cert', keyFile: 'key' } as const;
export const REDIS_TLS_NAMES: readonly string[] = [...Object.keys(FILES), 'servername'];

/** @throws ConfigError; never with what is in the files */
export function parseRedisTls(input: unknown, folder: string): RedisTls | undefined {
  if (input === undefined) return undefined;
  const given = object(input, 'redis.tls', REDIS_TLS_NAMES);
  if ((given['certFile'] === undefined) !== (given['keyFile'] === undefined)) {
    throw new ConfigError('redis.tls', 'has one of certFile and keyFile; allowed: both, or neither');
  }
  const read = Object.entries(FILES).flatMap(([name, option]) =>
    given[name] === undefined ? [] : [[option, content(given[name], `redis.tls.${name}`, folder)] as const],
  );
  const { servername } = given;
  const tls: RedisTls = {
    ...Object.fromEntries(read),
    ...(servername === undefined ? {} : { servername: text(servername, 'redis.tls.servername') }),
  };
  try {
    createSecureContext(tls);
    return tls;
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? error.code : 'they are no PEM';
    throw new ConfigError('redis.tls', `has files that cannot be used together: ${why}`);
  }
}

function content(value: unknown, path: string, folder: string): string {
  try {
    return readFileSync(resolve(folder, text(value, path)), 'utf8');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown';
    throw new ConfigError(path, `cannot be read: ${code}`);
  }
}
