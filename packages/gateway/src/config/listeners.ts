/** Addresses to listen on: no two of them may be one. Found out by the system, it would be another program's fault. */
import { type Address, showAddress } from './address.ts';
import { ConfigError } from './config-error.ts';

/** @param listeners by their place in the configuration @throws ConfigError naming both */
export function checkListeners(listeners: readonly (readonly [path: string, address: Address])[]): void {
  for (const [i, [path, address]] of listeners.entries()) {
    const other = listeners.slice(0, i).find(([, each]) => meets(each, address));
    if (other === undefined) continue;
    throw new ConfigError(path, `is ${showAddress(address)}, where ${other[0]} listens already; allowed: another port`);
  }
}

/** Port 0 is another one each time. */
const meets = (a: Address, b: Address): boolean =>
  a.port === b.port && a.port !== 0 && (hostOf(a) === hostOf(b) || isAny(a) || isAny(b));

const isAny = ({ host }: Address): boolean => host === '0.0.0.0' || host === '::';
const hostOf = ({ host }: Address): string => (host === 'localhost' ? '127.0.0.1' : host);
