/**
 * What the fault tests share: a client and a faulty server that end with the test, and the check that nothing stays.
 */
import assert from 'node:assert/strict';
import { after, type TestContext } from 'node:test';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { type Client, type ClientOptions, type Code, createClient, NetError } from '../../src/index.ts';
import { type FaultyServer, type FaultyServerOptions, startFaultyServer } from '../../src/testing/faulty-server.ts';
import type { Step } from '../../src/testing/faulty-steps.ts';

export interface Pair {
  readonly server: FaultyServer;
  readonly client: Client;
}

/** A server with this script and a client for it. At the end of the test both are closed and must have nothing left. */
export async function aPair(t: TestContext, script: Step, options: ClientOptions = {}): Promise<Pair> {
  return aPairOf(t, { script }, options);
}

export async function aPairOf(t: TestContext, faults: FaultyServerOptions, options: ClientOptions = {}): Promise<Pair> {
  const server = await aServer(t, faults);
  return { server, client: aClient(t, { origin: server.origin, ...options }) };
}

export async function aServer(t: TestContext, faults: FaultyServerOptions): Promise<FaultyServer> {
  const server = await startFaultyServer(faults);
  t.after(() => server.close());
  return server;
}

/** These tests are about the engine: what it does must not be hidden by a policy that repeats or refuses. */
const BARE = { retry: false, breaker: false } as const satisfies ClientOptions;

export function aClient(t: TestContext, options: ClientOptions): Client {
  const client = createClient({ ...BARE, ...options });
  t.after(async () => {
    await quiet(client);
    await client.close({ deadlineMs: 0 });
    assert.equal(client.stats().sockets.open, 0, 'a closed client has no sockets');
  });
  return client;
}

export interface Expected {
  readonly code: Code;
  readonly reach: NetError['reach'];
  readonly phase?: NetError['phase'];
  readonly limit?: string;
  readonly value?: number;
  readonly systemCode?: string;
  readonly message?: RegExp;
}

/** The promise must fail, and with exactly this. What is not named must be absent, `systemCode` and message aside. */
export async function fails(call: PromiseLike<unknown>, expected: Expected): Promise<NetError> {
  const error = await errorOf(call);
  const { code, reach, phase, limit, value } = error;
  const { message, systemCode, ...rest } = expected;
  // How long the call had been given is said each time; a test of something else need not know it.
  const given = limit === 'deadlineMs' ? { limit, value } : { limit: undefined, value: undefined };
  const wanted = { phase: undefined, ...given, ...rest };
  assert.deepEqual({ code, reach, phase, limit, value }, wanted, error.message);
  if (systemCode !== undefined) assert.equal(error.systemCode, systemCode);
  if (message !== undefined) assert.match(error.message, message);
  if (limit !== undefined) assert(error.message.includes(limit), `the message names ${limit}: ${error.message}`);
  if (value !== undefined)
    assert(error.message.includes(String(value)), `the message names ${value}: ${error.message}`);
  return error;
}

/** What the call fails with; it must fail, and with an error of ours. */
export async function errorOf(call: PromiseLike<unknown>): Promise<NetError> {
  const error = await Promise.resolve(call).then(
    () => assert.fail('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof NetError, `not a NetError: ${error}`);
  return error;
}

/** Waits until it holds; a bound that only a hang reaches. */
export async function until(holds: () => boolean, what: string, withinMs = 30_000): Promise<void> {
  for (const end = performance.now() + withinMs; !holds(); ) {
    assert(performance.now() < end, `${what} did not come about within ${withinMs} ms`);
    await sleep(1);
  }
}

/** Nothing is in flight, waiting or opening, and every open socket is an idle one. */
export async function quiet(client: Client): Promise<void> {
  const gauges = () => {
    const { calls, pools, sockets, dns } = client.stats();
    const sum = (of: (pool: (typeof pools)[number]) => number) => pools.reduce((total, pool) => total + of(pool), 0);
    const idle = sum((pool) => pool.idle);
    return {
      calls: calls.inFlight,
      inFlight: sum((pool) => pool.inFlight),
      waiting: sum((pool) => pool.waiting),
      opening: sum((pool) => pool.opening),
      neitherIdleNorGone: sockets.open - idle,
      lookups: dns.inFlight,
    };
  };
  const nothing = { calls: 0, inFlight: 0, waiting: 0, opening: 0, neitherIdleNorGone: 0, lookups: 0 };
  const same = () => Object.values(gauges()).every((value) => value === 0);
  for (let turns = 0; turns < 4_000 && !same(); turns++) await (turns < 50 ? turn() : sleep(5));
  assert.deepEqual(gauges(), nothing, 'the client is quiet');
}

/** Whatever short limits a test has given its client: a good call has time, on a machine that is busy too. */
const PATIENT = { deadlineMs: 60_000, firstByteMs: 60_000, betweenBytesMs: 60_000, queueMs: 60_000 };

/** A good call to a pool that has just been through something: it must notice nothing. */
export async function stillWorks({ client }: { client: Client }, path = '/good'): Promise<void> {
  assert.equal(await client.get(path, PATIENT).text(), 'ok');
}

/** Said once per file: when its tests are done, no socket, server or lookup may be left in the process. */
export function leavesNothing(): void {
  after(async () => {
    const left = () =>
      process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Connect|GetAddrInfo|Query/.test(name));
    for (let turns = 0; turns < 4_000 && left().length > 0; turns++) await sleep(5);
    assert.deepEqual(left(), [], 'handles left in the process');
  });
}
