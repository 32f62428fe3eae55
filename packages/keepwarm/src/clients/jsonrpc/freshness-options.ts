/** Options of what watches how far each endpoint has come, with the source of each default. */
import { checkKnown, isOptions, refused } from '../../core/refusal.ts';
import type { HeadProbe } from './adapter.ts';

export interface FreshnessOptions {
  /** How often each endpoint is asked, in ms, while calls are made. */
  readonly intervalMs: number;
  /** How far behind the best an endpoint may be and still answer reads that depend on the head, in heights. */
  readonly lagMax: number;
  /** How long an endpoint may take to say where it is, in ms. */
  readonly timeoutMs: number;
  /** How far intervals differ, 0…1 of their length, so that a fleet does not ask in step. */
  readonly jitter: number;
  /** How long after the last call endpoints go on being asked, in ms; `Infinity` for ever. */
  readonly idleMs: number;
  /** The longest a call waits for an endpoint to reach the height it needs, in ms. */
  readonly reachMs: number;
}

/**
 * `intervalMs` and `lagMax` are the adapter's. `timeoutMs` 1 s: as health checks (Kubernetes). `jitter` 0.1: ours.
 * `idleMs` 30 s: ours; one probe a second and endpoint is 2.6 million calls a month, which nobody pays for a service
 * that sleeps. `reachMs` 5 s: ours; twelve slots, two blocks of most rollups.
 */
export const FRESHNESS_DEFAULTS: Omit<FreshnessOptions, 'intervalMs' | 'lagMax'> = {
  timeoutMs: 1_000,
  jitter: 0.1,
  idleMs: 30_000,
  reachMs: 5_000,
};

const NAMES: readonly string[] = ['intervalMs', 'lagMax', ...Object.keys(FRESHNESS_DEFAULTS)];

/** @returns nothing when it is switched off @throws NetError `INVALID` naming the option and its value */
export function settleFreshness(
  given: boolean | Partial<FreshnessOptions> | undefined,
  { intervalMs, lagMax }: HeadProbe,
): FreshnessOptions | undefined {
  if (given === false) return undefined;
  const own = given === true || given === undefined ? {} : given;
  if (!isOptions(own)) throw refused('freshness', own, 'true, false, or an object of options');
  checkKnown(own, NAMES, 'freshness.');
  const defined = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const options: FreshnessOptions = { ...FRESHNESS_DEFAULTS, intervalMs, lagMax, ...defined };
  const within = (name: keyof FreshnessOptions, least: number, most = Number.POSITIVE_INFINITY): void => {
    const value = options[name];
    if (typeof value === 'number' && value >= least && value <= most) return;
    throw refused(`freshness.${name}`, value, `a number from ${least} to ${most}`);
  };
  within('intervalMs', 10);
  within('lagMax', 0);
  within('timeoutMs', 1);
  within('jitter', 0, 1);
  within('idleMs', 0);
  within('reachMs', 0);
  return options;
}
