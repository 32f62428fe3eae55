/**
 * wrk, one thread on the clients' core: what a C program makes of the same server. It neither parses JSON nor verifies
 * certificates, and it counts the opening of its connections into its slice, which the others have behind them.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Contestant } from '../contestant.ts';
import type { SliceOrder, SliceResult } from '../load.ts';
import { pinned, type Role } from '../pin.ts';
import { scratch } from '../scratch.ts';
import { CALL_BODY } from '../server/replies.ts';
import { unlessTrial } from '../trial.ts';
import { CALL_HEADERS, type Target } from './client.ts';
import { WRK } from './index.ts';

const SCRIPT = `
wrk.method = "POST"
wrk.body = ${JSON.stringify(CALL_BODY)}
wrk.headers["content-type"] = "${CALL_HEADERS['content-type']}"
init = function(args)
  local pause = tonumber(args[1])
  if pause then
    delay = function() return math.random(0, 2 * pause) end
  end
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
`;

/** A slice over TLS is longer, so that its handshakes (about 0.5 ms each) weigh little. In a trial wrk shall start. */
const SLICE_MS_MIN = { http: unlessTrial(0, 100), https: unlessTrial(700, 100) };
/** It listens to an interrupt after so long, wherever it starts at all. */
const STARTED_MS_MAX = 5_000;

export const hasWrk = (): boolean => spawnSync('wrk', ['-v'], { stdio: 'ignore' }).error === undefined;

export interface WrkOptions {
  /** Whose core it runs on. Default `client`. */
  readonly role?: Role;
}

export async function openWrk(
  { origin, path }: Pick<Target, 'origin' | 'path'>,
  options: WrkOptions = {},
): Promise<Wrk> {
  const { role = 'client' } = options;
  const files = scratch();
  const script = join(files.folder, 'call.lua');
  await writeFile(script, SCRIPT);
  const run = async (inFlight: number, ms: number, pauseMs: number): Promise<string> => {
    // Were we gone before the interrupt, wrk would end by its own limit.
    const limit = `-d${Math.ceil(ms / 1_000) + 2}s`;
    const pause = pauseMs === 0 ? [] : ['--', String(pauseMs)];
    const args = ['-t1', `-c${inFlight}`, limit, '-s', script, origin + path, ...pause];
    const output = await runFor(role, ms, args);
    // Where a machine is busy the interrupt may come before wrk listens, and end it without a word.
    return /[a-z]{3}/.test(output) || ms > STARTED_MS_MAX ? output : run(inFlight, ms * 4, pauseMs);
  };
  const slice = async ({ inFlight, sliceMs }: SliceOrder): Promise<SliceResult> => {
    const ms = Math.max(sliceMs, origin.startsWith('https') ? SLICE_MS_MIN.https : SLICE_MS_MIN.http);
    return parse(await run(inFlight, ms, 0));
  };
  const paced = async (connections: number, ms: number, pauseMs: number): Promise<SliceResult> =>
    parse(await run(connections, ms, pauseMs));
  return { name: WRK, seasoned: true, slice, paced, close: async () => files.close() };
}

export interface Wrk extends Contestant {
  /** Each connection rests between two calls, from nothing to twice `pauseMs`. Latency does not count the rest. */
  paced(connections: number, ms: number, pauseMs: number): Promise<SliceResult>;
}

/**
 * Runs wrk and interrupts it, upon which it reports as usual; its own `-d` knows only whole seconds. The shell around
 * it survives the interrupt and tells what its children cost: `times` prints minutes and seconds, theirs in line two.
 */
async function runFor(role: Role, ms: number, args: readonly string[]): Promise<string> {
  const { file, args: before } = pinned(role, 'sh', ['-c', 'trap : INT; wrk "$@"; times', 'sh', ...args]);
  const shell = spawn(file, before, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [shell.stdout, shell.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const closed = once(shell, 'close');
  await Promise.race([sleep(ms), closed]);
  if (shell.pid !== undefined && shell.exitCode === null) process.kill(-shell.pid, 'SIGINT'); // the group we made
  await closed;
  return output;
}

/** What `done` above and `times` printed. */
export function parse(output: string): SliceResult {
  const result = /^RESULT (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(output);
  const times = /^(\d+)m([\d.]+)s (\d+)m([\d.]+)s\n*$/m.exec(output.trimEnd().split('\n').at(-1) ?? '');
  if (result === null || times === null) throw new Error(`wrk said: ${output.trim().slice(-300)}`);
  const [requests, micros, p50Micros, p99Micros, errors] = result.slice(1).map(Number);
  const [userMinutes, userSeconds, systemMinutes, systemSeconds] = times.slice(1).map(Number);
  const cpuSeconds = (userMinutes + systemMinutes) * 60 + userSeconds + systemSeconds;
  return {
    calls: requests,
    callsPerSecond: requests / (micros / 1e6),
    cpuMicros: requests === 0 ? 0 : (cpuSeconds * 1e6) / requests,
    p50Ms: p50Micros / 1_000,
    p99Ms: p99Micros / 1_000,
    errors,
    resumedShare: 0,
  };
}
