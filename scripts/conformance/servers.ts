/**
 * Servers that are not ours, on loopback, over TLS, each offering HTTP/1.1 and HTTP/2 by ALPN: Node's own, and four
 * proxies before it, which take every message apart and put it together their own way.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Authority, makeAuthority } from 'keepwarm/testing';
import { serve } from './origin.ts';

export interface Running {
  readonly name: string;
  readonly version: string;
  /** `https://localhost:port` */
  readonly url: string;
}

export interface Fleet {
  readonly authority: Authority;
  readonly servers: readonly Running[];
  close(): Promise<void>;
}

interface Setting {
  readonly folder: string;
  readonly port: number;
  /** Where the origin listens, on 127.0.0.1, in the clear. */
  readonly upstream: number;
}

interface Proxy {
  readonly program: string;
  /** Prints its version, somewhere. */
  readonly versionArguments: readonly string[];
  /** File name and text. */
  configuration(setting: Setting): readonly [string, string];
  arguments(file: string, setting: Setting): readonly string[];
}

/** Folders nginx wants to write to. */
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

const nginx: Proxy = {
  program: 'nginx',
  versionArguments: ['-v'],
  configuration: ({ folder, port, upstream }) => [
    'nginx.conf',
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr crit;
    events { worker_connections 256; }
    http {
      access_log off; client_max_body_size 8m;
      ${TEMPORARY.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
      upstream origin { server 127.0.0.1:${upstream}; keepalive 8; }
      server {
        listen 127.0.0.1:${port} ssl http2;
        ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;
        location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ""; }
      }
    }`,
  ],
  arguments: (file, { folder }) => ['-p', folder, '-c', file, '-e', 'stderr'],
};

const haproxy: Proxy = {
  program: 'haproxy',
  versionArguments: ['-v'],
  configuration: ({ folder, port, upstream }) => [
    'haproxy.cfg',
    `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:${port} ssl crt ${folder}/both.pem alpn h2,http/1.1
  default_backend origin
backend origin
  server one 127.0.0.1:${upstream}
`,
  ],
  arguments: (file) => ['-db', '-f', file],
};

const nghttpx: Proxy = {
  program: 'nghttpx',
  versionArguments: ['--version'],
  configuration: ({ port, upstream, folder }) => [
    'nghttpx.conf',
    `frontend=127.0.0.1,${port}
backend=127.0.0.1,${upstream}
private-key-file=${folder}/key.pem
certificate-file=${folder}/cert.pem
workers=1
errorlog-file=/dev/null
accesslog-file=/dev/null
`,
  ],
  arguments: (file) => [`--conf=${file}`],
};

const caddy: Proxy = {
  program: 'caddy',
  versionArguments: ['version'],
  configuration: ({ folder, port, upstream }) => [
    'Caddyfile',
    `{
  admin off
  auto_https off
  storage file_system ${folder}/storage
}
https://localhost:${port} {
  bind 127.0.0.1
  tls ${folder}/cert.pem ${folder}/key.pem
  reverse_proxy 127.0.0.1:${upstream} {
    flush_interval -1
  }
}
`,
  ],
  arguments: (file) => ['run', '--config', file, '--adapter', 'caddyfile'],
};

const PROXIES: readonly Proxy[] = [nginx, haproxy, nghttpx, caddy];

/** In the order of the table. */
export const SERVERS: readonly string[] = ['Node', ...PROXIES.map(({ program }) => program)];

/** Debian keeps servers where an ordinary user's PATH does not lead. */
const ENVIRONMENT = { ...process.env, PATH: [process.env['PATH'], '/usr/sbin', '/usr/local/sbin'].join(delimiter) };

/** Starts those of `SERVERS` whose name contains `only`. What was started is stopped by `close`, or when this fails. */
export async function startServers(only = ''): Promise<Fleet> {
  const authority = makeAuthority();
  const { cert, key } = authority.issue();
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-conformance-'));
  chmodSync(folder, 0o755); // a worker that is not root reads from it
  writeFileSync(join(folder, 'cert.pem'), cert);
  writeFileSync(join(folder, 'key.pem'), key);
  writeFileSync(join(folder, 'both.pem'), cert + key);
  const origin = createServer({ maxHeaderSize: 16 * 1024 }, serve);
  const own = createSecureServer({ cert, key, allowHTTP1: true }, serve as never); // HTTP/2's objects have the shape
  const sessions = new Set<{ destroy(): void }>();
  own.on('session', (session) => sessions.add(session));
  own.on('sessionError', () => {}); // some rows break off
  const children: ChildProcess[] = [];
  const leave = () => children.map((child) => child.kill());
  process.once('exit', leave); // when a run crashes
  const close = async () => {
    process.off('exit', leave);
    for (const child of children) await ended(child);
    for (const session of sessions) session.destroy();
    origin.closeAllConnections();
    for (const server of [origin, own]) server.close();
    rmSync(folder, { recursive: true });
  };
  try {
    const upstream = await listening(origin);
    const servers: Running[] = [];
    const node = await listening(own);
    if ('Node'.includes(only)) servers.push({ name: 'Node', version: process.versions.node, url: urlOf(node) });
    for (const proxy of PROXIES.filter(({ program }) => program.includes(only))) {
      const setting = { folder, port: await freePort(), upstream };
      const [name, text] = proxy.configuration(setting);
      const file = join(folder, name);
      writeFileSync(file, text);
      const given = proxy.arguments(file, setting);
      const child = spawn(proxy.program, given, { stdio: ['ignore', 'ignore', 'pipe'], env: ENVIRONMENT });
      children.push(child);
      await up(proxy.program, child, setting.port);
      servers.push({ name: proxy.program, version: versionOf(proxy), url: urlOf(setting.port) });
    }
    return { authority, servers, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const urlOf = (port: number): string => `https://localhost:${port}`;

async function listening(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  const port = await listening(server);
  server.close();
  await once(server, 'close');
  return port;
}

function versionOf({ program, versionArguments }: Proxy): string {
  const script = ['-c', `${program} ${versionArguments.join(' ')} 2>&1`];
  const printed = execFileSync('sh', script, { encoding: 'utf8', env: ENVIRONMENT });
  return /\d+\.\d+\.\d+/.exec(printed)?.[0] ?? '?';
}

/** How long a server may take to listen, in ms. */
const UP_MS = 10_000;

/** @throws with its own words when it ends instead */
async function up(name: string, child: ChildProcess, port: number): Promise<void> {
  let said = '';
  let failed: string | undefined;
  child.stderr?.on('data', (text) => (said = (said + text).slice(-2_000)));
  child.once('error', ({ message }) => (failed = message));
  child.once('exit', (code) => (failed ??= `it ended with ${code}: ${said}`));
  for (const end = performance.now() + UP_MS; performance.now() < end; ) {
    if (failed !== undefined) throw new Error(`${name} could not be started: ${failed}`);
    if (await accepts(port)) return;
    await sleep(20);
  }
  throw new Error(`${name} did not listen within ${UP_MS} ms: ${said}`);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const gone = await Promise.race([exit, sleep(3_000)]);
  if (gone === undefined) child.kill('SIGKILL');
  await exit;
}
