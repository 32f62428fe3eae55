/** What the tests of the agents share: a pair of agents that ends with the test, and requests of Node's as promises. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { type RequestOptions, request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { type KeepwarmAgents, keepwarmAgents } from 'keepwarm/node-http';
import type { Client, ClientOptions } from '../../src/index.ts';
import type { FaultyServer, FaultyServerOptions } from '../../src/testing/faulty-server.ts';
import type { Step } from '../../src/testing/faulty-steps.ts';
import { aServer, quiet, until } from '../engine/setup.ts';

export interface NodePair extends KeepwarmAgents {
  readonly server: FaultyServer;
}

/** At the end of the test the client is quiet and, once closed, has no sockets. */
export function theAgents(t: TestContext, given: Client | ClientOptions = {}): KeepwarmAgents {
  const agents = keepwarmAgents(given);
  t.after(async () => {
    for (const agent of [agents.httpAgent, agents.httpsAgent]) {
      await until(() => Object.keys(agent.requests).length === 0, 'nothing waits');
    }
    await quiet(agents.client);
    await agents.close();
    if (given !== agents.client) {
      for (const stats of agents.stats()) assert.equal(stats.sockets.open, 0, 'closed agents have no sockets');
    }
  });
  return agents;
}

export async function anAgent(
  t: TestContext,
  script: Step,
  options: ClientOptions = {},
  faults: FaultyServerOptions = {},
): Promise<NodePair> {
  const server = await aServer(t, { script, ...faults });
  return { server, ...theAgents(t, options) };
}

export interface Answered {
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
  readonly body: string;
}

export function start(url: string, options: RequestOptions, body?: string): ClientRequest {
  return (url.startsWith('https:') ? requestHttps : requestHttp)(url, options).end(body);
}

/** A request to its end. */
export async function ask(url: string, options: RequestOptions, body?: string): Promise<Answered> {
  const request = start(url, options, body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { request, response, body: await text(response) };
}

/** What a request, or its response, fails with. */
export async function failureOf(request: ClientRequest): Promise<Error & { code?: string }> {
  const { promise, resolve } = Promise.withResolvers<Error>();
  request.once('error', resolve).once('response', (response: IncomingMessage) => {
    response.once('error', resolve).resume();
  });
  return promise;
}
