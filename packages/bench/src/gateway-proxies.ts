/**
 * The proxies that are compared: keepwarm's gateway as people run it, nginx, and two of Node's. One process each, one
 * event loop, pinned to one core; all hold up to 64 connections to the same upstream.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gatewayMain, measuredArgv } from './built.ts';
import { pinned } from './pin.ts';
import { scratch, tether } from './scratch.ts';
import { awaitPort } from './server/await-port.ts';
import { freePort, PATHS } from './server/server.ts';
import { findNginx } from './server/start.ts';

export interface ProxyProcess {
  readonly name: string;
  /** Where the upstream's reply of 100 B is had through it. */
  readonly origin: string;
  readonly path: string;
  /** User and system time of its process since the start, in µs; 0 where the system does not tell. */
  cpuMicros(): number;
  /** Memory the process has in use, in bytes; 0 where the system does not tell. */
  rssBytes(): number;
  close(): Promise<void>;
}

export const OURS = 'keepwarm gateway';
const NGINX = 'nginx proxy';
/** In the order of the table. */
export const PROXIES = [OURS, NGINX, 'http-proxy', '@fastify/http-proxy'] as const;

/** Connections to the upstream. */
const SOCKETS_MAX = 64;
/** More than the idle scenario opens. */
const CALLERS_MAX = 16_384;

/** @param upstream as an origin */
export async function startProxy(name: string, upstream: string): Promise<ProxyProcess> {
  if (name === OURS) return startOurs(upstream);
  if (name === NGINX) return startNginxProxy(upstream);
  return startNodeProxy(name, upstream);
}

/** The command itself, with its defaults but for the limits on callers, which the idle scenario would reach. */
async function startOurs(upstream: string): Promise<ProxyProcess> {
  const files = scratch();
  const [port, admin] = [await freePort(), await freePort()];
  const config = {
    listen: `127.0.0.1:${port}`,
    admin: `127.0.0.1:${admin}`,
    callersMax: CALLERS_MAX,
    callerIdleMs: 3_600_000,
    callerStallMs: 3_600_000,
    upstreams: { api: { origin: upstream, pool: { socketsMax: SOCKETS_MAX, idleMax: SOCKETS_MAX } } },
  };
  const file = join(files.folder, 'keepwarm.json');
  await writeFile(file, JSON.stringify(config));
  const command = pinned('client', process.execPath, [...measuredArgv(), gatewayMain(), 'gateway', '--config', file]);
  const child = spawn(command.file, command.args, { stdio: ['ignore', 'ignore', 'pipe'] });
  return running(OURS, child, port, `/api${PATHS['100B']}`, () => files.close());
}

async function startNodeProxy(name: string, upstream: string): Promise<ProxyProcess> {
  const command = pinned('client', process.execPath, [...process.execArgv]);
  const child = fork(new URL('./gateway-proxy-main.ts', import.meta.url), [name, upstream, String(SOCKETS_MAX)], {
    execPath: command.file,
    execArgv: [...command.args],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
  });
  const ended = once(child, 'exit').then(() => Promise.reject(new Error(`${name} ended at once`)));
  const [{ port }] = (await Promise.race([once(child, 'message'), ended])) as [{ port: number }];
  ended.catch(toldTo);
  return running(name, child, port, PATHS['100B']);
}

async function startNginxProxy(upstream: string): Promise<ProxyProcess> {
  const file = findNginx();
  if (file === undefined) throw new Error('nginx is not installed');
  const files = scratch();
  const port = await freePort();
  const path = join(files.folder, 'nginx.conf');
  await writeFile(path, nginxConfiguration(files.folder, port, new URL(upstream).host));
  const command = pinned('client', file, ['-p', files.folder, '-c', path, '-e', 'stderr']);
  const child = spawn(command.file, command.args, { stdio: ['ignore', 'ignore', 'pipe'] });
  return running(NGINX, child, port, PATHS['100B'], () => files.close());
}

const nginxConfiguration = (folder: string, port: number, upstream: string): string => `
daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections ${CALLERS_MAX + 1_024}; }
http {
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((use) => `${use}_temp_path ${folder}/${use};`).join(' ')}
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_header_timeout 1h;
  tcp_nodelay on;
  upstream api { server ${upstream}; keepalive ${SOCKETS_MAX}; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header connection "";
    }
  }
}
`;

async function running(
  name: string,
  child: ChildProcess,
  port: number,
  path: string,
  ended?: () => void,
): Promise<ProxyProcess> {
  tether(child);
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2_000);
  });
  const exited = once(child, 'exit');
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    ended?.();
  };
  const atOnce = exited.then(() => Promise.reject(new Error(`${name} ended at once: ${complaint}`)));
  try {
    await Promise.race([awaitPort(port), atOnce]);
  } catch (error) {
    await close();
    throw error;
  }
  atOnce.catch(toldTo);
  const pid = child.pid ?? 0;
  return {
    name,
    origin: `http://127.0.0.1:${port}`,
    path,
    cpuMicros: () => cpuMicrosOf(pid),
    rssBytes: () => rssBytesOf(pid),
    close,
  };
}

/** A proxy that has started ends when it is closed. */
function toldTo(): void {}

/** All threads together: collectors and compilers of a Node process have their own. */
function cpuMicrosOf(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const nanos = threads.map((thread) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
    );
    return nanos.reduce((sum, each) => sum + each, 0) / 1_000;
  } catch {
    return 0; // not Linux
  }
}

function rssBytesOf(pid: number): number {
  try {
    return 1_024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // not Linux
  }
}
