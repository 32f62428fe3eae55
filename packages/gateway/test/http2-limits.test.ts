/** Callers by HTTP/2 that are slow, or stay: what they may keep, and for how long. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { after, describe, it } from 'node:test';
import { httpServer, Opened, startGateway, type TestGateway, until } from './fixtures.ts';

describe('limits of HTTP/2', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  async function aGateway(more: object): Promise<TestGateway> {
    const server = opened.add(
      await httpServer((request, response) => {
        if (request.url === '/never') return void request.resume();
        if (request.url === '/late') {
          response.write('long after this, ');
          return void setTimeout(() => response.end(Buffer.alloc(20_000_000, 'x')), 250);
        }
        if (request.url === '/large') return void response.end(Buffer.alloc(20_000_000, 'x'));
        request.resume().on('end', () => response.end('whole'));
      }),
    );
    return opened.add(await startGateway({ api: server.origin }, more));
  }

  function aSession({ url }: TestGateway): ClientHttp2Session {
    const session = connect(url);
    session.on('error', () => {});
    opened.add({ close: async () => session.destroy() });
    return session;
  }

  const begun = (session: ClientHttp2Session, path: string, method = 'GET', endStream = true): ClientHttp2Stream =>
    session.request({ ':path': path, ':method': method }, { endStream }).on('error', () => {});

  const answered = async (session: ClientHttp2Session): Promise<string> => {
    let text = '';
    for await (const chunk of begun(session, '/api/quick')) text += String(chunk);
    return text;
  };

  it('a body that does not come in time ends its stream, and no other', async () => {
    const gateway = await aGateway({ requestMs: 100 });
    const session = aSession(gateway);
    const slow = begun(session, '/api/order', 'POST', false);
    slow.write('the beginning');
    await once(slow, 'close');
    assert.notEqual(slow.rstCode, 0);
    assert.equal(await answered(session), 'whole');
    await until(() => gateway.gateway.data.inFlight === 0);
  });

  for (const path of ['/api/large', '/api/late']) {
    it(`one that does not read its reply is given up, and no other: ${path}`, async () => {
      const gateway = await aGateway({ callerStallMs: 100 });
      const session = aSession(gateway);
      const unread = begun(session, path);
      await once(unread, 'response');
      unread.pause();
      await until(() => gateway.gateway.data.inFlight === 0);
      assert.equal(await answered(session), 'whole');
    });
  }

  it('a session without requests ends after callerIdleMs; one with a request that takes long does not', async () => {
    const gateway = await aGateway({ callerIdleMs: 100 });
    const busy = aSession(gateway);
    const waiting = begun(busy, '/api/never');
    await until(() => gateway.gateway.data.inFlight === 1);
    const idle = aSession(gateway);
    // Who has had an answer and asks for nothing more; a machine that stands still may end it before that.
    await answered(idle).catch(() => '');
    await until(() => idle.closed);
    await new Promise((resolve) => setTimeout(resolve, 250));
    assert.equal(busy.closed, false);
    waiting.close();
    await until(() => busy.closed);
  });

  it('a long drain by an operator’s word is cut short by a stop with less time', async () => {
    const gateway = await aGateway({});
    const session = aSession(gateway);
    const stuck = begun(session, '/api/never');
    await until(() => gateway.gateway.data.inFlight === 1);
    void gateway.gateway.data.drain(600_000);
    const over = once(stuck, 'close');
    await gateway.gateway.stop(50);
    await over;
    assert.equal(gateway.gateway.data.inFlight, 0);
  });
});
