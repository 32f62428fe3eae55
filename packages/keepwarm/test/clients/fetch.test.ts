/** `client.fetch` is the global fetch to all who look: the same scenarios through both, the same observations. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Client, createClient } from '../../src/index.ts';
import { ownPort } from '../own-port.ts';
import { type ApiServer, anApiServer } from './api-server.ts';
import { ABORTS, RESPONSES } from './fetch-replies.ts';
import { type Place, REDIRECTS, REFUSALS, REQUESTS, type Scenario } from './fetch-scenarios.ts';

const groups: Record<string, Record<string, Scenario>> = {
  'fetch sends as the global one does': REQUESTS,
  'fetch refuses as the global one does': REFUSALS,
  'fetch follows redirects as the global one does': REDIRECTS,
  'fetch hands out a Response as the global one does': RESPONSES,
  'fetch is aborted as the global one is': ABORTS,
};

let place: Place;
let client: Client;
let servers: ApiServer[];

before(async () => {
  servers = await Promise.all([anApiServer(), anApiServer()]);
  place = {
    origin: servers[0]!.origin,
    elsewhere: servers[1]!.origin,
    nowhere: `http://127.0.0.1:${await ownPort()}`,
  };
  client = createClient();
});

after(async () => {
  await client?.close({ deadlineMs: 0 });
  for (const server of servers ?? []) server.close();
});

for (const [promise, scenarios] of Object.entries(groups)) {
  describe(promise, () => {
    for (const [name, scenario] of Object.entries(scenarios)) {
      it(name, async () => {
        const theirs = await scenario(globalThis.fetch, place);
        const ours = await scenario(client.fetch, place);
        assert.deepEqual(ours, theirs);
      });
    }
  });
}
