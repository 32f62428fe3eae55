import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { afterEach, describe, it } from 'node:test';
import { ask, httpServer, Opened, ownPort, startGateway, until } from './fixtures.ts';

const speaking = (port: number, more: object = {}) => ({
  grpc: 'any',
  target: `http://127.0.0.1:${port}`,
  listen: '127.0.0.1:0',
  connectionRate: 'unlimited',
  ...more,
});

/** A call of gRPC, given up when the test is over. */
function aCall(port: number) {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined); // it is destroyed
  const call = session.request({ ':method': 'POST', ':path': '/a.B/c', 'content-type': 'application/grpc' });
  call.on('error', () => undefined); // likewise
  return { close: async () => session.destroy() };
}

describe('readiness of upstreams that speak gRPC', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());

  const ready = async (adminPort: number) => (await ask(`http://127.0.0.1:${adminPort}/readyz`)).status;

  it('holds before anybody has asked, and ends when connections cannot be had by those who wait', async () => {
    const { gateway, adminPort } = opened.add(await startGateway({ rpc: speaking(await ownPort()) }));
    assert.equal(await ready(adminPort), 200);
    opened.add(aCall(gateway.grpc.all[0]!.address!.port));
    await until(async () => (await ready(adminPort)) === 503);
    const stats = JSON.parse(String((await ask(`http://127.0.0.1:${adminPort}/api/stats?sockets=0`)).body));
    assert.equal(stats.readiness, 'no upstream is usable');
  });

  it('is that of any upstream: one that is usable will do', async () => {
    const upstream = opened.add(await httpServer((_, response) => void response.end('x')));
    const { gateway, adminPort } = opened.add(
      await startGateway({ api: upstream.origin, rpc: speaking(await ownPort()) }),
    );
    opened.add(aCall(gateway.grpc.all[0]!.address!.port));
    await until(() => !gateway.grpc.all[0]!.usable);
    assert.equal(await ready(adminPort), 200);
  });

  it('is not had without a listener', async () => {
    const { gateway } = opened.add(await startGateway({ rpc: speaking(await ownPort()) }));
    assert.equal(gateway.grpc.all[0]!.usable, true);
    await gateway.grpc.close(0);
    assert.equal(gateway.grpc.all[0]!.usable, false);
  });
});
