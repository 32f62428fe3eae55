/** A gateway that is killed while it replays: its callers come back to the next one, and nobody has missed anything. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { startGeyserServer } from 'keepwarm/testing/geyser';
import { createYellowstone } from 'keepwarm/yellowstone';
import { COMMAND_LINE } from './command-process.ts';
import { ownPort } from './fixtures.ts';

/** Killed, wherever it was. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

it('tells each update once through three kills, and opens no more connections than the provider allows', async (t) => {
  const limits = { connectionLimit: 3, windowMs: 2_000 };
  const geyser = await startGeyserServer({ accountsPerSlot: 50, slotMs: 25, replaySlots: 50_000, ...limits });
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-killed-'));
  const config = join(folder, 'keepwarm.json');
  const port = await ownPort();
  const connectionRate = { limit: 3, windowMs: 2_000, lateMs: 100, attemptMs: 500 };
  const solana = { grpc: 'geyser', target: geyser.target, listen: `127.0.0.1:${port}`, connectionRate };
  const listeners = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', history: false };
  writeFileSync(config, JSON.stringify({ ...listeners, upstreams: { solana } }));
  const env = { ...process.env, KEEPWARM_RUNTIME_DIR: folder, KEEPWARM_STATE_DIR: folder };
  const yellowstone = createYellowstone({ target: `http://127.0.0.1:${port}`, backoffMs: 50, backoffMsMax: 500 });
  const stream = yellowstone.subscribe({ accounts: { all: {} }, fromSlot: 100n });
  const endedByItself: number[] = [];
  const begin = (): ChildProcess => {
    const args = [...COMMAND_LINE, 'gateway', '--config', config];
    return spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] }).once('exit', (code) => {
      if (code === null) return; // it was killed
      endedByItself.push(code);
      stream.close();
    });
  };
  let gateway = begin();
  t.after(async () => {
    await yellowstone.close({ deadlineMs: 0 });
    await ended(gateway);
    await geyser.close();
    rmSync(folder, { recursive: true, force: true });
  });
  geyser.advance(60);
  const versions: number[] = [];
  // In the middle of what was asked for, and twice once it has gone on live.
  const kills = [500, 4_000, 6_000];
  for await (const message of stream) {
    if (message.kind === 'gap') throw new Error(`${message.reason}: slots ${message.from} to ${message.to}`);
    const { updateOneof } = message.value;
    if (updateOneof.case === 'account') versions.push(Number(updateOneof.value.account!.writeVersion));
    if (versions.length > 8_000 && kills.length === 0) break;
    if (versions.length < (kills[0] ?? Number.POSITIVE_INFINITY)) continue;
    kills.shift();
    await ended(gateway);
    gateway = begin();
  }
  assert.deepEqual(endedByItself, []);
  assert.deepEqual(
    versions,
    versions.map((_, i) => i + 1),
  );
  const { violations, windowMax, accepted } = geyser.stats().connections;
  assert.equal(violations, 0, `${windowMax} of ${accepted} connections came within a window`);
  // One that is killed before it was needed has opened none: what it had told before was still being read.
  assert.ok(accepted >= 2 && kills.length === 0);
});
