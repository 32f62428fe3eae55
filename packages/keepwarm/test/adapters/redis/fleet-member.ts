/**
 * One process of a fleet: sends as much as it is let, until told to stop.
 *
 *   node fleet-member.ts '{"port":…,"redisPort":…,"options":{…},"atOnce":…}'
 */
import { Agent, request } from 'node:http';
import { Redis } from 'ioredis';
import { type FleetOptions, redisRateLimit } from '../../../src/adapters/redis/index.ts';
import type { Send } from '../../../src/core/call.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { NetError } from '../../../src/core/error.ts';
import { aCall, aReply } from '../../../src/testing/scripted-engine.ts';

export interface MemberPlan {
  readonly port: number;
  readonly redisPort: number;
  readonly options: Omit<FleetOptions, 'client'>;
  /** Calls that each process always has waiting or under way. */
  readonly atOnce: number;
}

export interface MemberReport {
  readonly replies: number;
  readonly codes: Readonly<Record<string, number>>;
  readonly asks: number;
  readonly losses: number;
  readonly state: string;
}

const plan: MemberPlan = JSON.parse(process.argv[2]!);
const client = new Redis({
  host: '127.0.0.1',
  port: plan.redisPort,
  retryStrategy: () => 100,
  maxRetriesPerRequest: 1,
});
client.on('error', () => undefined); // the limiter reports what it means
const agent = new Agent({ keepAlive: true });

/** Node's own client: what is measured here is the limit, with nobody's help. */
const engine: Send = () =>
  new Promise((resolve, reject) => {
    const call = request({ agent, port: plan.port, host: '127.0.0.1' }, (response) => {
      response.resume().on('end', () => resolve(aReply(response.statusCode)));
    });
    call.on('error', (cause) => reject(new NetError('RESET', cause.message, { reach: 'unknown', cause })));
    call.end();
  });

const policy = redisRateLimit({ ...plan.options, client });
const send = policy(engine);
const codes: Record<string, number> = {};
let replies = 0;
let stopped = false;

async function keepSending(): Promise<void> {
  while (!stopped) {
    try {
      await send(aCall({ deadlineAt: systemClock.now() + 60_000 }));
      replies++;
    } catch (error) {
      const { code } = NetError.from(error);
      codes[code] = (codes[code] ?? 0) + 1;
      if (code !== 'CLOSED') await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

function report(): MemberReport {
  const { state, asks, losses } = policy.snapshot().redis;
  return { replies, codes, asks, losses, state };
}

process.on('message', (message) => {
  if (message === 'report') return void process.send!(report());
  stopped = true;
  process.send!(report(), () => {
    policy.close();
    client.disconnect();
    agent.destroy();
    process.disconnect();
  });
});
process.on('disconnect', () => process.exit());

await client.ping();
process.send!('ready');
for (let i = 0; i < plan.atOnce; i++) void keepSending();
