/** The history a configuration asks for. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Address, showAddress } from '../config/address.ts';
import { HISTORY_DEFAULTS, type HistoryConfig } from '../config/history.ts';
import type { History } from './history.ts';
import { KeptHistory, type KeptParts } from './kept.ts';
import { RANGES, type RangeName } from './ranges.ts';

/** Where a command keeps what outlives it. */
export function stateFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { KEEPWARM_STATE_DIR: ours, XDG_STATE_HOME: system } = environment;
  if (ours) return ours;
  return system ? join(system, 'keepwarm') : join(homedir(), '.keepwarm');
}

/**
 * @param folder where the file is when the configuration names none. In memory without either, and for an address that
 * is another each time: there would be nobody to come back to the file.
 */
export function historyOf(
  config: HistoryConfig = HISTORY_DEFAULTS,
  admin: Address,
  folder: string | undefined,
  parts: KeptParts,
): History {
  if (!config.on) return OFF;
  const file = `history-${showAddress(admin).replaceAll(/[^\w.-]/g, '-')}.sqlite`;
  const nowhere = folder === undefined || admin.port === 0;
  const path = config.path ?? (nowhere ? ':memory:' : join(folder, file));
  return new KeptHistory({ ...config, path }, parts);
}

const OFF: History = {
  state: { state: 'off' },
  start: () => Promise.resolve(),
  read: (range: RangeName) =>
    Promise.resolve({ history: { state: 'off' }, range, stepMs: RANGES[range].stepMs, at: [], upstreams: [] }),
  close: () => Promise.resolve(),
};
