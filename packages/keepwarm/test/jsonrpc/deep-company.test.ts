/** Results nested deep in one message with others: what cannot be written or read of one is that one's concern. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import { parseExact } from '../../src/wire/jsonrpc/numbers.ts';
import { aNode, anRpc } from './a-node.ts';

const LEVELS = 20_000;
const BIG = '12345678901234567890';
const nested = (inner = ''): string => '['.repeat(LEVELS) + inner + ']'.repeat(LEVELS);

function depthOf(value: unknown): number {
  let depth = 0;
  for (let at = value; Array.isArray(at); at = at[0]) depth++;
  return depth;
}

/** Asked for 1 it answers with a result nested deep, otherwise with a big number. */
async function aClient(t: TestContext) {
  const node = await aNode(t, ({ requests, batch }) => {
    const answers = requests.map(({ id, params }) => {
      const result = (params as readonly unknown[])[0] === 1 ? nested(BIG) : `{"lamports":${BIG}}`;
      return `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
    });
    return batch ? `[${answers.join(',')}]` : answers[0];
  });
  return { node, rpc: anRpc(t, [node], { batching: true }) };
}

const request = (id: number, what: number) => ({ jsonrpc: '2.0', id, method: 'fixed', params: [what] });
const post = (message: unknown) => ({ method: 'POST', body: JSON.stringify(message) });

describe('a result that is nested deep, in a message with others', () => {
  it('is whole for its caller, and another gets its number to the last digit', async (t) => {
    const { rpc } = await aClient(t);
    const [deep, response] = await Promise.all([rpc.call('fixed', [1]), rpc.fetch('http://any/', post(request(7, 2)))]);
    assert.equal(depthOf(deep), LEVELS);
    assert.equal(await response.text(), `{"jsonrpc":"2.0","id":7,"result":{"lamports":${BIG}}}`);
  });

  it('handed on by fetch is an error of its own, and another gets what it asked for', async (t) => {
    const { rpc } = await aClient(t);
    const [response, other] = await Promise.all([
      rpc.fetch('http://any/', post(request(7, 1))),
      rpc.call('fixed', [2]),
    ]);
    assert.deepEqual(other, { lamports: Number(BIG) });
    const { error } = (await response.json()) as { error: { code: number; message: string } };
    assert.equal(error.code, -32000);
    assert.match(error.message, /nested/);
  });

  it('in a batch that is handed on leaves the others as they are', async (t) => {
    const { rpc } = await aClient(t);
    const response = await rpc.fetch('http://any/', post([request(1, 2), request(2, 1), request(3, 2)]));
    const answers = JSON.parse(await response.text()) as {
      id: number;
      result?: unknown;
      error?: { message: string };
    }[];
    assert.deepEqual(
      answers.map(({ id, result, error }) => [id, result !== undefined, error !== undefined]),
      [
        [1, true, false],
        [2, false, true],
        [3, true, false],
      ],
    );
  });

  it('is compared where endpoints have to agree, or fails, in time', async (t) => {
    const nodes = await Promise.all([aClient(t), aClient(t)]);
    const rpc = anRpc(
      t,
      nodes.map(({ node }) => node),
    );
    const [outcome] = await Promise.allSettled([rpc.call('fixed', [1], { agree: 2, deadlineMs: 20_000 })]);
    if (outcome?.status === 'fulfilled') assert.equal(depthOf(outcome.value), LEVELS);
    else assert.doesNotMatch(String(outcome?.reason), /ran out of time/);
  });
});

describe('parseExact of what is nested deep', () => {
  it('is as of what is not', () => {
    const json = fc.json({ noUnicodeString: false });
    fc.assert(
      fc.property(json, fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), fc.string(), (inner, big, text) => {
        const content = `{"a":${inner},"b":[${big},${big}.5,"${big}",${JSON.stringify(text)}],"__proto__":1}`;
        let deep = parseExact(nested(`${content},${BIG}`)) as unknown[];
        for (let level = 1; level < LEVELS; level++) deep = deep[0] as unknown[];
        assert.deepEqual(deep, parseExact(`[${content},${BIG}]`));
      }),
      { numRuns: 12 },
    );
  });

  it('refuses what is no JSON', () => {
    assert.throws(() => parseExact(`${nested(BIG)}]`), SyntaxError);
    assert.throws(() => parseExact(`${nested(`0${BIG}`)}`), SyntaxError);
  });
});
