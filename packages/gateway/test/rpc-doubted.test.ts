/** A JSON-RPC upstream that believes no node alone: what its configuration says, and what callers get. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseConfig } from '../src/config/config.ts';
import { ask, httpServer, Opened, startGateway, type TestServer } from './fixtures.ts';

interface Asked {
  readonly id?: unknown;
  readonly method: string;
  readonly params?: readonly unknown[];
}

/** Answers everything but where its head is with this. */
const aNode = (answer: (asked: Asked) => object): Promise<TestServer> =>
  httpServer(async (request, response) => {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const asked = JSON.parse(text) as Asked;
    const said = asked.method === 'eth_blockNumber' ? { result: '0x100' } : answer(asked);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ jsonrpc: '2.0', id: asked.id, ...said }));
  });

const call = async (url: string, method: string, ...params: unknown[]): Promise<Record<string, unknown>> => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method, params });
  const reply = await ask(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return JSON.parse(reply.body.toString()) as Record<string, unknown>;
};

describe('a JSON-RPC upstream that doubts', () => {
  const opened = new Opened();
  let url: string;
  let metrics: () => Promise<string>;

  before(async () => {
    const receipt = { transactionHash: '0xab', status: '0x1' };
    const logs = ({ params }: Asked): object => {
      const [{ fromBlock, toBlock }] = params as [{ fromBlock: string; toBlock: string }];
      if (Number(toBlock) > Number(fromBlock)) return { error: { code: -32_600, message: 'block range is too wide' } };
      return { result: [{ blockNumber: fromBlock }] };
    };
    const says = (balance: string, found: object | null) => (asked: Asked) => {
      if (asked.method === 'eth_getLogs') return logs(asked);
      return { result: asked.method === 'eth_getTransactionReceipt' ? found : balance };
    };
    const nodes = await Promise.all([aNode(says('0x1', null)), aNode(says('0x02', receipt)), aNode(says('0x2', null))]);
    for (const node of nodes) opened.add(node);
    const endpoints = nodes.map(({ origin }, priority) => ({ url: origin, name: `node-${priority}`, priority }));
    const agree = { eth_getBalance: 2, eth_getCode: 3 };
    const gateway = opened.add(
      await startGateway({
        chain: { jsonrpc: 'evm', endpoints, agree, emptyElsewhere: 2, splitting: { callsMax: 9 } },
      }),
    );
    url = `${gateway.url}/chain`;
    metrics = async () => (await ask(`http://127.0.0.1:${gateway.adminPort}/metrics`)).body.toString();
  });
  after(() => opened.closeAll());

  it('gives what so many nodes say, what another node has, and searches in parts', async () => {
    assert.equal(Number((await call(url, 'eth_getBalance', '0xab', '0x10'))['result']), 2);
    let found: unknown = null;
    // A second is what another node has to answer: on a machine that is busy it may need more than one.
    for (let i = 0; found === null && i < 20; i++) {
      found = (await call(url, 'eth_getTransactionReceipt', `0x${String(i).padStart(64, '0')}`))['result'];
    }
    assert.deepEqual(found, { transactionHash: '0xab', status: '0x1' });
    const logs = await call(url, 'eth_getLogs', { fromBlock: '0x1', toBlock: '0x3' });
    assert.deepEqual(logs['result'], [{ blockNumber: '0x1' }, { blockNumber: '0x2' }, { blockNumber: '0x3' }]);
    const many = await call(url, 'eth_getLogs', { fromBlock: '0x1', toBlock: '0xff' });
    assert.match(String((many['error'] as { message: string }).message), /block range is too wide/);
  });

  it('answers with an error of JSON-RPC when nodes disagree, and counts who did', async () => {
    const { id, error } = await call(url, 'eth_getCode', '0xab', '0x10');
    assert.equal(id, 7);
    const { code, message } = error as { code: number; message: string };
    assert.equal(code, -32_000);
    assert.match(message, /eth_getCode: 3 endpoints must agree/);
    const told = await metrics();
    assert.match(told, /keepwarm_rpc_endpoint_differed_total\{.*endpoint="node-0".*answer="disagreed".*\} 1/);
    assert.match(told, /keepwarm_rpc_agreement_calls_total\{.*answer="disagreed".*\} 1/);
    assert.match(told, /keepwarm_rpc_split_parts_total\S* \d+/);
  });

  it('says what is wrong with its configuration, and where', () => {
    const wrong = (more: object) => () =>
      parseConfig({ upstreams: { chain: { jsonrpc: 'evm', endpoints: [{ url: 'http://a.test' }], ...more } } }, '.');
    assert.throws(
      wrong({ agree: { eth_call: 2 } }),
      /chain.*agree\.eth_call is 2; allowed: a whole number from 1 to 1/,
    );
    assert.throws(wrong({ agree: { eth_sendRawTransaction: 1 } }), /it is not known as a read/);
    assert.throws(wrong({ emptyElsewhere: 'yes' }), /emptyElsewhere is "yes"; allowed: false, a whole number/);
    assert.throws(wrong({ splitting: { parts: 3 } }), /splitting\.parts/);
  });
});
