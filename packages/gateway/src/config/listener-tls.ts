/** The block `tls`: the certificate that callers see; without it they are spoken to in the clear. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { ConfigError } from './config-error.ts';
import { object, text } from './values.ts';

export interface ListenerTls {
  /** PEM: the certificate, and those between it and one that callers know. */
  readonly cert: string;
  /** PEM. Never shown. */
  readonly key: string;
}

/** @throws ConfigError; never with what is in the files */
export function parseListenerTls(input: unknown, folder: string): ListenerTls | undefined {
  if (input === undefined) return undefined;
  const given = object(input, 'tls', ['certFile', 'keyFile']);
  const [cert, key] = (['certFile', 'keyFile'] as const).map((name) => content(given[name], `tls.${name}`, folder));
  const tls = { cert: cert!, key: key! };
  try {
    createSecureContext(tls);
    return tls;
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? error.code : 'they are no PEM';
    throw new ConfigError('tls', `has files that cannot be used together: ${why}`);
  }
}

function content(value: unknown, path: string, folder: string): string {
  try {
    return readFileSync(resolve(folder, text(value, path)), 'utf8');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(path, `cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
