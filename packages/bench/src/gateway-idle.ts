/**
 * Callers that hold their connections and say nothing: what each costs a proxy, and whether it is still served. The
 * callers are sockets of this process, which is not pinned and writes one prebuilt call.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ProxyProcess, startProxy } from './gateway-proxies.ts';
import { type ProxyIdleRow, rounded } from './rows.ts';
import { CALL_BODY } from './server/replies.ts';
import { figure, type Table } from './table.ts';

/** Connections whose opening, or whose call, is under way at once: what a backlog takes. */
const AT_ONCE = 200;

export interface IdlePlan {
  readonly connections: number;
  /** Before memory is first read, so that code is compiled and pools are filled. */
  readonly warmCalls: number;
  /** For collectors to run, before memory is read. */
  readonly settleMs: number;
}

export async function measureIdle(
  scenario: string,
  name: string,
  upstream: string,
  { connections, warmCalls, settleMs }: IdlePlan,
): Promise<ProxyIdleRow> {
  const about = { scenario, client: name, connections };
  let proxy: ProxyProcess | undefined;
  const held: Socket[] = [];
  try {
    proxy = await startProxy(name, upstream);
    const call = callOf(proxy);
    await rounds(await opened(proxy, Math.min(AT_ONCE, connections)), call, warmCalls / AT_ONCE, held);
    await sleep(settleMs);
    const before = proxy.rssBytes();
    const startMs = performance.now();
    const warm = held.length;
    while (held.length < connections + warm) {
      const next = await opened(proxy, Math.min(AT_ONCE, connections + warm - held.length));
      await rounds(next, call, 1, held);
    }
    const openMs = performance.now() - startMs;
    await sleep(settleMs);
    const rssBytes = (proxy.rssBytes() - before) / connections;
    const errors = await answeredBy(held, call);
    return { ...about, rssBytes: rounded(rssBytes), openMs: rounded(openMs), errors };
  } catch (error) {
    return { ...about, rssBytes: 0, openMs: 0, errors: 0, failure: (error as Error).message };
  } finally {
    for (const socket of held) socket.destroy();
    await proxy?.close();
  }
}

function callOf({ origin, path }: ProxyProcess): string {
  const length = Buffer.byteLength(CALL_BODY);
  const head = [`POST ${path} HTTP/1.1`, `host: ${new URL(origin).host}`, 'content-type: application/json'];
  return `${head.join('\r\n')}\r\ncontent-length: ${length}\r\n\r\n${CALL_BODY}`;
}

async function opened({ origin }: ProxyProcess, count: number): Promise<Socket[]> {
  const port = Number(new URL(origin).port);
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    }),
  );
}

/** So many calls on each; from then on the sockets are among those held. */
async function rounds(sockets: readonly Socket[], call: string, count: number, held: Socket[]): Promise<void> {
  held.push(...sockets);
  for (let round = 0; round < count; round++) {
    const errors = await answeredBy(sockets, call);
    if (errors > 0) throw new Error(`${errors} of ${sockets.length} calls were not answered`);
  }
}

/** One call on each, `AT_ONCE` at a time. @returns how many were not answered with 200 */
async function answeredBy(sockets: readonly Socket[], call: string): Promise<number> {
  let errors = 0;
  for (let at = 0; at < sockets.length; at += AT_ONCE) {
    const answers = await Promise.all(sockets.slice(at, at + AT_ONCE).map((socket) => answer(socket, call)));
    errors += answers.filter((status) => status !== '200').length;
  }
  return errors;
}

/** The replies are small and come in one piece. */
async function answer(socket: Socket, call: string): Promise<string> {
  if (socket.destroyed) return 'closed';
  socket.write(call);
  try {
    const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
    return chunk.toString('latin1', 9, 12);
  } catch {
    return 'none';
  }
}

export function idleTable(rows: readonly ProxyIdleRow[]): Table {
  return {
    head: ['proxy', 'connections held', 'RSS KB each', 'opened in s', 'not served'],
    rows: rows.map((row) => [
      row.client,
      row.failure === undefined ? String(row.connections) : 'failed',
      figure(row.rssBytes / 1_024),
      figure(row.openMs / 1_000),
      String(row.errors),
    ]),
  };
}
