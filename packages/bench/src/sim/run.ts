/** One scenario under one picker: calls that come at random instants, without retries, so that each loss shows. */
import { BALANCE_DEFAULTS, endpointSet, httpJudge, originOf } from 'keepwarm';
import { aCall, FakeClock, scripted } from 'keepwarm/testing';
import { dice, Server, STEADY } from './model.ts';
import type { SimPicker } from './pickers.ts';
import { PER_SECOND, RUN_MS, type SimScenario } from './scenarios.ts';

export interface SimRow {
  readonly scenario: string;
  readonly picker: string;
  readonly calls: number;
  /** Of the calls that began during the trouble and were answered well, in ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of those that were not, 0…1. */
  readonly failed: number;
  /** Of all endpoints' calls, the troubled one's: meanwhile, and in the last 10 s of the run if the trouble is over. */
  readonly shareDuring: number;
  readonly shareAfter: number | undefined;
}

const SEED = 1;
/** The run is over, but its last calls are not. */
const REST_MS = 2_000;
/** In which it shows whether an endpoint has its share again. */
const LAST_MS = 10_000;

interface Sample {
  readonly startedAt: number;
  readonly tookMs: number;
  readonly well: boolean;
}

export async function simulate(scenario: SimScenario, picker: SimPicker): Promise<SimRow> {
  const clock = new FakeClock();
  const random = dice(SEED);
  const { behaviour, others = () => STEADY, clients = 1 } = scenario;
  const servers = Array.from(
    { length: scenario.endpoints },
    (_, i) => new Server(i === scenario.endpoints - 1 ? behaviour : others, random),
  );
  const engine = scripted((call) => servers[Number(call.origin.hostname.slice(1, -5))].serve(clock.now()), clock);
  const sets = Array.from({ length: clients }, () =>
    endpointSet(
      servers.map((_, i) => ({ name: `e${i}`, origin: originOf(new URL(`http://e${i}.test`)) })),
      { ...BALANCE_DEFAULTS, ...picker.options },
      { clock, random, observer: {}, judge: httpJudge(clock), ...(picker.choose && { choose: picker.choose }) },
    ),
  );
  const sends = sets.map((set) => set(engine));
  const samples: Sample[] = [];
  const arrive = (): void => {
    const startedAt = clock.now();
    if (startedAt >= RUN_MS) return;
    clock.after((-Math.log(1 - random()) * 1_000) / PER_SECOND, arrive);
    const end = (well: boolean) => samples.push({ startedAt, tookMs: clock.now() - startedAt, well });
    const send = sends[Math.floor(random() * clients)];
    send(aCall({ startedAt, tried: [] })).then(
      ({ ok }) => end(ok),
      () => end(false),
    );
  };
  arrive();
  const [from, to] = scenario.trouble;
  const counts: number[] = [];
  let now = 0;
  for (const until of [from, to, RUN_MS - LAST_MS, RUN_MS, RUN_MS + REST_MS]) {
    await clock.run(Math.max(0, until - now));
    now = Math.max(now, until);
    counts.push(servers.at(-1)?.count ?? 0, engine.calls.length);
  }
  for (const set of sets) set.close();
  return row(scenario, picker, samples, counts);
}

/** @param counts the troubled endpoint's calls and everybody's: before, during, until the last 10 s, in the end */
function row(scenario: SimScenario, picker: SimPicker, samples: readonly Sample[], counts: readonly number[]): SimRow {
  const [from, to] = scenario.trouble;
  const troubled = samples.filter(({ startedAt }) => startedAt >= from && startedAt < to);
  const took = troubled
    .filter(({ well }) => well)
    .map(({ tookMs }) => tookMs)
    .sort((a, b) => a - b);
  const at = (quantile: number) => took[Math.min(took.length - 1, Math.floor(took.length * quantile))];
  return {
    scenario: scenario.name,
    picker: picker.name,
    calls: troubled.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    failed: 1 - took.length / troubled.length,
    shareDuring: (counts[2] - counts[0]) / (counts[3] - counts[1]),
    shareAfter: to > RUN_MS - LAST_MS ? undefined : (counts[6] - counts[4]) / (counts[7] - counts[5]),
  };
}
