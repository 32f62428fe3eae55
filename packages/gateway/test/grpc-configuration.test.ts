import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../src/config/config.ts';
import { aCaller, aGrpcGateway, anEchoServer, ask } from './grpc-callers.ts';

const upstream = (more: object): object => ({
  upstreams: { solana: { grpc: 'geyser', target: 'http://127.0.0.1:9', ...more } },
});

describe('the configuration of an upstream that speaks gRPC', () => {
  const refusals: readonly (readonly [object, RegExp])[] = [
    [{ grpc: 'geysr' }, /upstreams\.solana\.grpc is "geysr"; allowed: geyser, any/],
    [{ target: 'ftp://x' }, /upstreams\.solana cannot be used: option target/],
    [{ tokns: [] }, /upstreams\.solana\.tokns is not an option; did you mean tokens\?/],
    [
      { listen: '0.0.0.0:4310' },
      /upstreams\.solana\.listen can be reached by other machines; allowed: with `tokens` only/,
    ],
    [{ serverTls: { certFile: '/dev/null' } }, /serverTls has one of certFile and keyFile/],
    [{ pool: { connectionsMax: 0 } }, /upstreams\.solana cannot be used: .*connectionsMax/],
    [{ multiplexer: { queuePolicy: 'drop' } }, /upstreams\.solana cannot be used: .*queuePolicy/],
    [{ multiplexer: { filtersMax: { account: 1 } } }, /did you mean filtersMax\.accounts|filtersMax\.account/],
    [{ messageBytesMax: 0 }, /messageBytesMax is 0; allowed: a whole number from 1 to 4294967295/],
    [{ callsMax: 2 ** 32 }, /callsMax is 4294967296; allowed: a whole number from 1 to 4294967295/],
    [{ callersMax: 1.5 }, /callersMax is 1\.5; allowed: a whole number/],
  ];
  for (const [more, message] of refusals) {
    it(`refuses ${JSON.stringify(more)}`, () => {
      assert.throws(() => parseConfig(upstream(more), '.'), message);
    });
  }

  it('never tells a token', () => {
    const secrets = { token: 'very-secret-upstream', tokens: ['very-secret-local'] };
    assert.throws(
      () => parseConfig(upstream({ ...secrets, pool: { ageMs: 'x' } }), '.'),
      (error: Error) => !/very-secret/.test(error.message),
    );
  });

  it('beside those of HTTP, by one set of names', () => {
    const { upstreams, grpc } = parseConfig(
      { upstreams: { api: { origin: 'http://127.0.0.1:9' }, solana: { grpc: 'any', target: 'http://127.0.0.1:9' } } },
      '.',
    );
    assert.deepEqual([[...upstreams.keys()], [...grpc!.keys()]], [['api'], ['solana']]);
  });
});

it('a reload leaves what is as before alone, and begins anew what has changed, on its address', async (t) => {
  const { target } = await anEchoServer(t);
  const { gateway, port } = await aGrpcGateway(t, target, { listen: '127.0.0.1:0' });
  const [before] = gateway.grpc.all;
  const same = { ...before!.config };
  const up = (config: object) => new Map([['up', { ...same, ...config }]]);
  gateway.grpc.reload(up({}), 500, assert.fail);
  assert.equal(gateway.grpc.all[0], before);
  const client = aCaller(t, port);
  assert.equal((await ask(client, 'unary', [Buffer.from('a')])).status.code, 0);
  const listen = { host: '127.0.0.1', port };
  gateway.grpc.reload(up({ listen, tokens: ['now-with-a-token'] }), 500, assert.fail);
  assert.notEqual(gateway.grpc.all[0], before);
  const another = aCaller(t, port);
  assert.equal((await ask(another, 'unary', [Buffer.from('a')])).status.code, 16, 'the new one answers, and asks');
});

it('a gateway that stops lets calls under way end', async (t) => {
  const { target } = await anEchoServer(t);
  const { gateway, port } = await aGrpcGateway(t, target);
  const client = aCaller(t, port);
  const bytes = Buffer.alloc(4_000_000, 1);
  const call = ask(client, 'server', [bytes]);
  while (gateway.grpc.all[0]!.told().callers.inFlight === 0) await new Promise((resolve) => setImmediate(resolve));
  const stopped = gateway.stop(5_000);
  assert.equal((await call).status.code, 0);
  client.close();
  await stopped;
});
