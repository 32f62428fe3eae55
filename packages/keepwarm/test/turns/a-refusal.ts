/** What ways to be refused have in common: a peer that never answers, and queues that are full. */
import type { TestContext } from 'node:test';
import { type ClientOptions, createClient } from '../../src/index.ts';
import { silence } from '../../src/testing/faulty-steps.ts';
import { aServer } from '../engine/setup.ts';

/** What one caller does again and again. */
export type Attempt = () => PromiseLike<unknown>;
export type Refusal = (t: TestContext) => Promise<Attempt>;

export const ignored = (): void => undefined;
export const BARE = { retry: false, breaker: false } as const satisfies ClientOptions;

/** A peer that never answers. */
export const silent = async (t: TestContext): Promise<string> => (await aServer(t, { script: silence })).origin;

export async function aClient(t: TestContext, options: ClientOptions = {}) {
  const client = createClient({ origin: await silent(t), ...BARE, ...options });
  t.after(() => client.destroy());
  return client;
}

export const FULL = { pool: { socketsMax: 1, idleMax: 1, waitersMax: 1 } } as const satisfies ClientOptions;

export async function aFullClient(t: TestContext, options: ClientOptions = {}) {
  const client = await aClient(t, { ...FULL, ...options });
  for (let i = 0; i < 2; i++) client.get('/').catch(ignored);
  return client;
}
