import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { createClient } from '../../src/clients/client.ts';
import { FACTS } from '../../src/clients/facts.ts';
import { createRpc } from '../../src/clients/jsonrpc/client.ts';
import type { Observer } from '../../src/core/observer.ts';
import { evm } from '../../src/jsonrpc.ts';

type Noted = { readonly fact: string } & Record<string, unknown>;

function noting(): { observer: Observer; facts: Noted[] } {
  const facts: Noted[] = [];
  const note = (name: string) => (fact: object) => void facts.push({ ...fact, fact: name });
  return { observer: Object.fromEntries(FACTS.map((name) => [name, note(name)])) as Observer, facts };
}

async function serving(statuses: number[]): Promise<{ url: string; close(): void }> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.statusCode = statuses.shift() ?? 200;
      response.end('{"jsonrpc":"2.0","id":1,"result":"0x1"}');
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

describe('facts about a call', () => {
  it('share a number that no other call has, from the lease of a connection to the end', async () => {
    const { url, close } = await serving([503]);
    const { observer, facts } = noting();
    await using client = createClient({ origin: url, observer, retry: { baseMs: 1 } });
    await client.get('/a');
    await client.get('/b');
    const numbers = [...new Set(facts.flatMap(({ call }) => (typeof call === 'number' ? [call] : [])))];
    const of = (call: number | undefined) => facts.filter((each) => each['call'] === call).map(({ fact }) => fact);
    assert.equal(numbers.length, 2);
    assert.deepEqual(of(numbers[0]), ['leased', 'retried', 'leased', 'replied']);
    assert.deepEqual(of(numbers[1]), ['leased', 'replied']);
    close();
  });

  it('have the word that their caller gave the call, of each attempt; it is sent nowhere', async () => {
    const { url, close } = await serving([503]);
    const { observer, facts } = noting();
    await using client = createClient({ origin: url, observer, retry: { baseMs: 1 } });
    await client.get('/a', { tag: 'order 7' });
    const told = (name: string) => facts.find(({ fact }) => fact === name)?.['tag'];
    assert.deepEqual([told('retried'), told('replied')], ['order 7', 'order 7']);
    await assert.rejects(Promise.resolve(client.get('/a', { tag: 'x'.repeat(257) })), {
      code: 'INVALID',
      message: 'tag of a call is 257 characters; allowed: text of up to 256 characters',
    });
    close();
  });

  it('of JSON-RPC have it as well: of repeats, notifications, and batches whose calls all have the same', async () => {
    const { url, close } = await serving([503, 503]);
    const { observer, facts } = noting();
    await using rpc = createRpc({
      adapter: evm,
      endpoints: [{ url }],
      freshness: false,
      emptyElsewhere: 0,
      batching: { windowMs: 0 },
      observer,
      retry: { baseMs: 1 },
    });
    const about = new Set(['retried', 'replied']);
    const tags = (): unknown[] => facts.splice(0).flatMap(({ fact, tag }) => (about.has(fact) ? [tag] : []));
    await rpc.call('eth_chainId', [], { tag: 'order 7' });
    assert.deepEqual(tags(), ['order 7', 'order 7', 'order 7']);
    await rpc.notify('eth_hello', [], { tag: 'order 8' });
    assert.deepEqual(tags(), ['order 8']);
    const asked = [{ method: 'eth_gasPrice' }, { method: 'eth_blockNumber' }];
    await rpc.batch(asked, { tag: 'order 9' });
    assert.equal(tags()[0], 'order 9');
    await Promise.allSettled(['order 10', 'order 11'].map((tag, i) => rpc.call(asked[i]!.method, [], { tag })));
    assert.equal(tags()[0], undefined, 'it is a message of both');
    await assert.rejects(rpc.call('eth_chainId', [], { tag: 'x'.repeat(257) }), {
      code: 'INVALID',
      message: 'tag of a call is 257 characters; allowed: text of up to 256 characters',
    });
    close();
  });

  it('tell the connection of the reply, how long its head took, and the endpoint', async () => {
    const { url, close } = await serving([]);
    const { observer, facts } = noting();
    await using rpc = createRpc({ adapter: evm, endpoints: [{ name: 'near', url }], observer, freshness: false });
    await rpc.call('eth_blockNumber');
    const replied = facts.find(({ fact }) => fact === 'replied')!;
    const opened = facts.find(({ fact }) => fact === 'socketOpened')!;
    assert.equal(replied['endpoint'], 'near');
    assert.equal(replied['operation'], 'eth_blockNumber');
    await rpc.batch([{ method: 'eth_chainId' }, { method: 'eth_gasPrice' }]);
    assert.ok(facts.some(({ operation }) => operation === 'batch of 2'));
    assert.equal(replied['socketId'], opened['socketId']);
    assert.equal(replied['reused'], false);
    assert.ok((replied['headMs'] as number) > 0 && (replied['headMs'] as number) <= (replied['totalMs'] as number));
    close();
  });
});

describe('what a client tells of parts of itself', () => {
  it('is what its statistics say', async () => {
    const { url, close } = await serving([]);
    await using rpc = createRpc({ adapter: evm, endpoints: [{ name: 'near', url }], freshness: false });
    await rpc.call('eth_blockNumber');
    const { http, endpoints } = rpc.stats();
    assert.deepEqual(Object.keys(rpc.policyStats()), Object.keys(http.policies));
    assert.deepEqual(
      rpc.endpointStats().map(({ name, successes }) => [name, successes]),
      endpoints.map(({ name, successes }) => [name, successes]),
    );
    rpc.resetBreaker('near');
    assert.equal(rpc.closeIdle(), 1);
    assert.equal(rpc.stats().http.sockets.open, 0);
    close();
  });
});
