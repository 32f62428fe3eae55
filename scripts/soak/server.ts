/** The server's process: a Geyser test server whose slots go by, and what befalls it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startGeyserServer } from 'keepwarm/testing/geyser';
import { FAULTS } from './faults.ts';
import type { Order, Said, ServerPlan } from './orders.ts';

const plan = JSON.parse(process.argv[2] ?? '{}') as ServerPlan;
const geyser = await startGeyserServer({
  ...{ accountsPerSlot: plan.accountsPerSlot, transactionsPerSlot: 2, replaySlots: 600, pingMs: 300 },
  ...{ connectionLimit: plan.connectionLimit, windowMs: plan.windowMs, banMs: plan.windowMs },
});
const faults: Record<string, number> = {};
let slots = 0;
let quiet = new AbortController();

const say = (said: Said): void => void process.send?.(said);
process.on('message', (order: Order) => {
  if (order === 'begin') begin();
  else if (order === 'quiet') quiet.abort();
  else if (order === 'tell') say({ stats: geyser.stats(), slots, faults, rssBytes: process.memoryUsage.rss() });
  else void geyser.close().then(() => process.disconnect());
});
process.on('disconnect', () => process.exit(0));
say({ listening: geyser.target, owners: geyser.owners });

function begin(): void {
  quiet = new AbortController();
  const ticking = setInterval(() => {
    geyser.advance();
    slots++;
  }, plan.slotMs);
  quiet.signal.addEventListener('abort', () => clearInterval(ticking));
  void trouble(quiet.signal).catch(() => undefined); // told to be quiet in the middle of a wait
}

/** Every fault once, in an order drawn anew each time round. */
async function trouble(signal: AbortSignal): Promise<void> {
  let state = plan.seed;
  const below = (count: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
  while (!signal.aborted) {
    const left = [...FAULTS];
    while (left.length > 0 && !signal.aborted) {
      const [fault] = left.splice(below(left.length), 1);
      await sleep(plan.faultMs, undefined, { signal });
      faults[fault!.name] = (faults[fault!.name] ?? 0) + 1;
      await fault!.befall(geyser);
    }
  }
}
