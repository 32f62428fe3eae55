/**
 * nginx in a folder of its own: one process, one event loop, pinned to the server's core, nothing shared with an
 * nginx the machine may already run. The fastest honest configuration we found:
 *  - 100 B is a `return`, so no file is touched; nginx drops the call's body as it arrives;
 *  - larger replies are files. Those refuse POST with 405, which `error_page` turns into the file itself;
 *  - an upload is a call of its own to the 100 B, begun when the body has come: a `return` would not wait for it;
 *  - connections live as long as their clients want, so that no slice pays for a reconnect it did not ask for.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { selfSigned } from 'keepwarm/testing';
import { pinned } from '../pin.ts';
import { scratch, tether } from '../scratch.ts';
import { awaitPort } from './await-port.ts';
import { connectReply, reply } from './replies.ts';
import { type BenchServer, freePort, openConnections, PATHS } from './server.ts';

interface Ports {
  readonly http: number;
  readonly tls: number;
  readonly tlsFull: number;
  readonly h2: number;
}

export async function startNginx(file: string): Promise<BenchServer> {
  const files = scratch();
  const { folder } = files;
  const ports = { http: await freePort(), tls: await freePort(), tlsFull: await freePort(), h2: await freePort() };
  const authority = selfSigned();
  await writeFiles(folder, authority, configuration(folder, ports));

  const command = pinned('server', file, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr']);
  const nginx = spawn(command.file, command.args, { stdio: ['ignore', 'ignore', 'pipe'] });
  tether(nginx);
  let complaint = '';
  nginx.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-2_000);
  });
  const exited = once(nginx, 'exit');
  const close = async (): Promise<void> => {
    nginx.kill('SIGTERM');
    await exited;
    files.close();
  };
  try {
    await Promise.race([
      awaitPort(ports.h2),
      exited.then(() => Promise.reject(new Error(`nginx ended at once: ${complaint}`))),
    ]);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    kind: 'nginx',
    http: `http://127.0.0.1:${ports.http}`,
    tls: `https://127.0.0.1:${ports.tls}`,
    tlsFull: `https://127.0.0.1:${ports.tlsFull}`,
    h2: `https://127.0.0.1:${ports.h2}`,
    ca: authority.cert,
    connections: () => openConnections(`http://127.0.0.1:${ports.http}`),
    close,
  };
}

async function writeFiles(folder: string, authority: ReturnType<typeof selfSigned>, text: string): Promise<void> {
  await writeFile(join(folder, 'certificate.pem'), authority.cert);
  await writeFile(join(folder, 'key.pem'), authority.key, { mode: 0o600 });
  await writeFile(join(folder, '10KB.json'), reply('10KB'));
  await writeFile(join(folder, '1MB.json'), reply('1MB'));
  await writeFile(join(folder, 'nginx.conf'), text);
}

function configuration(folder: string, ports: Ports): string {
  const scratch = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (use) => `${use}_temp_path ${folder}/${use};`,
  );
  const listener = (listen: string, more: string): string => `
  server {
    listen 127.0.0.1:${listen} backlog=4096;
    ${more}
    location = ${PATHS['100B']} { return 200 '${reply('100B')}'; }
    location = ${PATHS.connect} { keepalive_timeout 0; return 200 '${connectReply('$ssl_session_reused')}'; }
    location = ${PATHS.status} { stub_status; }
    location = ${PATHS.upload} {
      client_max_body_size 16m;
      client_body_buffer_size 2m;
      proxy_pass http://itself${PATHS['100B']};
      proxy_pass_request_body off;
      proxy_set_header content-length "";
      proxy_set_header connection "";
      proxy_http_version 1.1;
    }
    location / { root ${folder}; error_page 405 =200 $uri; }
  }`;
  return `
daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 8192; }
http {
  ${scratch.join('\n  ')}
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_header_timeout 1h;
  tcp_nodelay on;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=16 inactive=1h;
  open_file_cache_valid 1h;
  ssl_certificate ${folder}/certificate.pem;
  ssl_certificate_key ${folder}/key.pem;
  ssl_protocols TLSv1.2 TLSv1.3;
  upstream itself { server 127.0.0.1:${ports.http}; keepalive 64; keepalive_requests 1000000000; }
  ${listener(`${ports.http}`, '')}
  ${listener(`${ports.tls} ssl`, 'ssl_session_cache shared:bench:16m; ssl_session_tickets on;')}
  ${listener(`${ports.tlsFull} ssl`, 'ssl_session_cache off; ssl_session_tickets off;')}
  ${listener(`${ports.h2} ssl http2`, 'ssl_session_cache shared:h2:16m; ssl_session_tickets on;')}
}
`;
}
