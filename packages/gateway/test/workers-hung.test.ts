/** Workers that do nothing any more, as processes that are stopped: noticed, replaced, and nobody else is the worse. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExactWindow } from 'keepwarm';
import { countingNode, QUESTION } from './a-redis-gateway.ts';
import { type GatewayProcess, gatewayProcess } from './command-process.ts';
import { ask, eventually, httpServer, Opened } from './fixtures.ts';
import { Caller, isAlive, snapshotOf, workersOf } from './workers-load.ts';

/** Room for a machine that is busy: a worker that is well says so every second. */
const SILENT_MS = 5_000;
const LIMIT = { limit: 40, windowMs: 500 };

interface Told {
  readonly kind: string;
  readonly worker?: number;
  readonly how?: string;
}

/** What has happened so far. */
async function happenings({ admin }: GatewayProcess): Promise<readonly Told[]> {
  const kinds = 'workerSilent,workerHeard,workerGone';
  const response = await fetch(`http://${admin}/api/events?kinds=${kinds}&since=0-0`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  // What is remembered comes in one turn with the beginning.
  let text = '';
  while (!text.includes('workerGone')) text += (await reader.read()).value ?? '';
  await reader.cancel();
  const lines = text.split('\n').filter((line) => line.startsWith('data: {"id"'));
  return lines.map((line) => JSON.parse(line.slice(6)) as Told);
}

const readiness = async ({ admin }: GatewayProcess): Promise<string> => {
  const { status, body } = await ask(`http://${admin}/readyz`);
  return `${status} ${String(body).trim()}`;
};

const metric = async ({ admin }: GatewayProcess, name: string): Promise<number> => {
  const text = String((await ask(`http://${admin}/metrics`)).body);
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
};

/** What can be seen on the way. Looks overlap: one that is made before a worker is known to hang waits for it. */
function watch(gateway: GatewayProcess) {
  const [readinesses, states] = [new Set<string>(), new Set<string>()];
  const looks = new Set<Promise<void>>();
  const look = async (): Promise<void> => {
    const stats = snapshotOf(gateway.admin).then(({ workers, readiness }) => {
      states.add(`${workers!.map(({ state }) => state).join(', ')}; ${readiness}`);
    });
    await Promise.allSettled([stats, readiness(gateway).then((text) => readinesses.add(text))]);
  };
  const timer = setInterval(() => {
    const one: Promise<void> = look().finally(() => looks.delete(one));
    looks.add(one);
  }, 250);
  const stop = async () => {
    clearInterval(timer);
    await Promise.all(looks);
    return { readiness: readinesses, states };
  };
  return { stop };
}

describe('workers that hang', { concurrency: true }, () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('are replaced: the others serve, no connection is left behind, no window has more than the limit', async () => {
    const node = opened.add(await countingNode());
    const upstream = opened.add(
      await httpServer((request, response) => void request.resume().on('end', () => response.end('here'))),
    );
    const endpoint = { name: 'one', url: node.origin, rateLimit: { ...LIMIT, name: 'plan' } };
    const nodes = { jsonrpc: 'evm', coalesce: false, cache: false, endpoints: [endpoint] };
    const gateway = opened.add(
      await gatewayProcess({ api: { origin: upstream.origin }, nodes }, { workers: 3, workerSilentMs: SILENT_MS }),
    );
    const callers = Array.from({ length: 6 }, () => new Caller(`${gateway.data}/nodes`, QUESTION));
    await eventually(async () => callers.every(({ tally }) => tally.ok >= 5));
    const [first, ...hanging] = await workersOf(gateway.admin);
    for (const { pid } of hanging) process.kill(pid!, 'SIGSTOP');
    // Each of them is handed one at most, and those are not lost either.
    const fresh = Promise.all(Array.from({ length: 12 }, () => ask(`${gateway.data}/api/`)));
    const seen = watch(gateway);
    await eventually(async () => {
      const now = await workersOf(gateway.admin);
      return now.slice(1).every(({ state, replaced, hung }) => state === 'serving' && replaced === 1 && hung === 1);
    });
    const watched = await seen.stop();
    assert.ok(watched.readiness.has('503 1 of 3 workers serve'), [...watched.readiness].join());
    assert.ok(watched.states.has('serving, silent, silent; 1 of 3 workers serve'), [...watched.states].join(' | '));
    const [now] = await workersOf(gateway.admin);
    assert.equal(now!.pid, first!.pid, 'who is heard of stays');
    assert.deepEqual(hanging.flatMap(({ pid }) => pid ?? []).filter(isAlive), []);
    assert.deepEqual(
      (await fresh).map(({ status, body }) => `${status} ${body}`),
      Array(12).fill('200 here'),
    );
    const before = callers.map(({ tally }) => tally.ok);
    await eventually(async () => callers.every(({ tally }, i) => tally.ok >= before[i]! + 5));
    await Promise.all(callers.map((caller) => caller.stop()));
    const failed = callers.map(({ tally }) => tally.failed);
    assert.ok(
      failed.some((each) => each.length === 0),
      'callers of the other worker noticed nothing',
    );
    for (const each of failed) assert.ok(each.length <= 1, each.join());
    const window = new ExactWindow(LIMIT);
    for (const at of node.seen)
      assert.ok(window.take(1, at), `more than ${LIMIT.limit} in the window that ends at ${at}`);
    assert.equal(await readiness(gateway), '200 ready');
    assert.equal(await metric(gateway, 'keepwarm_gateway_workers_hung_total'), 2);
    const told = await happenings(gateway);
    const kinds = told.map(({ kind, worker }) => `${kind} ${worker}`).sort();
    assert.deepEqual(kinds, ['workerGone 2', 'workerGone 3', 'workerSilent 2', 'workerSilent 3']);
    const reason = `nothing was heard of it for ${SILENT_MS} ms (limit workerSilentMs ${SILENT_MS})`;
    for (const { kind, how } of told) if (kind === 'workerGone') assert.equal(how, reason);
    assert.ok(gateway.printed().includes(reason) && gateway.printed().includes('nothing is heard of a worker'));
  });

  it('all at once leave the port open: who calls meanwhile waits for the successors, and is answered', async () => {
    const upstream = opened.add(await httpServer((_, response) => response.end('here')));
    const gateway = opened.add(
      await gatewayProcess({ api: { origin: upstream.origin } }, { workers: 2, workerSilentMs: SILENT_MS }),
    );
    const hanging = await workersOf(gateway.admin);
    for (const { pid } of hanging) process.kill(pid!, 'SIGSTOP');
    const asks: Promise<string>[] = [];
    const call = async (): Promise<string> => {
      try {
        return String((await ask(`${gateway.data}/api/`)).status);
      } catch (error) {
        return String(error);
      }
    };
    const calling = setInterval(() => asks.push(call()), 50);
    await eventually(async () => {
      const now = await workersOf(gateway.admin);
      return now.every(({ state, replaced }) => state === 'serving' && replaced === 1);
    });
    clearInterval(calling);
    assert.deepEqual([...new Set(await Promise.all(asks))], ['200']);
    assert.deepEqual(hanging.flatMap(({ pid }) => pid ?? []).filter(isAlive), []);
    assert.equal(await metric(gateway, 'keepwarm_gateway_workers_hung_total'), 2);
  });

  it('and go on in time lose nothing, nor those of a first process that was stopped itself', async () => {
    let waiting = 0;
    const upstream = opened.add(
      await httpServer((_, response) => {
        waiting++;
        setTimeout(() => response.end('here'), 100);
      }),
    );
    const gateway = opened.add(
      await gatewayProcess({ api: { origin: upstream.origin } }, { workers: 2, workerSilentMs: 30_000 }),
    );
    const asks = Promise.all(Array.from({ length: 8 }, () => ask(`${gateway.data}/api/`)));
    await eventually(async () => waiting === 8);
    const [, second] = await workersOf(gateway.admin);
    process.kill(second!.pid!, 'SIGSTOP');
    await eventually(async () => (await workersOf(gateway.admin))[1]!.state === 'silent');
    assert.equal(await readiness(gateway), '200 ready', 'half of them serve');
    process.kill(second!.pid!, 'SIGCONT');
    await eventually(async () => (await workersOf(gateway.admin))[1]!.state === 'serving');
    assert.deepEqual(
      (await asks).map(({ status }) => status),
      Array(8).fill(200),
    );
    const [, now] = await workersOf(gateway.admin);
    assert.deepEqual([now!.pid, now!.hung, now!.replaced], [second!.pid, 0, 0]);
    assert.ok(gateway.printed().includes('a worker is heard of again'));

    // And none is ended for what the first process has missed, which was stopped itself for longer than that.
    const file = join(gateway.folder, 'keepwarm.json');
    const config = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...config, workerSilentMs: SILENT_MS }));
    gateway.child.kill('SIGHUP');
    await eventually(async () => gateway.printed().includes('reloaded:'));
    const before = await workersOf(gateway.admin);
    gateway.child.kill('SIGSTOP');
    await sleep(SILENT_MS + 1_000); // which is what it is about: longer than any of them may be silent
    gateway.child.kill('SIGCONT');
    const after = await workersOf(gateway.admin);
    await sleep(1_500); // its next look
    for (const now of [after, await workersOf(gateway.admin)]) {
      assert.deepEqual(
        now.map(({ pid, state, hung }) => [pid, state, hung]),
        before.map(({ pid }) => [pid, 'serving', 0]),
      );
    }
  });
});
