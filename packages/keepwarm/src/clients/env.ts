/** The connection pool core's options by their names in code and in the environment. */
import type { ClientOptions } from './client-options.ts';
import { is, type OtherNames, translateEnvironment } from './other-names.ts';

export const CORE_OPTIONS = {
  /** Whether a connection serves more than one call. */
  keepAlive: is('pool', 'requestsMax', {
    variable: 'KEEP_ALIVE_ENABLED',
    values: [
      [true, Number.POSITIVE_INFINITY],
      [false, 1],
    ],
  }),
  keepAliveMsecs: is('connect', 'tcpKeepAliveMs', { variable: 'KEEP_ALIVE_MSECS' }),
  maxSockets: is('pool', 'socketsMax', { variable: 'MAX_SOCKETS' }),
  maxFreeSockets: is('pool', 'idleMax', { variable: 'MAX_FREE_SOCKETS' }),
  connectionTimeout: is('connect', 'connectMs', { variable: 'CONNECTION_TIMEOUT' }),
  scheduling: is('pool', 'scheduling', { variable: 'SOCKET_SCHEDULING' }),
  noDelay: is('connect', 'noDelay', { variable: 'TCP_NO_DELAY' }),
  responseSizeLimit: is('limits', 'bodyBytesMax', { variable: 'RESPONSE_SIZE_LIMIT' }),
  /** There is no periodic sweep here: each idle connection is closed when its own time has come. */
  cleanupPeriodMs: is('pool', 'idleMs', { variable: 'CLEANUP_PERIOD_MS' }),
  timeout: is('call', 'deadlineMs'),
} as const satisfies OtherNames;

/**
 * What the environment says, as options for `createClient`: `createClient({ ...optionsFromEnv(), origin })`. Variables
 * that are not set, or empty, are left out. docs/reference/environment.md lists them.
 *
 * @throws NetError `INVALID` naming the variable, its value and what is allowed
 */
export function optionsFromEnv(env: Readonly<Record<string, string | undefined>> = process.env): ClientOptions {
  return translateEnvironment(CORE_OPTIONS, env);
}
