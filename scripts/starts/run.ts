/** One storm: processes of monitors at a provider that counts, killed and begun anew while it lasts. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { OwnRedis } from '../../packages/keepwarm/test/adapters/redis/a-redis.ts';
import { busiestWindow, usedShare } from '../../packages/keepwarm/test/adapters/redis/counting-server.ts';
import type { MonitorsPlan } from './monitors.ts';
import type { Counted, ProviderPlan } from './provider.ts';

export interface StormPlan {
  readonly limit: number;
  readonly windowMs: number;
  readonly jitterMs: number;
  /** Monitors in all processes together. */
  readonly monitors: number;
  /** With more than one they share the limit over Redis; one keeps it in a file. */
  readonly processes: number;
  readonly lengthMs: number;
  /** One process is killed, and another begun in its place, each time so much has passed. */
  readonly killEveryMs: number;
}

export interface StormReport {
  readonly plan: StormPlan;
  readonly connections: number;
  readonly thrownOut: number;
  readonly kills: number;
  /** The most in any window, by when they were accepted and by when they were counted. */
  readonly busiestAccepted: number;
  readonly busiestCounted: number;
  /** Of what the limit permits, 1 being all of it. */
  readonly used: number;
}

/** How long a dial may take, and be late: what a killed process had under way counts for as long, and a window. */
const FIGURES = { attemptMs: 2_000, lateMs: 500, resetMs: 0 };

/** How often it is looked whether the storm has begun, in ms. */
const LOOK_MS = 250;

const execArgv = ['--conditions=keepwarm-source'];
const begin = (file: string, plan: MonitorsPlan | ProviderPlan): ChildProcess =>
  fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(plan)], { execArgv });

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

export async function storm(plan: StormPlan): Promise<StormReport> {
  const { limit, windowMs, jitterMs, processes, monitors, lengthMs, killEveryMs } = plan;
  const folder = await mkdtemp(join(tmpdir(), 'keepwarm-storm-'));
  const redis = processes > 1 ? await OwnRedis.start() : undefined;
  const provider = begin('provider.ts', { jitterMs });
  const children: ChildProcess[] = [];
  try {
    const [port] = (await once(provider, 'message')) as [number];
    const figures = { ...FIGURES, limit, windowMs };
    const one = (place: number): ChildProcess =>
      begin('monitors.ts', {
        port,
        monitors: Math.ceil((monitors - place) / processes),
        figures,
        redisPort: redis?.port,
        path: redis === undefined ? join(folder, 'starts') : undefined,
      });
    for (let place = 0; place < processes; place++) children.push(one(place));
    await Promise.all(children.map((child) => once(child, 'message')));
    const until = performance.now() + lengthMs;
    let kills = 0;
    for (; performance.now() + killEveryMs < until; kills++) {
      await sleep(killEveryMs);
      const place = kills % processes;
      await kill(children[place]!);
      children[place] = one(place);
    }
    await sleep(Math.max(until - performance.now(), 0));
    const told = async (): Promise<Counted> => {
      provider.send('report');
      return ((await once(provider, 'message')) as [Counted])[0];
    };
    let { accepted, counted, thrownOut } = await told();
    // It is no storm before more have come than a window takes; on a machine that is slow that lasts longer.
    while (accepted.length <= limit) {
      await sleep(LOOK_MS);
      ({ accepted, counted, thrownOut } = await told());
    }
    return {
      plan,
      connections: accepted.length,
      thrownOut,
      kills,
      busiestAccepted: busiestWindow(accepted, windowMs),
      busiestCounted: busiestWindow(counted, windowMs),
      used: accepted.length === 0 ? 0 : usedShare(accepted, limit, windowMs),
    };
  } finally {
    await Promise.all([...children, provider].map((child) => (child.exitCode === null ? kill(child) : undefined)));
    await redis?.stop();
    await rm(folder, { recursive: true });
  }
}
