/** The server under the clients: nginx where it is installed, otherwise Node. */
import { spawnSync } from 'node:child_process';
import { startNginx } from './nginx.ts';
import { startNode } from './node-server.ts';
import type { BenchServer } from './server.ts';

/** Debian installs nginx where a user's PATH does not look. */
export function findNginx(): string | undefined {
  return ['nginx', '/usr/sbin/nginx'].find((file) => spawnSync(file, ['-v'], { stdio: 'ignore' }).status === 0);
}

/** @param kind which server; the best there is when left out */
export async function startServer(kind?: 'nginx' | 'node'): Promise<BenchServer> {
  const nginx = kind === 'node' ? undefined : findNginx();
  if (nginx !== undefined) return startNginx(nginx);
  if (kind === 'nginx') throw new Error('nginx is not installed');
  return startNode();
}
