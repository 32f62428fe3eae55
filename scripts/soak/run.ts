/** One soak: a pool with leases, streams and a multiplexer against a server in a process of its own that misbehaves. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGrpcPool, type GrpcPool, type GrpcPoolStats } from 'keepwarm/grpc';
import { Multiplexer, openWith } from 'keepwarm/multiplexer';
import { createYellowstone } from 'keepwarm/yellowstone';
import { Callers } from './calls.ts';
import { restOf, type Sample, sample, type Trend, trendOf } from './memory.ts';
import type { Order, Said, ServerFigures, ServerPlan } from './orders.ts';
import { direct, type Subscriber, through } from './subscribers.ts';

export interface SoakPlan extends ServerPlan {
  readonly lengthMs: number;
  /** Told as it goes, once for each sample of memory. */
  readonly progress?: ((line: string) => void) | undefined;
}

export interface SubscriberFigures {
  readonly name: string;
  readonly updates: number;
  readonly missing: number;
  readonly twice: number;
  readonly dropped: number;
  readonly gaps: number;
  readonly error: string | undefined;
}

export interface SoakReport {
  readonly seconds: number;
  readonly server: ServerFigures;
  readonly subscribers: readonly SubscriberFigures[];
  /** Monitors that joined the multiplexer for a while and left it. */
  readonly guests: { readonly came: number; readonly missing: number; readonly twice: number; readonly failed: number };
  readonly calls: Callers['counts'];
  readonly multiplexer: Readonly<Record<'drops' | 'gaps' | 'replayed' | 'rewrites' | 'streamsOpened', number>>;
  readonly pool: Pick<GrpcPoolStats, 'opened' | 'failed' | 'reconnects' | 'revived' | 'rotations' | 'ended'>;
  readonly sockets: {
    /** By the client: opened, and attempts that failed. By the server: accepted. Both are counted from the start. */
    readonly dialled: number;
    readonly accepted: number;
    /** Connections that the client counts as ended, of those. */
    readonly ended: number;
    /** After the end, by the client's process and by the server. */
    readonly openHere: number;
    readonly openThere: number;
  };
  readonly heap: Trend;
  readonly outside: Trend;
  readonly rss: Trend;
  /** RSS without V8's young generation. */
  readonly rest: Trend;
}

/** At most, and at most one a second. */
const SAMPLES = 180;
const GUEST_MS = 2_000;
const SETTLE_MS = 20_000;
const BYTES_MAX = 64 * 1024 * 1024;
/** Short, so that every kind of trouble comes often: see `faults.ts`. */
const TIMES = { silenceMs: 1_000, firstMessageMs: 1_500, backoffMs: 50, backoffMsMax: 1_000 };

export async function soak(plan: SoakPlan): Promise<SoakReport> {
  const { progress: _, lengthMs: __, ...serverPlan } = plan;
  const server = await ServerProcess.start(serverPlan);
  const pool = poolFor(server.target, plan);
  try {
    return await run(plan, server, pool);
  } finally {
    await pool.close({ deadlineMs: 0 });
    server.kill();
  }
}

async function run(plan: SoakPlan, server: ServerProcess, pool: GrpcPool): Promise<SoakReport> {
  const [watchers, shared] = await Promise.all([
    pool.lease('watchers', { group: 'watchers' }),
    pool.lease('multiplexer', { group: 'multiplexer' }),
  ]);
  const yellowstone = createYellowstone({ client: watchers.client, ...TIMES, pingMs: 2_000 });
  const { firstMessageMs: _, ...muxTimes } = TIMES;
  const mux = new Multiplexer({ open: openWith(() => shared.client, BYTES_MAX) }, muxTimes);
  const [first = '', second = '', third = ''] = server.owners;
  const subscribers: Subscriber[] = [
    direct(yellowstone, 'all, by itself', []),
    direct(yellowstone, 'one program, by itself', [first]),
    through(mux, 'all', [], { from: 1 }),
    through(mux, 'all again', [], { from: 1 }),
    through(mux, 'one program', [first]),
    through(mux, 'two programs', [second, third]),
    through(mux, 'all, slowly', [], { slowMs: 20 }),
  ];
  await until('every subscriber is ready', () => subscribers.every(({ ready }) => ready));
  const callers = new Callers(pool);
  await server.order('begin');
  const guests = new Guests(mux, third);
  const samples = await wait(plan, () => `${subscribers[0]!.tally.count} updates, ${mux.stats().drops} drops`);

  await guests.end();
  await callers.end();
  await server.order('quiet');
  const last = (await server.tell()).slots * plan.accountsPerSlot;
  const whole = subscribers.filter(({ tally }) => tally.whole);
  await until('all has come', () => whole.every(({ tally }) => tally.last >= last), false);
  await sleep(1_000); // whoever gets less may be behind those
  const { drops, gaps, replayed, rewrites, streamsOpened } = mux.stats();
  const subscriberFigures = subscribers.map((each) => figuresOf(each, subscribers, last));
  for (const each of subscribers) each.close();
  mux.close();
  await yellowstone.close();
  watchers.release();
  shared.release();
  await pool.close({ deadlineMs: 1_000 });
  const figures = await gone(server);
  await until('no socket is left here', () => openSockets() === 0, false);
  const { opened, failed, reconnects, revived, rotations, ended } = pool.stats();
  return {
    seconds: plan.lengthMs / 1_000,
    server: figures,
    subscribers: subscriberFigures,
    guests: guests.figures,
    calls: callers.counts,
    multiplexer: { drops, gaps, replayed, rewrites, streamsOpened },
    pool: { opened, failed, reconnects, revived, rotations, ended },
    sockets: {
      dialled: opened + failed,
      accepted: figures.stats.connections.accepted,
      ended: Object.values(ended).reduce((sum, count) => sum + count, 0),
      openHere: openSockets(),
      openThere: figures.stats.connections.open,
    },
    heap: trendOf(samples, ({ heapBytes }) => heapBytes),
    outside: trendOf(samples, ({ outsideBytes }) => outsideBytes),
    rss: trendOf(samples, ({ rssBytes }) => rssBytes),
    rest: trendOf(samples, restOf),
  };
}

function poolFor(target: string, { connectionLimit, windowMs }: ServerPlan): GrpcPool {
  return createGrpcPool({
    target,
    ...{ connectionsMax: 8, ageMs: 20_000, tickMs: 500, connectMs: 500, backoffMs: 50, backoffMsMax: 1_000 },
    ...{ healthCheckMs: 1_000, healthDeadlineMs: 300, waitMs: 30_000 },
    connectionRate: {
      ...{ limit: connectionLimit, windowMs, assumed: 'empty', attemptMs: 500 },
      ...{ penaltyMs: 300, penaltyMsMax: 1_000 },
    },
  });
}

/** Monitors that come, are told what they asked for, and leave, for as long as the soak lasts. */
class Guests {
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  readonly figures = { came: 0, missing: 0, twice: 0, failed: 0 };

  constructor(mux: Multiplexer, owner: string) {
    this.#running = this.#come(mux, owner);
  }

  end(): Promise<void> {
    this.#ending.abort();
    return this.#running;
  }

  async #come(mux: Multiplexer, owner: string): Promise<void> {
    const { signal } = this.#ending;
    const { figures } = this;
    while (!signal.aborted) {
      const guest = through(mux, `guest ${++figures.came}`, figures.came % 2 === 0 ? [owner] : []);
      await sleep(GUEST_MS, undefined, { signal }).catch(() => undefined);
      figures.missing += guest.tally.missing;
      figures.twice += guest.tally.again;
      if (guest.error !== undefined) figures.failed++;
      guest.close();
    }
  }
}

/** Whoever gets some is compared with the first, who gets all and whose numbers leave none out. */
function figuresOf({ tally, owners, dropped, gaps, error }: Subscriber, all: readonly Subscriber[], last: number) {
  const reference = all[0]!.tally;
  let missing = tally.missing + (tally.whole ? last - tally.last : 0);
  if (owners.length > 0) {
    const expected = reference.owners.filter((owner) => tally.owners.includes(owner));
    missing += Math.abs(expected.length - owners.length);
    for (const owner of expected) {
      const [got, asked] = [tally.of(owner), reference.of(owner)];
      missing += Math.max(Math.abs(asked.count - got.count), got.sum === asked.sum ? 0 : 1);
    }
  }
  const said = error === undefined ? undefined : String(error);
  return { name: tally.name, updates: tally.count, missing, twice: tally.again, dropped, gaps, error: said };
}

async function wait({ lengthMs, progress }: SoakPlan, state: () => string): Promise<Sample[]> {
  const startedAt = performance.now();
  const samples: Sample[] = [];
  const count = Math.min(SAMPLES, Math.ceil(lengthMs / 1_000));
  for (let next = 1; next <= count; next++) {
    await sleep(Math.max(startedAt + (lengthMs * next) / count - performance.now(), 0));
    const taken = sample(performance.now() - startedAt);
    samples.push(taken);
    const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
    const memory = `heap ${mib(taken.heapBytes)}, outside ${mib(taken.outsideBytes)}, RSS ${mib(taken.rssBytes)} MiB`;
    progress?.(`${(taken.atMs / 1_000).toFixed(0)} s: ${memory}, ${state()}`);
  }
  return samples;
}

const openSockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

async function gone(server: ServerProcess): Promise<ServerFigures> {
  let figures = await server.tell();
  for (const end = performance.now() + SETTLE_MS; figures.stats.connections.open > 0; figures = await server.tell()) {
    if (performance.now() > end) return figures;
    await sleep(50);
  }
  return figures;
}

async function until(what: string, holds: () => boolean, must = true): Promise<void> {
  for (const end = performance.now() + SETTLE_MS; !holds(); await sleep(20)) {
    if (performance.now() < end) continue;
    if (must) throw new Error(`within ${SETTLE_MS} ms it did not come about that ${what}`);
    return;
  }
}

class ServerProcess {
  readonly target: string;
  readonly owners: readonly string[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, target: string, owners: readonly string[]) {
    this.#child = child;
    this.target = target;
    this.owners = owners;
  }

  static async start(plan: ServerPlan): Promise<ServerProcess> {
    const main = new URL('./server.ts', import.meta.url);
    const child = fork(main, [JSON.stringify(plan)], { execArgv: ['--conditions=keepwarm-source'] });
    const [said] = (await once(child, 'message')) as [Said];
    if (!('listening' in said)) throw new Error('the server did not say where it listens');
    return new ServerProcess(child, said.listening, said.owners);
  }

  async order(order: Order): Promise<void> {
    this.#child.send(order);
  }

  async tell(): Promise<ServerFigures> {
    const said = once(this.#child, 'message', { signal: AbortSignal.timeout(SETTLE_MS) });
    this.#child.send('tell');
    const [figures] = (await said) as [Said];
    if ('listening' in figures) throw new Error('the server said where it listens, again');
    return figures;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
