import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until somebody listens on the port. @param waitMs how long at most */
export async function awaitPort(port: number, waitMs = 60_000): Promise<void> {
  for (const endMs = performance.now() + waitMs; ; await sleep(10)) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).once('error', () => resolve(false));
    });
    if (open) return;
    if (performance.now() > endMs) throw new Error(`nobody listens on port ${port} after ${waitMs} ms`);
  }
}
