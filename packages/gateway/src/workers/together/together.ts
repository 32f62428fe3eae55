/** What a path of the admin listener answers where several processes do the work: what each tells, put together. */

import type { Family } from 'keepwarm/prometheus';
import type { Answer, Ask } from '../../admin/route.ts';
import type { AdminView, HomeView } from '../../admin/view.ts';
import type { WorkerTold } from '../../admin/worker-told.ts';
import type { CrewMetrics } from './metrics.ts';

/** What one worker has told. */
export interface Part<T> {
  /** From 1. */
  readonly worker: number;
  readonly told: T;
}

/** What whoever puts parts together may see. */
export interface CrewView extends HomeView {
  readonly metrics: CrewMetrics;
  /** Of the home process itself. */
  readonly families: () => readonly Family[];
  readonly workers: () => readonly WorkerTold[];
  /** Callers whose requests are counted, of each upstream that does. */
  readonly callers: () => ReadonlyMap<string, number>;
  /** Of the page: who reads events, and how many were dropped. */
  readonly readers: () => { readonly readers: number; readonly readersDropped: number };
}

export interface Together<T> {
  readonly path: string;
  /** In each worker. @throws Refused */
  readonly part: (view: AdminView, ask: Ask) => T | Promise<T>;
  /** At home, from at least one part. */
  readonly whole: (parts: readonly Part<T>[], home: CrewView, ask: Ask) => Answer | Promise<Answer>;
}

/** One whose parts have crossed to another process, where their type is ours to know. */
export type AnyTogether = Together<unknown>;

export const together = <T>({ path, part, whole }: Together<T>): AnyTogether => ({
  path,
  part,
  whole: (parts, home, ask) => whole(parts as readonly Part<T>[], home, ask),
});

export const sum = <T>(all: readonly T[], read: (each: T) => number): number =>
  all.reduce((total, each) => total + read(each), 0);

export const most = <T>(all: readonly T[], read: (each: T) => number): number => Math.max(...all.map(read));

/** The highest of those that are known. */
export function mostKnown<T>(all: readonly T[], read: (each: T) => number | undefined): number | undefined {
  const known = all.map(read).filter((each) => each !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** All that are numbers added up; of everything else, the first one's. */
export function summed<T extends object>(all: readonly T[]): T {
  const entries = Object.entries(all[0]!).map(([name, value]) => {
    if (typeof value !== 'number') return [name, value] as const;
    return [name, sum(all, (each) => Number((each as Record<string, unknown>)[name] ?? 0))] as const;
  });
  return Object.fromEntries(entries) as T;
}

/** The mean, each counting as much as it weighs; of nothing that weighs, the plain one. */
export function weighted<T>(all: readonly T[], read: (each: T) => number, weigh: (each: T) => number): number {
  const weight = sum(all, weigh);
  return weight === 0 ? sum(all, read) / all.length : sum(all, (each) => read(each) * weigh(each)) / weight;
}
