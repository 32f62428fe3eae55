/**
 * `keepwarm bench --url`: this client against Node's own `fetch`, and undici where it is installed, on an endpoint of
 * the
 * user's. Rounds are interleaved, so that a network that changes its mood changes it for all; told are the median of
 * the
 * rounds, their spread, and the latency of all calls. Bounded in calls and in time; Ctrl-C tells what there is.
 */
import { createClient, NetError } from 'keepwarm';
import { EXIT } from './commands.ts';
import { type Paint, paintFor } from './paint.ts';
import { type Flags, UsageError } from './parse.ts';
import { ms, table } from './table.ts';

interface Candidate {
  readonly name: string;
  /** One call, its body read to the end. @returns the status */
  readonly call: (signal: AbortSignal) => Promise<number>;
  readonly close: () => Promise<void>;
}

export interface Measured {
  readonly name: string;
  readonly calls: number;
  readonly failed: number;
  /** Calls per second of each round. */
  readonly rates: readonly number[];
  readonly medianRate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const LIMITS = {
  requests: { default: 100, max: 10_000 },
  rounds: { default: 5, max: 50 },
  connections: { default: 10, max: 200 },
} as const;
/** Of one call: a benchmark that hangs tells nothing. */
const CALL_MS = 30_000;

export async function runBench(flags: Flags, print: (line: string) => void): Promise<number> {
  const url = urlOf(flags);
  const [requests, rounds, connections] = (['requests', 'rounds', 'connections'] as const).map((name) =>
    wholeOf(flags, name),
  ) as [number, number, number];
  const leaving = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => leaving.abort());
  const candidates = await candidatesOf(url, connections);
  try {
    const progress = new Progress((rounds + 1) * candidates.length);
    const measured = await measure(candidates, { requests, rounds, connections, signal: leaving.signal, progress });
    progress.end();
    const told = { url: url.origin, requests, rounds, connections, interrupted: leaving.signal.aborted, measured };
    if (flags['json'] === true) print(JSON.stringify(told, undefined, 2));
    else for (const line of lines(told, paintFor(process.stdout.isTTY))) print(line);
    return measured.some(({ calls, failed }) => calls === failed) ? EXIT.failed : EXIT.ok;
  } finally {
    for (const { close } of candidates) await close();
  }
}

function urlOf({ url }: Flags): URL {
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed !== undefined && /^https?:$/.test(parsed.protocol) && !parsed.username && !parsed.password) return parsed;
  throw new UsageError('bench needs --url with an http: or https: URL without credentials', 'bench');
}

function wholeOf(flags: Flags, name: keyof typeof LIMITS): number {
  const { default: otherwise, max } = LIMITS[name];
  const value = flags[name] === undefined ? otherwise : Number(flags[name]);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new UsageError(`--${name} is ${flags[name]}; allowed: 1 to ${max}`, 'bench');
}

interface Undici {
  readonly Agent: new (options: object) => { close(): Promise<void> };
  request(url: URL, options: object): Promise<{ statusCode: number; body: { arrayBuffer(): Promise<ArrayBuffer> } }>;
}

async function candidatesOf(url: URL, connections: number): Promise<Candidate[]> {
  const client = createClient({ retry: false, breaker: false, pool: { socketsMax: connections } });
  const candidates: Candidate[] = [
    {
      name: 'keepwarm',
      call: async (signal) => {
        const reply = await client.get(url, { signal });
        await reply.bytes();
        return reply.status;
      },
      close: () => client.close({ deadlineMs: 0 }),
    },
    {
      name: 'fetch of Node',
      call: async (signal) => {
        const response = await fetch(url, { signal, redirect: 'manual' });
        await response.arrayBuffer();
        return response.status;
      },
      close: async () => {},
    },
  ];
  // Not a dependency: whoever has it is told how it compares.
  const name = 'undici';
  const undici: Undici | undefined = await import(name).catch(() => undefined);
  if (undici !== undefined) {
    const agent = new undici.Agent({ connections });
    candidates.push({
      name: 'undici.request',
      call: async (signal) => {
        const { statusCode, body } = await undici.request(url, { signal, dispatcher: agent });
        await body.arrayBuffer();
        return statusCode;
      },
      close: () => agent.close(),
    });
  }
  return candidates;
}

interface Plan {
  readonly requests: number;
  readonly rounds: number;
  readonly connections: number;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** Round 0 opens connections, and counts for nobody. */
async function measure(candidates: readonly Candidate[], plan: Plan): Promise<Measured[]> {
  const notes = candidates.map(() => ({ rates: [] as number[], times: [] as number[], failed: 0 }));
  for (let round = 0; round <= plan.rounds; round++) {
    for (const [i, candidate] of candidates.entries()) {
      if (plan.signal.aborted) break;
      const { elapsedMs, times, failed } = await oneRound(candidate, plan);
      plan.progress.step(candidate.name);
      if (round === 0 || plan.signal.aborted) continue;
      notes[i]!.rates.push((times.length * 1_000) / elapsedMs);
      notes[i]!.times.push(...times);
      notes[i]!.failed += failed;
    }
  }
  return candidates.map(({ name }, i) => {
    const { rates, times, failed } = notes[i]!;
    const calls = times.length + failed;
    return { name, calls, failed, rates, medianRate: at(rates, 0.5), p50Ms: at(times, 0.5), p99Ms: at(times, 0.99) };
  });
}

async function oneRound({ call }: Candidate, { requests, connections, signal }: Plan) {
  const times: number[] = [];
  let [begun, failed] = [0, 0];
  const caller = async (): Promise<void> => {
    while (begun < requests && !signal.aborted) {
      begun++;
      const startedAt = performance.now();
      try {
        await call(AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]));
        times.push(performance.now() - startedAt);
      } catch (error) {
        if (error instanceof NetError && error.code === 'INVALID') throw error;
        failed++;
      }
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: Math.min(connections, requests) }, caller));
  return { elapsedMs: performance.now() - startedAt, times, failed };
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

interface Told {
  readonly url: string;
  readonly requests: number;
  readonly rounds: number;
  readonly connections: number;
  readonly interrupted: boolean;
  readonly measured: readonly Measured[];
}

function lines({ url, requests, rounds, connections, interrupted, measured }: Told, paint: Paint): string[] {
  const [first] = measured;
  const spread = ({ rates }: Measured): string =>
    rates.length === 0 ? '–' : `${Math.round(Math.min(...rates))} to ${Math.round(Math.max(...rates))}`;
  const times = (each: Measured): string =>
    each === first || each.medianRate === 0 ? '' : `${((first?.medianRate ?? 0) / each.medianRate).toFixed(2)} ×`;
  return [
    `${url}: ${rounds} rounds of ${requests} GETs each, ${connections} at once${interrupted ? '; interrupted' : ''}`,
    '',
    ...table<Measured>(
      [
        { title: 'client', of: ({ name }) => name },
        { title: 'calls/s (median)', of: ({ medianRate }) => `${Math.round(medianRate)}`, right: true },
        { title: 'rounds', of: spread, right: true },
        { title: 'p50 ms', of: ({ p50Ms }) => ms(p50Ms), right: true },
        { title: 'p99 ms', of: ({ p99Ms }) => ms(p99Ms), right: true },
        {
          title: 'failed',
          of: ({ failed }) => `${failed}`,
          right: true,
          style: (row) => (row.failed > 0 ? 'red' : undefined),
        },
        { title: 'keepwarm is', of: times, right: true },
      ],
      measured,
      paint,
      'nothing was measured',
    ),
    '',
    'Where the spreads of two overlap, this run tells no difference between them.',
  ];
}

/** On standard error, where that is a terminal. */
class Progress {
  readonly #steps: number;
  #done = 0;

  constructor(steps: number) {
    this.#steps = steps;
  }

  step(what: string): void {
    this.#done++;
    if (!process.stderr.isTTY) return;
    const full = Math.round((this.#done / this.#steps) * 30);
    const bar = '█'.repeat(full) + '░'.repeat(30 - full);
    process.stderr.write(`\r${bar} ${this.#done}/${this.#steps} ${what}\u001b[K`);
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }
}
