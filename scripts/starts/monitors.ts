/**
 * A process of monitors, each with a client of its own, all with one limiter: whoever loses its connection wants
 * another at once. It runs until it is killed.
 *
 *   node monitors.ts '{"port":…,"monitors":…,"figures":{…},"redisPort":…,"path":…}'
 */
import { Redis } from 'ioredis';
import { redisConnectionRate } from '../../packages/keepwarm/src/adapters/redis/index.ts';
import { createConnectionRate, createGrpcClient, rawMethod } from '../../packages/keepwarm/src/grpc.ts';

export interface MonitorsPlan {
  readonly port: number;
  readonly monitors: number;
  readonly figures: {
    readonly limit: number;
    readonly windowMs: number;
    readonly attemptMs: number;
    readonly lateMs: number;
    readonly resetMs: number;
  };
  /** Of the Redis that processes share the limit over; without it the limit is kept in a file. */
  readonly redisPort?: number | undefined;
  readonly path?: string | undefined;
}

const { port, monitors, figures, redisPort, path }: MonitorsPlan = JSON.parse(process.argv[2]!);

function limiter() {
  if (redisPort === undefined) return createConnectionRate({ name: 'provider', ...figures, path });
  const client = new Redis({ host: '127.0.0.1', port: redisPort });
  client.on('error', () => undefined); // the limiter says what it means
  // This Redis was started for this run: when it knows nothing, there was nothing.
  return redisConnectionRate({ name: 'provider', client, ...figures, assumed: 'empty' });
}

const connectionRate = limiter();
const subscribe = rawMethod('/geyser.Geyser/Subscribe');

async function monitor(): Promise<never> {
  const client = createGrpcClient({
    target: `http://127.0.0.1:${port}`,
    connectionRate,
    connect: { connectMs: figures.attemptMs / 2 },
    limits: { queueMs: Number.POSITIVE_INFINITY },
    pool: { socketsMax: 1 },
    retry: false,
    breaker: false,
  });
  for (;;) {
    try {
      for await (const _ of client.serverStream(subscribe, new Uint8Array(0))); // until it is lost
    } catch {
      // which is what this is about
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

process.on('disconnect', () => process.exit());
process.send!('ready');
for (let i = 0; i < monitors; i++) void monitor();
