/** The block `upgrades` of an upstream: connections that become something else, such as WebSockets. */
import { ConfigError } from './config-error.ts';
import { number, object, show, unlimited } from './values.ts';

export interface UpgradesConfig {
  /** Such connections at once; the next one is answered 503. 0 for none at all. Default 1,000. */
  readonly upgradesMax: number;
  /** One over which nothing has come either way for so long is closed, in ms. Default 5 min. */
  readonly idleMs: number;
}

export const UPGRADES_DEFAULTS: UpgradesConfig = {
  upgradesMax: 1_000, // two sockets each: well below the usual limit of files
  idleMs: 300_000, // above the 20 to 60 s after which WebSocket peers ping each other
};

/** `false` for none. @throws ConfigError */
export function parseUpgrades(input: unknown, path: string): UpgradesConfig {
  if (input === false) return { ...UPGRADES_DEFAULTS, upgradesMax: 0 };
  if (input === undefined || input === true) return UPGRADES_DEFAULTS;
  if (typeof input !== 'object') {
    throw new ConfigError(path, `is ${show(input)}; allowed: true, false, or an object of upgradesMax and idleMs`);
  }
  const given = object(input, path, Object.keys(UPGRADES_DEFAULTS));
  const value = (name: keyof UpgradesConfig, min: number): number =>
    number(unlimited(given[name] ?? UPGRADES_DEFAULTS[name]), `${path}.${name}`, min);
  return { upgradesMax: value('upgradesMax', 0), idleMs: value('idleMs', 1) };
}
