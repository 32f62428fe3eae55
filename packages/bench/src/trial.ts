/**
 * A trial of the bench itself: each client as long as it takes to see that it works, some scenarios in place of all.
 * What comes out looks like a run, and its figures mean nothing. Told by the environment, so that a command can be
 * tried as it stands.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const TRIAL_VARIABLE = 'KEEPWARM_BENCH_TRIAL';
const value = process.env[TRIAL_VARIABLE] ?? '';
export const TRIAL = value !== '';

/** What to say beside the figures of a trial. */
export const MEANS_NOTHING = `A trial (${TRIAL_VARIABLE}=${value}): slices of 10 ms. The figures mean nothing.`;

/** One of two measures: that of a run, or what a trial has in its place. */
export const unlessTrial = <T>(run: T, trial: T): T => (TRIAL ? trial : run);

/** Which scenarios a trial takes where its command names none: those named, with commas; with `1`, one of each kind. */
export const TRIAL_NAMES: readonly string[] = TRIAL && value !== '1' ? value.split(',') : [];

interface Named {
  readonly kind: string;
  readonly name: string;
}

/** The same of two scenarios that differ by no more than a size and the calls in flight. */
export const alike = ({ kind, name }: Named): string => (kind === 'calls' ? name.replaceAll(/-\d+\w*/g, '') : kind);

/** The first of those that are alike. */
export function firstOfEachKind<T extends Named>(all: readonly T[]): T[] {
  return all.filter((each, at) => all.findIndex((other) => alike(other) === alike(each)) === at);
}

/** @throws in a clone: its history and its README are for figures that mean something. A copy of it may be written. */
export function refuseToRecordTrial(): void {
  if (TRIAL && existsSync(fileURLToPath(new URL('../../../.git', import.meta.url)))) {
    throw new Error(
      `--record keeps what was measured: not with ${TRIAL_VARIABLE}=${value}, but in a copy without .git`,
    );
  }
}
