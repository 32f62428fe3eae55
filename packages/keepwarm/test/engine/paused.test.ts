/** A reader that made the connection pause leaves it to the next call as if it had not. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeAuthority } from '../../src/testing/certificates.ts';
import { aClient, leavesNothing } from './setup.ts';

leavesNothing();

const PART = Buffer.alloc(64 * 1024, 'part ');
const PARTS = 32;

describe('a connection whose reader paused it', () => {
  // TLS hands over what it has decrypted though reading has stopped: the message may end while the socket is paused.
  it('is read from by the next call, over TLS as well', async (t) => {
    const authority = makeAuthority();
    const server = createServer(authority.issue(), async (_request, response) => {
      for (let left = PARTS; left > 0; left--) if (!response.write(PART)) await once(response, 'drain');
      response.end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    t.after(() => server.close());
    const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
    const client = aClient(t, { origin, tls: { ca: authority.cert }, limits: { firstByteMs: 3_000 } });
    for (let i = 0; i < 30; i++) {
      let bytes = 0;
      let chunks = 0;
      for await (const chunk of await client.get('/').stream()) {
        bytes += chunk.length;
        if (++chunks % (i + 2) === 0) await sleep(1);
      }
      assert.equal(bytes, PARTS * PART.length);
    }
    assert.equal(client.stats().reuse.fresh, 1);
  });
});
