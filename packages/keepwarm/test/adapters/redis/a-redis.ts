/** A real Redis of our own: on a free loopback port, in a folder of its own, writing no file. Ended by its id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { ownPort } from '../../own-port.ts';

export class OwnRedis {
  readonly port: number;
  readonly #folder: string;
  #server: ChildProcess | undefined;
  readonly #clients: Redis[] = [];

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  static async start(): Promise<OwnRedis> {
    const redis = new OwnRedis(await ownPort(), await mkdtemp(join(tmpdir(), 'keepwarm-redis-')));
    await redis.restart();
    return redis;
  }

  /** A client as a service would have it, but for its patience: tests are in a hurry. */
  client(): Redis {
    const client = new Redis({ host: '127.0.0.1', port: this.port, retryStrategy: () => 100, maxRetriesPerRequest: 1 });
    client.on('error', () => undefined); // a lost connection is what these tests are about
    this.#clients.push(client);
    return client;
  }

  /** Starts it, empty. */
  async restart(): Promise<void> {
    const args = [
      '--port',
      String(this.port),
      '--bind',
      '127.0.0.1',
      '--dir',
      this.#folder,
      '--save',
      '',
      '--appendonly',
      'no',
    ];
    const server = spawn('redis-server', args, { stdio: 'ignore' });
    this.#server = server;
    const client = new Redis({
      host: '127.0.0.1',
      port: this.port,
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
    });
    client.on('error', () => undefined); // it is not up yet
    await Promise.race([
      client.ping(),
      once(server, 'exit').then(() => Promise.reject(new Error('redis-server ended'))),
    ]);
    client.disconnect();
  }

  /** As when its machine hangs: connections stay, nothing is answered. */
  pause(): void {
    this.#server?.kill('SIGSTOP');
  }

  resume(): void {
    this.#server?.kill('SIGCONT');
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
    for (const client of this.#clients) client.disconnect();
    await this.kill();
    await sleep(0);
    await rm(this.#folder, { recursive: true, force: true });
  }
}
