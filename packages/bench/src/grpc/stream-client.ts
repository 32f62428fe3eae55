/** What a client of updates is asked to do, and how it is measured: for so long, as fast as they come. In the child. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SliceOrder, SliceResult } from '../load.ts';
import { unlessTrial } from '../trial.ts';

export interface Updating {
  /** Subscribes; updates come, and are counted, from then on. */
  start(): void | Promise<void>;
  /** Updates read so far, each decoded. */
  count(): number;
  /** Nothing more comes soon after. */
  stop(): void | Promise<void>;
}

/** A trial may be on a machine that is busy. */
const FIRST_MS_MAX = unlessTrial(5_000, 30_000);
const QUIET_MS = 20;
const LEAD_MS = 100;

export async function sliceOf(updating: Updating, { sliceMs, leadMs }: SliceOrder): Promise<SliceResult> {
  const before = updating.count();
  await updating.start();
  try {
    for (const end = performance.now() + FIRST_MS_MAX; updating.count() === before; await sleep(1)) {
      if (performance.now() > end) throw new Error(`nothing came within ${FIRST_MS_MAX} ms`);
    }
    await sleep(Math.max(leadMs, LEAD_MS));
    const cpu = process.cpuUsage();
    const [startMs, startCount] = [performance.now(), updating.count()];
    await sleep(sliceMs);
    const [elapsedMs, calls] = [performance.now() - startMs, updating.count() - startCount];
    const { user, system } = process.cpuUsage(cpu);
    const cpuMicros = calls === 0 ? 0 : (user + system) / calls;
    return {
      calls,
      callsPerSecond: (calls / elapsedMs) * 1_000,
      cpuMicros,
      p50Ms: 0,
      p99Ms: 0,
      errors: 0,
      resumedShare: 0,
    };
  } finally {
    await updating.stop();
    for (let last = -1; last !== updating.count(); await sleep(QUIET_MS)) last = updating.count();
  }
}
