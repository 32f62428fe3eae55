/** What the tests of the undici Dispatcher share: a faulty server and a dispatcher that ends with the test. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type KeepwarmDispatcher, keepwarmDispatcher } from 'keepwarm/undici';
import type { ClientOptions } from '../../src/index.ts';
import type { FaultyServer, FaultyServerOptions } from '../../src/testing/faulty-server.ts';
import type { Step } from '../../src/testing/faulty-steps.ts';
import { aServer, quiet } from '../engine/setup.ts';

export interface UndiciPair {
  readonly server: FaultyServer;
  readonly dispatcher: KeepwarmDispatcher;
}

/** At the end of the test the dispatcher is quiet and, once destroyed, has no sockets. */
export async function aDispatcher(
  t: TestContext,
  script: Step,
  options: ClientOptions = {},
  faults: FaultyServerOptions = {},
): Promise<UndiciPair> {
  const server = await aServer(t, { script, ...faults });
  const dispatcher = keepwarmDispatcher(options);
  t.after(async () => {
    await quiet(dispatcher.client);
    await dispatcher.destroy();
    assert.equal(dispatcher.client.stats().sockets.open, 0, 'a destroyed dispatcher has no sockets');
  });
  return { server, dispatcher };
}

/** What the promise rejects with; it must be an Error. */
export async function thrownBy(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  const error = await promise.then(
    () => assert.fail('it succeeded'),
    (thrown: unknown) => thrown,
  );
  assert(error instanceof Error, `not an error: ${error}`);
  return error;
}
