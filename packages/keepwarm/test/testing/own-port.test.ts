/** Stand-ins listen where they are told to, so that a program under test is configured once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startEdgeGridServer, startParadexServer, startVestServer } from '../../src/testing/index.ts';

const never = (): never => assert.fail('nobody calls');
const keys = { clientToken: 'client', clientSecret: 'secret', accessToken: 'access' };
const crypto = { hashOf: never, recoverMessage: never, recoverTypedData: never };

const STAND_INS = {
  startEdgeGridServer: async (port?: number) => {
    const server = await startEdgeGridServer({ ...keys, port });
    return { url: server.origin, close: () => server.close() };
  },
  startVestServer: async (port?: number) => {
    const server = await startVestServer({ crypto, contract: '0x0', port });
    return { url: server.restUrl, close: () => server.close() };
  },
  startParadexServer: async (port?: number) => {
    const server = await startParadexServer({ verify: never, chainId: 'chain', port });
    return { url: server.restUrl, close: () => server.close() };
  },
} as const;

describe('a stand-in', () => {
  for (const [name, start] of Object.entries(STAND_INS)) {
    it(`listens at the port it is given, and says so when that is taken: ${name}`, async () => {
      const first = await start();
      const { port } = new URL(first.url);
      try {
        await assert.rejects(start(Number(port)), { code: 'EADDRINUSE' });
      } finally {
        await first.close();
      }
    });
  }
});
