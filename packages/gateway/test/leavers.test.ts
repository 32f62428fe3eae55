/** Callers that leave where it hurts: the gateway serves on, and nothing of them stays. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { frame } from './a-frame.ts';
import { ANode } from './a-node.ts';
import { ask, httpServer, Opened, startGateway, until } from './fixtures.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

const settings = frame(4, 0, 0, new Uint8Array());
/** A field as a literal without indexing (RFC 7541 § 6.2.2). */
const field = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
const get = (path: string): Buffer => {
  const fields = [field(':method', 'GET'), field(':scheme', 'http'), field(':path', path), field(':authority', 'x')];
  return frame(1, 5, 1, Buffer.concat(fields));
};

describe('a caller that leaves', () => {
  const opened = new Opened();
  afterEach(() => opened.closeAll());

  async function aGateway() {
    const upstream = { calls: 0, left: 0 };
    const server = opened.add(
      await httpServer((request, response) => {
        if (request.url !== '/never') return void response.end('well');
        upstream.calls++;
        response.on('close', () => upstream.left++);
      }),
    );
    const node = opened.add(await ANode.start());
    const chain = { jsonrpc: 'evm', endpoints: [{ url: node.url }], freshness: false, coalesce: false };
    const gateway = opened.add(await startGateway({ api: server.origin, chain }));
    const callers = (): Promise<number> =>
      new Promise((resolve) => gateway.gateway.data.server.getConnections((_, count) => resolve(count)));
    return { gateway, upstream, node, callers };
  }

  async function aSocket(port: number): Promise<Socket> {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    return socket.resume();
  }

  it('by a reset, behind a CONNECT that is being refused', async () => {
    const { gateway, callers } = await aGateway();
    for (let i = 0; i < 30; i++) {
      const socket = await aSocket(gateway.port);
      socket.write('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n');
      if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      socket.resetAndDestroy();
    }
    await until(async () => (await callers()) === 0);
    assert.equal(String((await ask(`${gateway.url}/api/`)).body), 'well');
  });

  it('within a frame of HTTP/2: its connection ends with it', async () => {
    const { gateway, callers } = await aGateway();
    for (const cut of [1, 9, 12, 30]) {
      const socket = await aSocket(gateway.port);
      socket.write(Buffer.concat([PREFACE, settings, get('/api/').subarray(0, cut)]));
      await once(socket, 'data'); // it has been heard
      socket.end();
    }
    await until(async () => (await callers()) === 0);
  });

  it('by the end of an HTTP/2 connection: the call upstream ends at once', async () => {
    const { gateway, upstream, callers } = await aGateway();
    const socket = await aSocket(gateway.port);
    socket.write(Buffer.concat([PREFACE, settings, get('/api/never')]));
    await until(() => upstream.calls === 1);
    socket.end();
    await until(() => upstream.left === 1);
    await until(async () => (await callers()) === 0);
    assert.equal(gateway.gateway.data.inFlight, 0);
  });

  it('when a part of its batch has been answered', async () => {
    const { gateway, node, callers } = await aGateway();
    node.answer = ({ method }) => (method === 'eth_late' ? new Promise(() => undefined) : { result: method });
    const body = JSON.stringify(['eth_gasPrice', 'eth_late'].map((method, id) => ({ jsonrpc: '2.0', id, method })));
    const socket = await aSocket(gateway.port);
    socket.write(`POST /chain HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await until(() => node.posted('eth_gasPrice') === 1 && node.posted('eth_late') === 1);
    await new Promise((resolve) => setTimeout(resolve, 50)); // the one is answered
    socket.destroy();
    await until(async () => (await callers()) === 0);
    assert.equal(gateway.gateway.data.inFlight, 0);
  });

  it('as the answer to its JSON-RPC is handed over', async () => {
    const { gateway, node, callers } = await aGateway();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_gasPrice' });
    const request = `POST /chain HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    for (let i = 0; i < 60; i++) {
      const socket = await aSocket(gateway.port);
      let turns = i % 12;
      node.answer = ({ method }) => {
        const leave = (): void => void (turns-- > 0 ? setImmediate(leave) : socket.resetAndDestroy());
        setImmediate(leave);
        return { result: method };
      };
      socket.write(request);
      await once(socket, 'close');
    }
    await until(async () => (await callers()) === 0);
    node.answer = ({ method }) => ({ result: method });
    assert.match(String((await ask(`${gateway.url}/chain`, { method: 'POST', body })).body), /eth_gasPrice/);
  });
});
