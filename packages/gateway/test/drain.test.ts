import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { after, describe, it } from 'node:test';
import { ask, httpServer, Opened, startGateway, until } from './fixtures.ts';

describe('a gateway that is told to stop under load', () => {
  const opened = new Opened();
  after(() => opened.closeAll());

  it('says that it is not ready, answers whole what had arrived, and takes no more', async () => {
    let reached = 0;
    const server = opened.add(
      await httpServer((incoming, response) => {
        reached++;
        incoming.resume().on('end', () => setTimeout(() => response.end('x'.repeat(1_000)), 5));
      }),
    );
    const started = await startGateway({ api: server.origin }, { drainMs: 5_000 });
    const agent = new Agent({ keepAlive: true, maxSockets: 20 });
    let running = true;
    let answered = 0;
    const failures: string[] = [];
    const loop = async (): Promise<void> => {
      while (running) {
        const asking = request(`${started.url}/api/`, { agent, method: 'POST' });
        asking.end('hello');
        try {
          const [response] = (await once(asking, 'response')) as [IncomingMessage];
          let length = 0;
          for await (const chunk of response) length += chunk.length;
          assert.deepEqual([response.statusCode, length], [200, 1_000]);
          answered++;
        } catch (error) {
          failures.push(String((error as { code?: unknown }).code ?? error));
          return; // nobody listens any more
        }
      }
    };
    const loops = Array.from({ length: 20 }, loop);
    await until(() => answered > 200);
    const before = reached;
    const stopping = started.gateway.stop();
    assert.equal(started.gateway.data.draining, true);
    const ready = await ask(`http://127.0.0.1:${started.adminPort}/readyz`).catch(() => undefined);
    if (ready !== undefined) assert.equal(ready.status, 503);
    await stopping;
    running = false;
    await Promise.all(loops);
    agent.destroy();
    assert.ok(reached >= before);
    assert.equal(answered, reached, 'whatever reached the upstream was answered whole');
    // A caller that speaks first on a connection being closed sees that; nothing of it was taken.
    for (const code of failures) assert.match(code, /^(?:ECONNREFUSED|ECONNRESET|EPIPE)$/);
  });

  it('cuts what does not end in time', async () => {
    const server = opened.add(await httpServer(() => undefined));
    const started = await startGateway({ api: server.origin });
    const stuck = ask(`${started.url}/api/`).catch((error: Error) => error.message);
    await until(() => started.gateway.data.inFlight === 1);
    await started.gateway.stop(20);
    assert.match(String(await stuck), /hang up|ECONNRESET/);
    await until(() => started.gateway.data.inFlight === 0);
    await started.gateway.stop(20);
  });
});
