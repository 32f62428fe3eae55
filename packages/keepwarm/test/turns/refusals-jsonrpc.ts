/** Every way in which calls of JSON-RPC are refused without the event loop. */
import type { TestContext } from 'node:test';
import { createRpc, createSubscriptions, evm, type RpcClient, type RpcOptions } from '../../src/jsonrpc.ts';
import { BARE, FULL, ignored, type Refusal, silent } from './a-refusal.ts';

async function anRpc(t: TestContext, options: Partial<RpcOptions> = {}): Promise<RpcClient> {
  const endpoints = [{ name: 'a', url: await silent(t) }];
  const rpc = createRpc({ adapter: evm, endpoints, freshness: false, batching: false, ...options } as RpcOptions);
  t.after(() => rpc.close({ deadlineMs: 0 }));
  return rpc;
}

async function aFullRpc(t: TestContext, others: RpcOptions['endpoints'] = []): Promise<RpcClient> {
  const rpc = await anRpc(t, { ...FULL, ...BARE, endpoints: [{ name: 'a', url: await silent(t) }, ...others] });
  for (const each of [1, 2]) rpc.call('eth_chainId', [each]).catch(ignored);
  return rpc;
}

export const JSONRPC: Record<string, Refusal> = {
  'a JSON-RPC client whose queue is full': async (t) => {
    const rpc = await aFullRpc(t);
    return () => rpc.call('eth_call', [{}]);
  },
  'a JSON-RPC client whose queue is full, in a batch': async (t) => {
    const rpc = await aFullRpc(t);
    return async () => {
      const [outcome] = await rpc.batch([{ method: 'eth_call', params: [{}] }]);
      if (outcome?.status === 'rejected') throw outcome.reason;
    };
  },
  'a JSON-RPC client whose queue is full, through fetch': async (t) => {
    const rpc = await aFullRpc(t);
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_call', params: [{}] });
    return () => rpc.fetch('http://any/', { method: 'POST', body });
  },
  'a JSON-RPC write, its queue full': async (t) => {
    const rpc = await aFullRpc(t);
    return () => rpc.call('eth_sendRawTransaction', ['0x00']);
  },
  'a JSON-RPC notification, its queue full': async (t) => {
    const rpc = await aFullRpc(t);
    return () => rpc.notify('eth_call', []);
  },
  'JSON-RPC endpoints that are to agree, their queues full': async (t) => {
    const rpc = await aFullRpc(t, [{ name: 'b', url: await silent(t) }]);
    rpc.call('eth_chainId', ['b']).catch(ignored);
    rpc.call('eth_chainId', ['c']).catch(ignored);
    return () => rpc.call('eth_getBalance', ['0x1', '0x1'], { agree: 2 });
  },
  'a JSON-RPC client that is closed': async (t) => {
    const rpc = await anRpc(t);
    await rpc.close({ deadlineMs: 0 });
    return () => rpc.call('eth_call', [{}]);
  },
  'a JSON-RPC signal that has fired': async (t) => {
    const rpc = await anRpc(t);
    return () => rpc.call('eth_call', [{}], { signal: AbortSignal.abort() });
  },
  'a JSON-RPC signal that has fired, where requests go together': async (t) => {
    const rpc = await anRpc(t, { batching: true });
    return () => rpc.call('eth_call', [{}], { signal: AbortSignal.abort() });
  },
  'a JSON-RPC signal that has fired, where another asks for the same': async (t) => {
    const rpc = await anRpc(t);
    rpc.call('eth_call', [{}]).catch(ignored);
    return () => rpc.call('eth_call', [{}], { signal: AbortSignal.abort() });
  },
  'a JSON-RPC signal that has fired, in a batch': async (t) => {
    const rpc = await anRpc(t, { batching: true });
    return async () => {
      const requests = [{ method: 'eth_call' }, { method: 'eth_chainId' }];
      const [outcome] = await rpc.batch(requests, { signal: AbortSignal.abort() });
      if (outcome?.status === 'rejected') throw outcome.reason;
    };
  },
  'a batch that is malformed': async (t) => {
    const rpc = await anRpc(t);
    return () => rpc.batch([{} as never]);
  },
  'a limit of a JSON-RPC endpoint': async (t) => {
    const endpoint = { name: 'a', url: await silent(t), rateLimit: { limit: 1, windowMs: 60_000 } };
    const rpc = await anRpc(t, { endpoints: [endpoint] });
    rpc.call('eth_call', [{}]).catch(ignored);
    return () => rpc.call('eth_call', [{ to: '0x1' }], { deadlineMs: 1_000 });
  },
  'a JSON-RPC call that is malformed': async (t) => {
    const rpc = await anRpc(t);
    return () => rpc.call('eth_call', [{}], { minHeight: -1 });
  },
  'a JSON-RPC notification that is malformed': async (t) => {
    const rpc = await anRpc(t);
    return () => rpc.notify('eth_call', [], { signal: 1 as never });
  },
  'subscriptions that are closed': async (t) => {
    const rpc = await anRpc(t);
    rpc.subscriptions.close();
    return async () => {
      for await (const _ of rpc.subscribe('eth_subscribe', ['newHeads'])) break;
    };
  },
  'subscribers, when there are too many': async (t) => {
    const endpoints = [{ name: 'a', url: await silent(t) }];
    const subscriptions = createSubscriptions({ adapter: evm, endpoints, share: { subscribersMax: 1 } });
    t.after(() => subscriptions.close());
    subscriptions.subscribe('eth_subscribe', ['newHeads'])[Symbol.asyncIterator]().next().catch(ignored);
    return async () => {
      for await (const _ of subscriptions.subscribe('eth_subscribe', ['newHeads'])) break;
    };
  },
};
