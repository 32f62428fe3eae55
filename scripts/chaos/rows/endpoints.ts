/** Trouble at some of several endpoints: their calls go to the others, and hardly anybody notices. */
import type { Client, ClientOptions } from 'keepwarm';
import { figuresOf, isOk, quantile, together } from '../figures.ts';
import { type Load, loadOn, type Outcome } from '../load.ts';
import type { Fault } from '../peer/fault.ts';
import type { Seen } from '../peer/tally.ts';
import { EXTRA, expect, expectSpeed, NEARLY_ALL, type Row, type Stage } from '../row.ts';

/** Some 15 ms, as of a service in the same region: against it the noise of a busy machine is small. */
const SERVICE = { serviceMs: 10, spreadMs: 10 };
const WELL: Fault = { kind: 'shaky', ...SERVICE, share: 0 };
const SHAKY: Fault = { kind: 'shaky', ...SERVICE, share: 0.1 };

/**
 * An attempt may take many times what an answer takes: what it decides is how long the few calls wait that find out
 * about a black hole, and hardly the 99th percentile. Everything is stated, so that a row does not change with the
 * defaults.
 */
const ATTEMPT_MS = 500;
const DEADLINE_MS = 2_000;
const OPTIONS: ClientOptions = {
  retry: { attemptMs: ATTEMPT_MS },
  breaker: true,
  deadlineMs: DEADLINE_MS,
};

/** In the tests a machine is busy: nobody but the black hole takes so long, and no read runs out of time. */
const PATIENT: ClientOptions = { ...OPTIONS, retry: { attemptMs: 800 }, deadlineMs: 10_000 };

const POLICIES = `endpoints, retry (attemptMs ${ATTEMPT_MS}), breaker, deadlineMs ${DEADLINE_MS}`;

interface SetRun {
  readonly outcomes: readonly Outcome[];
  /** By endpoint, in the order of the faults. */
  readonly seens: readonly Seen[];
  readonly client: Client;
}

/** One client of several endpoints, each with its fault. */
async function runSet(stage: Stage, faults: readonly Fault[], load: Load, own: ClientOptions = {}): Promise<SetRun> {
  const options = stage.full ? { ...OPTIONS, ...own } : { ...own, ...PATIENT };
  const served = [];
  for (const fault of faults) served.push(await stage.serve({ fault }));
  const client = stage.client({ ...options, endpoints: served.map(({ origin }) => ({ url: origin })) });
  const outcomes = await loadOn(client, load);
  const seens = await Promise.all(served.map((one) => one.close()));
  client.destroy();
  return { outcomes, seens, client };
}

const readsP99 = (outcomes: readonly Outcome[]): number =>
  quantile(
    outcomes.filter(({ post }) => !post).map(({ tookMs }) => tookMs),
    0.99,
  );

/** What an endpoint received, as a share of the calls. */
const shareOf = ({ received }: Seen, outcomes: readonly Outcome[]): number => received / outcomes.length;

/**
 * The same set and load without a fault, with them, and without again: what else the machine does is in all three. The
 * first endpoint is the one in trouble.
 */
async function againstHealthy(
  stage: Stage,
  faults: readonly Fault[],
  load: Load,
  healthyCalls: number,
  options: ClientOptions = {},
) {
  const allWell = faults.map(() => WELL);
  const half = { ...load, calls: healthyCalls / 2 };
  const before = await runSet(stage, allWell, half, options);
  const ill = await runSet(stage, faults, load, options);
  const after = await runSet(stage, allWell, half, options);
  const healthy = [...before.outcomes, ...after.outcomes];
  const [healthyMs, illMs] = [readsP99(healthy), readsP99(ill.outcomes)];
  return figuresOf(ill.outcomes, together(ill.seens), {
    'failed while healthy': healthy.filter((outcome) => !isOk(outcome)).length,
    'p99 ms of reads while healthy': healthyMs,
    'p99 ms of reads': illMs,
    'p99 ÷ healthy': illMs / healthyMs,
    'share at the first': shareOf(ill.seens[0]!, ill.outcomes),
  });
}

const EVERY_READ = expect('every idempotent call succeeds', ({ readsOk }) => readsOk === 1);
const P99 = expectSpeed('their p99 ≤ 3 × that of the same run without faults', (f) => f.more['p99 ÷ healthy']! <= 3);
const sentThere = (most: number): ReturnType<typeof expect> =>
  expectSpeed(`≤ ${most * 100} % of the calls are sent there`, ({ more }) => more['share at the first']! <= most);

/** 50,000 of these are reads; they take a minute. */
const PROOF: Load = { calls: 62_500, perSecond: 1_000 };

const LONG: Load = { calls: 5_000, perSecond: 400 };

/** In the tests: callers that wait for their answers, so that a busy machine asks for less, not for all at once. */
const SHORT: Load = { calls: 480, concurrency: 10, postDeadlineMs: 1_200 };

const blackHole: Row = {
  name: 'one of three black-holed',
  fault:
    'one endpoint accepts requests and never answers; at the others one request in ten fails, with 503 or RST in turn',
  policies: POLICIES,
  expected: [NEARLY_ALL, ...EXTRA, P99],
  run: (stage) =>
    againstHealthy(
      stage,
      [{ kind: 'black hole', takes: 'requests' }, SHAKY, SHAKY],
      stage.pick(PROOF, SHORT),
      stage.pick(12_500, 60),
    ),
};

const unreachable: Row = {
  name: 'one of three unreachable',
  fault: 'one endpoint does not even answer a SYN; at the others one request in ten fails, with 503 or RST in turn',
  policies: POLICIES,
  expected: [NEARLY_ALL, ...EXTRA, P99],
  run: (stage) =>
    againstHealthy(
      stage,
      [{ kind: 'black hole', takes: 'nothing' }, SHAKY, SHAKY],
      stage.pick(LONG, SHORT),
      stage.pick(2_000, 60),
    ),
};

/** Longer than any row. */
const FOR_EVER_MS = 1_000_000;

const halfDead: Row = {
  name: 'half of the endpoints dead',
  fault: 'of four endpoints one resets every connection and one never answers',
  policies: POLICIES,
  expected: [NEARLY_ALL, ...EXTRA, P99],
  run: (stage) =>
    againstHealthy(
      stage,
      [{ kind: 'black hole', takes: 'requests' }, { kind: 'dead', fromMs: 0, untilMs: FOR_EVER_MS }, WELL, WELL],
      stage.pick(LONG, SHORT),
      stage.pick(2_000, 60),
    ),
};

/** Long enough that slow is not failed: what tells of the endpoint is time alone. */
const SLOW_ATTEMPT_MS = 1_000;

const gray: Row = {
  name: 'gray failure',
  fault: 'one endpoint of three answers, ten times slower than the others',
  policies: `endpoints, retry (attemptMs ${SLOW_ATTEMPT_MS}), breaker, deadlineMs ${DEADLINE_MS}`,
  expected: [
    expect('every call succeeds', ({ ok, calls }) => ok === calls),
    P99,
    expectSpeed('≤ 2 % of the calls are sent there', ({ more }) => more['share at the first']! <= 0.02),
  ],
  run: (stage) =>
    againstHealthy(
      stage,
      [{ kind: 'shaky', serviceMs: 100, spreadMs: 100, share: 0 }, WELL, WELL],
      stage.pick(LONG, SHORT),
      stage.pick(2_000, 60),
      { retry: { attemptMs: SLOW_ATTEMPT_MS } },
    ),
};

const flapping: Row = {
  name: 'one endpoint flaps',
  fault: 'one endpoint of three is up for 1 s and down for 1 s, repeatedly',
  policies: `${POLICIES}, balance (ejectMs 500)`,
  expected: [EVERY_READ, ...EXTRA],
  async run(stage) {
    const phaseMs = stage.pick(1_000, 300);
    const { outcomes, seens } = await runSet(
      stage,
      [{ kind: 'flapping', upMs: phaseMs, downMs: phaseMs }, WELL, WELL],
      stage.pick(LONG, SHORT),
      { balance: { ejectMs: 500 } },
    );
    return figuresOf(outcomes, together(seens), { 'share at the first': shareOf(seens[0]!, outcomes) });
  },
};

/** What the endpoint in question grants: a hundredth of what is asked of the set. */
const QUOTA = { kind: 'quota', limit: 4, windowMs: 1_000 } as const;

function storm(told: boolean): Row {
  return {
    name: `429 storm at one endpoint, ${told ? 'with' : 'without'} Retry-After`,
    fault: `one endpoint of three answers ${QUOTA.limit} per second, then 429 ${told ? 'with' : 'without'} Retry-After`,
    policies: POLICIES,
    expected: [
      EVERY_READ,
      ...EXTRA,
      P99,
      ...(told
        ? [expect('nothing is sent there before the time it named', ({ early }) => early === 0)]
        : [sentThere(0.03)]),
    ],
    run: (stage) =>
      againstHealthy(
        stage,
        [{ ...QUOTA, retryAfter: told }, WELL, WELL],
        stage.pick(LONG, SHORT),
        stage.pick(2_000, 60),
      ),
  };
}

export const ENDPOINTS: readonly Row[] = [blackHole, unreachable, halfDead, gray, flapping, storm(true), storm(false)];
