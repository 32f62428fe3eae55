/** A server that is restarted again and again under load: nobody who may be helped fails, and nothing is done twice. */
import assert from 'node:assert/strict';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { it, type TestContext } from 'node:test';
import { NetError } from '../../../src/index.ts';
import { aClient, leavesNothing, quiet, until } from '../setup.ts';

leavesNothing();

/** One generation of the server. Old and new listen side by side for a moment, as behind any orchestrator. */
class Generation {
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();
  answered = 0;

  constructor(seen: Map<string, number>) {
    this.#server = createServer((request, response) => {
      const { url } = request;
      seen.set(url, (seen.get(url) ?? 0) + 1);
      request.resume();
      setTimeout(
        () => {
          response.end('done');
          this.answered++;
        },
        1 + Math.random() * 8,
      );
    });
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session)).on('error', () => {});
    });
  }

  async listen(port: number): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen({ port, host: '127.0.0.1', reusePort: true }, resolve));
    return (this.#server.address() as { port: number }).port;
  }

  /** GOAWAY, and the end once the last call is answered. */
  leave(): void {
    this.#server.close();
    for (const session of this.#sessions) session.close();
  }

  die(): void {
    this.#server.close();
    for (const session of this.#sessions) session.destroy();
  }
}

interface Outcome {
  readonly path: string;
  readonly error: NetError | undefined;
}

async function restarts(t: TestContext, count: number, end: 'leave' | 'die') {
  const seen = new Map<string, number>();
  let generation = new Generation(seen);
  const port = await generation.listen(0);
  // Everything under way fails six times within a second: more of all calls than the usual budget has for.
  const budget = { share: 1, perSecond: 1_000 };
  const client = aClient(t, {
    origin: `http://127.0.0.1:${port}`,
    http2: 'prior-knowledge',
    pool: { socketsMax: 4 },
    retry: true,
    budget,
  });
  let over = false;
  const outcomes: Outcome[] = [];
  const worker = async (id: number): Promise<void> => {
    for (let n = 0; !over; n++) {
      const path = `/${id % 4 === 0 ? 'once' : 'any'}/${id}/${n}`;
      const call = id % 4 === 0 ? client.post(path, 'x') : client.get(path);
      const error = await call.text().then(
        () => undefined,
        (thrown: unknown) => NetError.from(thrown),
      );
      outcomes.push({ path, error });
    }
  };
  const workers = Array.from({ length: 200 }, (_, id) => worker(id));
  /** Each generation answers everybody several times before it ends, however long that takes. */
  const answered = (): Promise<void> => until(() => generation.answered >= 1_500, 'calls are answered', 20_000);
  for (let i = 0; i < count; i++) {
    await answered();
    const next = new Generation(seen);
    await next.listen(port);
    generation[end]();
    generation = next;
  }
  await answered();
  over = true;
  await Promise.all(workers);
  await quiet(client);
  await client.close();
  generation.die();
  return { seen, outcomes, client };
}

it('servers that leave politely: no call fails, whatever its method, and none is done twice', async (t) => {
  const { seen, outcomes, client } = await restarts(t, 6, 'leave');
  assert.deepEqual(
    outcomes.filter(({ error }) => error !== undefined).map(({ error }) => error?.message),
    [],
  );
  assert.deepEqual(
    [...seen].filter(([path, times]) => path.startsWith('/once') && times > 1),
    [],
  );
  assert(outcomes.length > 400, `only ${outcomes.length} calls`);
  assert(client.stats().sockets.closed >= 7);
});

it('servers that die: no idempotent call fails, and no other is done twice', async (t) => {
  const { seen, outcomes } = await restarts(t, 6, 'die');
  const failed = outcomes.filter(({ error }) => error !== undefined);
  assert.deepEqual(
    failed.filter(({ path }) => path.startsWith('/any')).map(({ error }) => error),
    [],
  );
  assert(
    failed.every(({ error }) => error!.reach === 'unknown' || error!.reach === 'answered'),
    'they say how far they got',
  );
  assert.deepEqual(
    [...seen].filter(([path, times]) => path.startsWith('/once') && times > 1),
    [],
  );
});
