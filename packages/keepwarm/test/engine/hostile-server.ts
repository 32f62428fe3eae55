/**
 * The server of the hostile loop, in a thread of its own so that its closes really race with the client's writes.
 * After some replies it closes the connection, by FIN or RST, at once or a moment later; and some requests on used
 * connections it takes and closes on instead of answering. It counts what it has received, by the calls' own ids.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { FaultyConnection } from '../../src/testing/faulty-connection.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { replyBytes, type Step } from '../../src/testing/faulty-steps.ts';

/** What it knows at the end. */
export interface HostileCount {
  /** Times each id of a call that is not idempotent was received in full. */
  readonly posts: ReadonlyMap<string, number>;
  readonly received: number;
  readonly connections: number;
  readonly closed: { readonly fin: number; readonly rst: number; readonly unanswered: number };
}

/** Of a hundred replies. */
const CLOSED_AFTER = 20;
/** Of a hundred requests on used connections. */
const NOT_ANSWERED = 3;

/** A small generator (Park and Miller, 1988), so that a run can be repeated. @returns from 0 to 99 */
export function dice(seed: number): () => number {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state % 100;
  };
}

async function serve(seed: number): Promise<void> {
  const roll = dice(seed);
  const posts = new Map<string, number>();
  const closed = { fin: 0, rst: 0, unanswered: 0 };
  const part = (connection: FaultyConnection): void => {
    if (roll() < 50) {
      closed.fin++;
      connection.end();
    } else {
      closed.rst++;
      connection.reset();
    }
  };
  const script: Step = async (request, connection) => {
    await request.body;
    const id = request.path;
    if (request.method === 'POST') posts.set(id, (posts.get(id) ?? 0) + 1);
    if (request.turn > 1 && roll() < NOT_ANSWERED) {
      closed.unanswered++;
      return part(connection);
    }
    await connection.send(replyBytes(id));
    if (roll() >= CLOSED_AFTER) return;
    if (roll() < 50) await connection.wait(roll() / 50);
    part(connection);
  };
  const server = await startFaultyServer({ script, requestsKept: 1 });
  parentPort?.once('message', async () => {
    const count: HostileCount = { posts, received: server.received, connections: server.accepted, closed };
    await server.close();
    parentPort?.postMessage(count);
  });
  parentPort?.postMessage(server.origin);
}

if (!isMainThread) await serve(workerData as number);
