/**
 * A port for a server that is configured with it, or comes back to it. Below those a system hands out by itself (from
 * 32768 on Linux): of these, one that was free a moment ago may be the near end of somebody's connection the next, and
 * of one's own that tries to reach it again and again.
 */
import { createServer } from 'node:net';

const [LOWEST, HIGHEST] = [20_000, 32_700];

export async function ownPort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
