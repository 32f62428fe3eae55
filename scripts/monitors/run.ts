/** One run of seven monitors: through the gateway while upstream is lost again and again, then each by itself. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GeyserServer, startGeyserServer } from 'keepwarm/testing/geyser';
import { type All, MonitorProcess, startGateway } from './process.ts';
import { requestsOf } from './requests.ts';

export interface MonitorsPlan {
  /** Told to all monitors together, at least. */
  readonly updates: number;
  readonly drops: number;
  readonly slotMs: number;
  readonly accountsPerSlot: number;
}

export interface MonitorReport {
  readonly name: string;
  readonly updates: number;
  /** Of what it got through the gateway, against what it gets alone. */
  readonly missing: number;
  readonly extra: number;
  readonly twice: number;
  /** Whether everything but statuses of slots came in the same order. */
  readonly inOrder: boolean;
}

export interface MonitorsReport {
  readonly monitors: readonly MonitorReport[];
  readonly slots: number;
  readonly drops: number;
  /** The most connections and subscriptions that the server had at once, those it had told to go away aside. */
  readonly connectionsMax: number;
  readonly subscriptionsMax: number;
  readonly connectionsOpened: number;
  /** What the gateway says of its multiplexer. */
  readonly multiplexer: Readonly<Record<string, unknown>>;
}

const TOKENS = { upstream: 'token-of-the-provider', local: 'token-of-this-machine' };
/** Nothing came for so long: there is no more. */
const QUIET_MS = 400;

export async function monitors(plan: MonitorsPlan): Promise<MonitorsReport> {
  const geyser = await startGeyserServer({
    ...{ token: TOKENS.upstream, accountsPerSlot: plan.accountsPerSlot, transactionsPerSlot: plan.accountsPerSlot / 2 },
    ...{ replaySlots: 100_000, pingMs: 500 },
  });
  const folder = await mkdtemp(join(tmpdir(), 'keepwarm-monitors-'));
  const file = join(folder, 'keepwarm.json');
  await writeFile(file, JSON.stringify(configOf(geyser.target)));
  const gateway = await startGateway(file);
  const asked = requestsOf(geyser.accounts, geyser.owners);
  const running = asked.map(({ name }) => new MonitorProcess(name));
  try {
    await Promise.all(running.map((each, i) => each.subscribe(gateway.grpc, TOKENS.local, asked[i]!.request)));
    await taken(gateway.admin, running.length);
    const seen = await drive(geyser, running, plan);
    const multiplexer = await toldBy(gateway.admin);
    const got = await Promise.all(running.map((each) => each.end()));
    await gateway.stop();
    const alone = await replayed(geyser, asked);
    return {
      monitors: asked.map(({ name }, i) => compared(name, got[i]!, alone[i]!)),
      ...seen,
      multiplexer,
    };
  } finally {
    for (const each of running) each.kill();
    await gateway.stop().catch(() => undefined); // it has ended
    await geyser.close();
    await rm(folder, { recursive: true });
  }
}

function configOf(target: string): object {
  const multiplexer = { backoffMs: 20 };
  const solana = { grpc: 'geyser', target, listen: '127.0.0.1:0', token: TOKENS.upstream, tokens: [TOKENS.local] };
  const pool = { backoffMs: 20 };
  return { listen: '127.0.0.1:0', admin: '127.0.0.1:0', upstreams: { solana: { ...solana, pool, multiplexer } } };
}

/** Slots go by and connections are lost, until enough has been told. */
async function drive(geyser: GeyserServer, running: readonly MonitorProcess[], plan: MonitorsPlan) {
  let [slots, drops, connectionsMax, subscriptionsMax] = [0, 0, 0, 0];
  let leaving = false;
  const look = (): boolean => {
    const { connections, subscriptions } = geyser.stats();
    subscriptionsMax = Math.max(subscriptionsMax, subscriptions.open);
    const back = subscriptions.open === 1 && connections.open === 1;
    // One that was told to go away may still be there when the next one is.
    leaving &&= !back;
    if (!leaving) connectionsMax = Math.max(connectionsMax, connections.open);
    return back;
  };
  const total = async (): Promise<number> => {
    const counts = await Promise.all(running.map((each) => each.count()));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  const each = Math.max(plan.updates / (plan.drops + 1), 1);
  let told = 0;
  for (let next = each; told < plan.updates || drops < plan.drops; ) {
    geyser.advance();
    slots++;
    look();
    await sleep(plan.slotMs);
    if (slots % 5 === 0) told = await total();
    if (told < next || drops >= plan.drops) continue;
    next += each;
    leaving = true;
    losses[drops++ % losses.length]!(geyser);
    await sleep(0);
    geyser.advance(2); // while nobody listens
    slots += 2;
    for (const until = Date.now() + 15_000; !look(); await sleep(5)) {
      if (Date.now() > until) throw new Error('the gateway did not come back');
    }
  }
  for (let before = -1, now = 0; now !== before; before = now, now = await total()) await sleep(QUIET_MS);
  look();
  return { slots, drops, connectionsMax, subscriptionsMax, connectionsOpened: geyser.stats().connections.accepted };
}

/** Ways to lose a stream. */
const losses: readonly ((geyser: GeyserServer) => void)[] = [
  (geyser) => geyser.reset(),
  (geyser) => geyser.lag(),
  (geyser) => geyser.fail('UNAVAILABLE', 'going away'),
  (geyser) => {
    geyser.goaway();
    geyser.fail('CANCELLED');
  },
];

/** Each by itself, straight from the server, everything from the first slot on. */
async function replayed(geyser: GeyserServer, asked: ReturnType<typeof requestsOf>): Promise<All[]> {
  return Promise.all(
    asked.map(async ({ name, request }) => {
      const monitor = new MonitorProcess(`${name}, alone`);
      try {
        await monitor.subscribe(geyser.target, TOKENS.upstream, { ...request, fromSlot: '100' });
        for (let before = -1, now = 0; now !== before || now === 0; before = now, now = await monitor.count()) {
          await sleep(QUIET_MS);
        }
        return await monitor.end();
      } finally {
        monitor.kill();
      }
    }),
  );
}

/** Waits until upstream has every monitor's filters. */
async function taken(admin: string, count: number): Promise<void> {
  for (const until = Date.now() + 10_000; Date.now() < until; await sleep(20)) {
    const { monitors: told = [], streams = [] } = (await toldBy(admin)) as {
      monitors?: { filters: number }[];
      streams?: { pending: boolean }[];
    };
    const ready = told.filter(({ filters }) => filters > 0).length === count;
    if (ready && streams.length === 1 && !streams[0]!.pending) return;
  }
  throw new Error(`the monitors were not taken within ten seconds: ${JSON.stringify(await toldBy(admin))}`);
}

async function toldBy(admin: string): Promise<Record<string, unknown>> {
  const answer = await fetch(`${admin}/api/grpc-pool/stats`);
  return ((await answer.json()) as { multiplexer: Record<string, unknown> }).multiplexer;
}

function compared(name: string, through: All, alone: All): MonitorReport {
  const counts = new Map<string, number>();
  for (const digest of [...alone.digests, ...alone.statuses]) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  const all = [...through.digests, ...through.statuses];
  let extra = 0;
  let twice = 0;
  for (const digest of all) {
    const left = counts.get(digest);
    if (left === undefined) extra++;
    else if (left === 0) twice++;
    else counts.set(digest, left - 1);
  }
  const missing = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const inOrder = through.digests.every((digest, i) => digest === alone.digests[i]);
  return { name, updates: all.length, missing, extra, twice, inOrder };
}
