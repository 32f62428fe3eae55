/** What plain JavaScript may give a call and no call takes: refused by name before anything is sent. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { evm } from '../../src/adapters/evm/index.ts';
import { createClient } from '../../src/clients/client.ts';
import { HTTPClient } from '../../src/clients/http-client.ts';
import { createRpc } from '../../src/clients/jsonrpc/client.ts';
import { ConnectionPoolCore } from '../../src/clients/pool-core.ts';
import { type FaultyServer, startFaultyServer } from '../../src/testing/faulty-server.ts';

const BARE = Object.create(null) as object;

describe('a call', () => {
  let server: FaultyServer;
  let api: ReturnType<typeof createClient>;
  before(async () => {
    server = await startFaultyServer();
    api = createClient({ origin: server.origin });
  });
  after(async () => {
    await api.close();
    await server.close();
  });

  const refuses = async (call: () => Promise<unknown>, message: RegExp): Promise<void> => {
    await assert.rejects(async () => call(), { code: 'INVALID', reach: 'unsent', message });
    assert.equal(server.requests.length, 0, 'nothing was sent');
  };

  for (const [option, wrong, message] of [
    ['idempotent', 'no', /^idempotent of a call is "no"; allowed: true, false$/],
    ['idempotent', null, /^idempotent of a call is null; allowed/],
    ['signal', 5, /^signal of a call is 5; allowed: an AbortSignal, or nothing$/],
    ['signal', {}, /^signal of a call is an object; allowed/],
    ['section', 5, /^section of a call is 5; allowed: text$/],
    ['section', BARE, /^section of a call is an object; allowed: text$/],
    ['template', 5, /^template of a call is 5; allowed: text$/],
    ['query', 'a=b', /^query of a call is "a=b"; allowed: an object or URLSearchParams$/],
    ['query', { page: Number.NaN }, /^query parameter page is NaN; leave it out or make it text$/],
    ['query', { filter: BARE }, /^query parameter filter is an object;/],
    ['deadlineMs', {}, /^deadlineMs is an object; allowed: a number above 0, or Infinity$/],
    ['firstByteMs', Symbol('soon'), /^firstByteMs is a symbol; allowed/],
  ] as const) {
    it(`refuses ${option} for what it is not: ${message.source}`, () =>
      refuses(() => api.get('/', { [option]: wrong } as never), message));
  }

  it('refuses a method, a path and options that are none', async () => {
    await refuses(() => api.request('/', { method: Number.NaN as never }), /^method of a call is NaN; allowed: text$/);
    await refuses(() => api.get(null as never), /^a call goes to null; allowed: a path, or an absolute URL$/);
    await refuses(() => api.get('/', null as never), /^the options of a call are null; allowed: an object/);
    await refuses(() => api.get('/', 'x' as never), /^the options of a call are "x"; allowed: an object/);
  });

  it('by way of the other clients is refused what they do not know', async (t) => {
    const pool = new ConnectionPoolCore({}, {});
    const http = new HTTPClient();
    const rpc = createRpc({ adapter: evm, endpoints: [{ url: server.origin }], freshness: false });
    t.after(() => Promise.all([pool.close(), http.close(), rpc.close()]));
    const timeoutMs = 5;
    await refuses(
      () => pool.execute(server.origin, { timeoutMs } as never),
      /^there is no option timeoutMs of execute; did/,
    );
    await refuses(
      () => http.request(server.origin, { timeoutMs } as never),
      /no option timeoutMs of a request; did you/,
    );
    await refuses(
      () => rpc.call('eth_chainId', [], { timeout: 5 } as never),
      /no option timeout of a call; use deadlineMs$/,
    );
    await refuses(
      () => rpc.notify('eth_chainId', [], { timeout: 5 } as never),
      /no option timeout of a call; use deadline/,
    );
    await refuses(() => rpc.batch([{ method: 'eth_chainId' }], { abort: 1 } as never), /no option abort of a call/);
    await refuses(() => rpc.call('x', [], { idempotent: 'no' } as never), /^idempotent of a call is "no"; allowed/);
    await refuses(
      async () => http.setConnectionTracker({} as never),
      /^a tracker is an object; allowed: an object with/,
    );
  });

  it('and what goes with it refuses what it cannot do: warming up and another identity', async () => {
    await refuses(() => api.warmUp({ count: 1.5 }), /^option count of warmUp is 1\.5; allowed: a whole number from 0$/);
    await refuses(() => api.warmUp({ count: Number.NaN }), /^option count of warmUp is NaN/);
    await refuses(() => api.warmUp({ section: 5 as never }), /^option section of warmUp is 5; allowed: text$/);
    await refuses(async () => api.reloadTls(5 as never), /^what reloadTls was given is 5; allowed: an object/);
    await refuses(
      async () => api.reloadTls({ crt: '' } as never),
      /^there is no option crt of reloadTls; did you mean cert/,
    );
  });
});
