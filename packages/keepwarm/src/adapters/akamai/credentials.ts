/**
 * Whose requests are signed, and with what: given outright, from the environment, or from a section of `.edgerc`.
 *
 *   section   the option, AKAMAI_EDGERC_SECTION, AKAMAI_CUSTOMER, `default`
 *   file      the option, EDGERC_PATH, ~/.edgerc
 *   values    AKAMAI_HOST, AKAMAI_CLIENT_TOKEN, AKAMAI_CLIENT_SECRET, AKAMAI_ACCESS_TOKEN, where all four are set; for
 *             a section X: AKAMAI_X_HOST and so on; else the file. The environment wins, as in the vendor's clients.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { NetError } from '../../core/error.ts';
import { parseEdgerc } from './edgerc.ts';

export interface Credentials {
  /** `akab-….luna.akamaiapis.net`, with a scheme or without; https where there is none. */
  readonly host: string;
  readonly clientToken: string;
  readonly clientSecret: string;
  readonly accessToken: string;
  /** Bytes of a POST's body that are signed. Default 131,072, which is what Akamai's side checks. */
  readonly bodyBytesMax: number;
  /** Names of the headers that are signed, in the order the API asks for. Default none. */
  readonly headersToSign: readonly string[];
  /** Sent as the query parameter `accountSwitchKey` with every call, and so signed. */
  readonly accountSwitchKey?: string | undefined;
}

/** Where they come from, when they are not given outright. */
export interface CredentialsSource {
  readonly section?: string | undefined;
  readonly edgercPath?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
}

export const BODY_BYTES_MAX = 131_072;
const DEFAULT_SECTION = 'default';

const NEEDED = ['host', 'client_token', 'client_secret', 'access_token'] as const;

/** The section that is meant where none is named. */
export function sectionOf({ section, env = process.env }: CredentialsSource): string {
  return section ?? env['AKAMAI_EDGERC_SECTION'] ?? env['AKAMAI_CUSTOMER'] ?? DEFAULT_SECTION;
}

/** @throws NetError `INVALID` naming the file, the section and the settings that are missing; never a value */
export function findCredentials(source: CredentialsSource): Credentials {
  const section = sectionOf(source);
  return fromEnvironment(section, source.env ?? process.env) ?? fromFile(section, source);
}

/** @throws NetError `INVALID` naming what is missing or malformed */
export function checkCredentials(given: Partial<Credentials>): Credentials {
  const { host, clientToken, clientSecret, accessToken } = given;
  const values = { host, clientToken, clientSecret, accessToken };
  const missing = Object.entries(values).flatMap(([name, value]) => (value ? [] : [name]));
  if (missing.length > 0) throw invalid(`credentials lack ${missing.join(', ')}`);
  return {
    ...given,
    host: originOfHost(host!),
    clientToken: token('clientToken', clientToken!),
    accessToken: token('accessToken', accessToken!),
    clientSecret: clientSecret!,
    bodyBytesMax: bytes(given.bodyBytesMax ?? BODY_BYTES_MAX),
    headersToSign: given.headersToSign ?? [],
  };
}

function fromEnvironment(section: string, env: NonNullable<CredentialsSource['env']>): Credentials | undefined {
  const own = section.toUpperCase().replace(/[^A-Z0-9_]/g, '_');
  const prefix = section === DEFAULT_SECTION ? 'AKAMAI_' : `AKAMAI_${own}_`;
  const settings = new Map<string, string>();
  for (const name of [...NEEDED, 'max_body', 'account_key', 'headers_to_sign']) {
    const value = env[prefix + name.toUpperCase()];
    if (value !== undefined && value !== '') settings.set(name, value);
  }
  return NEEDED.every((name) => settings.has(name)) ? fromSettings(settings, `${prefix}*`) : undefined;
}

function fromFile(section: string, { edgercPath, env = process.env }: CredentialsSource): Credentials {
  const path = (edgercPath ?? (env['EDGERC_PATH'] || '~/.edgerc')).replace(/^~(?=$|[\\/])/, homedir());
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw invalid(
      `${join(path)} cannot be read (${code}), and the environment has no AKAMAI_* for "${section}"`,
      cause,
    );
  }
  const sections = parseEdgerc(text);
  const found = sections.get(section);
  if (found === undefined) {
    const names = [...sections.keys()].map((name) => `"${name}"`).join(', ');
    throw invalid(`${path} has no section "${section}"; it has: ${names || 'none'}`);
  }
  return fromSettings(found, `section "${section}" of ${path}`);
}

function fromSettings(settings: ReadonlyMap<string, string>, where: string): Credentials {
  const missing = NEEDED.filter((name) => !settings.get(name));
  if (missing.length > 0) throw invalid(`${where} lacks ${missing.join(', ')}`);
  const bodyMax = settings.get('max_body');
  const accountSwitchKey = settings.get('account_key');
  return checkCredentials({
    host: settings.get('host'),
    clientToken: settings.get('client_token'),
    clientSecret: settings.get('client_secret'),
    accessToken: settings.get('access_token'),
    headersToSign: (settings.get('headers_to_sign') ?? '').split(',').flatMap((name) => name.trim() || []),
    ...(bodyMax && { bodyBytesMax: Number(bodyMax) }),
    ...(accountSwitchKey && { accountSwitchKey }),
  } as Partial<Credentials>);
}

/** `https://akab-1.luna.akamaiapis.net` */
function originOfHost(host: string): string {
  const url = URL.parse(/^https?:\/\//i.test(host) ? host : `https://${host}`);
  if (url === null || url.username !== '' || url.pathname !== '/' || url.search !== '') {
    throw invalid(`host is ${JSON.stringify(host)}; allowed: a host name, with a scheme and a port or without`);
  }
  return url.origin;
}

/** It becomes part of a header whose parts end with semicolons. */
function token(name: string, value: string): string {
  if (/^[\x21-\x3a\x3c-\x7e]+$/.test(value)) return value;
  throw invalid(`${name} has a character that no token has: a space, a semicolon, or what is not ASCII`);
}

function bytes(value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(`bodyBytesMax is ${value}; allowed: a whole number of bytes`);
}

export function invalid(message: string, cause?: unknown): NetError {
  return new NetError('INVALID', `akamai: ${message}`, { reach: 'unsent', cause });
}
