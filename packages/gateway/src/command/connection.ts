/** The gateway that a command is about: its admin address, and the token that lies where it left it. */
import { AdminClient } from '../admin/client.ts';
import { TOKEN_VARIABLE } from '../config/access.ts';
import { parseAddress } from '../config/address.ts';
import { GATEWAY_DEFAULTS } from '../config/config.ts';
import { ConfigError } from '../config/config-error.ts';
import type { CommandName } from './commands.ts';
import { type Flags, UsageError } from './parse.ts';

/** @throws UsageError when the address is none */
export function connectionOf(command: CommandName, { admin }: Flags): AdminClient {
  try {
    const address = parseAddress(typeof admin === 'string' ? admin : GATEWAY_DEFAULTS.admin, '--admin');
    return new AdminClient({ address, token: process.env[TOKEN_VARIABLE] || undefined });
  } catch (error) {
    throw error instanceof ConfigError ? new UsageError(error.message, command) : error;
  }
}
