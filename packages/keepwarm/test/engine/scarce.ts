/** Run by descriptors.test.ts under a low `ulimit -n`: takes up descriptors, calls, and reports what came of it. */
import { closeSync, openSync } from 'node:fs';
import { createClient, NetError } from '../../src/index.ts';

const [mode, origin = ''] = process.argv.slice(2);
const taken: number[] = [];

/** Opens files until the system gives no more, then gives `spare` of them back. */
function exhaust(spare: number): void {
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error;
  }
  for (let i = 0; i < spare; i++) closeSync(taken.pop()!);
}

function free(): void {
  for (const descriptor of taken.splice(0)) closeSync(descriptor);
}

await using client = createClient({ origin, retry: false, breaker: false, pool: { socketsMax: 100, idleMax: 100 } });

async function burst(): Promise<{ answered: number; failed: string[]; sockets: number }> {
  const calls = Array.from({ length: 300 }, () => client.get('/').text());
  const outcomes = await Promise.allSettled(calls);
  const failed = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
  return { answered: 300 - failed.length, failed: failed.slice(0, 3), sockets: client.stats().sockets.open };
}

if (mode === 'few') {
  exhaust(6);
  const { answered, failed, sockets } = await burst();
  free();
  let later = sockets;
  for (let i = 0; i < 50 && later <= sockets; i++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    later = (await burst()).sockets;
  }
  console.log(JSON.stringify({ answered, failed, most: sockets, later }));
} else {
  exhaust(0);
  const thrown = await client.get('/').catch((error: unknown) => error);
  free();
  const { code, reach, phase, systemCode } = NetError.from(thrown);
  const afterwards = await client.get('/').text();
  console.log(JSON.stringify({ error: { code, reach, phase, systemCode }, afterwards }));
}
