/** A real Redis of a test's own: on a free loopback port, in a folder of its own, writing no file. Ended by its id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { ownPort } from './fixtures.ts';

export interface OwnRedisOptions {
  /** In PEM: it speaks TLS only, and asks for a certificate that `ca` has signed where that is given. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string };
  /** The only one it lets in. */
  readonly user?: { readonly name: string; readonly password: string };
}

export class OwnRedis {
  readonly port: number;
  readonly folder = mkdtempSync(join(tmpdir(), 'keepwarm-redis-'));
  #options: OwnRedisOptions;
  #server: ChildProcess | undefined;

  private constructor(port: number, options: OwnRedisOptions) {
    this.port = port;
    this.#options = options;
  }

  static async start(options: OwnRedisOptions = {}): Promise<OwnRedis> {
    const redis = new OwnRedis(await ownPort(), options);
    await redis.restart();
    return redis;
  }

  /** Starts it, empty; as before but for what is given. */
  async restart(options: OwnRedisOptions = {}): Promise<void> {
    this.#options = { ...this.#options, ...options };
    const { port, folder } = this;
    const files = ['--dir', folder, '--save', '', '--appendonly', 'no'];
    const args = ['--bind', '127.0.0.1', ...files, ...this.#listening(), ...this.#users()];
    const server = spawn('redis-server', args, { stdio: 'ignore' });
    this.#server = server;
    const { tls, user } = this.#options;
    const client = new Redis({
      ...{ host: '127.0.0.1', port, retryStrategy: () => 20, maxRetriesPerRequest: null },
      ...(user === undefined ? {} : { username: user.name, password: user.password }),
      // Whether it is there, not whether it may be believed.
      ...(tls === undefined ? {} : { tls: { cert: tls.cert, key: tls.key, rejectUnauthorized: false } }),
    });
    client.on('error', () => undefined); // it is not up yet
    const ended = once(server, 'exit').then(() => Promise.reject(new Error('redis-server ended')));
    ended.catch(() => undefined);
    await Promise.race([client.ping(), ended]);
    client.disconnect();
  }

  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGKILL');
    await ended;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #listening(): string[] {
    const { tls } = this.#options;
    if (tls === undefined) return ['--port', String(this.port)];
    const files = { cert: tls.cert, key: tls.key, 'ca-cert': tls.ca ?? tls.cert };
    const named = Object.entries(files).flatMap(([name, pem]) => {
      const file = join(this.folder, `${name}.pem`);
      writeFileSync(file, pem);
      return [`--tls-${name}-file`, file];
    });
    const clients = ['--tls-auth-clients', tls.ca === undefined ? 'no' : 'yes'];
    return ['--port', '0', '--tls-port', String(this.port), ...named, ...clients];
  }

  #users(): string[] {
    const { user } = this.#options;
    if (user === undefined) return [];
    const rights = ['on', `>${user.password}`, '~*', '+@all'];
    return ['--user', user.name, ...rights, '--user', 'default', 'off'];
  }
}
