/** The faulty peer, in a process of its own: it shares neither event loop nor heap with the client under test. */
import type { TlsOptions } from 'node:tls';
import { type FaultyServer, startFaultyServer } from 'keepwarm/testing';
import { startDeafServer } from './deaf.ts';
import type { Fault } from './fault.ts';
import { type Misbehaviour, misbehaviour } from './misbehaviour.ts';
import { type Seen, Tally } from './tally.ts';

export interface Plan {
  readonly fault: Fault;
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 0: whichever is free. */
  readonly port?: number;
  readonly tls?: Pick<TlsOptions, 'cert' | 'key'>;
  /** Whether to write down when each request came. */
  readonly instants?: boolean;
}

export type Order =
  | { readonly order: number; readonly verb: 'serve'; readonly plan: Plan }
  | { readonly order: number; readonly verb: 'seen' | 'close'; readonly port: number; readonly host: string };

export interface Report {
  readonly order: number;
  readonly port?: number;
  readonly seen?: Seen;
  readonly error?: string;
}

interface Post {
  readonly server: Pick<FaultyServer, 'port' | 'close'>;
  readonly tally: Tally;
  readonly misbehaviour: Pick<Misbehaviour, 'stop'>;
}

const posts = new Map<string, Post>();

async function serve(plan: Plan): Promise<number> {
  const { fault, host = '127.0.0.1', port, tls, instants = false } = plan;
  const tally = new Tally(instants);
  if (fault.kind === 'black hole' && fault.takes === 'nothing') {
    const server = await startDeafServer(host);
    posts.set(`${host}:${server.port}`, { server, tally, misbehaviour: { stop: () => undefined } });
    return server.port;
  }
  const ill = misbehaviour(fault, tally);
  const server = await startFaultyServer({
    script: ill.script,
    connected: ill.connected,
    host,
    port,
    tls,
    requestsKept: 1,
  });
  posts.set(`${host}:${server.port}`, { server, tally, misbehaviour: ill });
  return server.port;
}

async function follow(order: Order): Promise<Omit<Report, 'order'>> {
  if (order.verb === 'serve') return { port: await serve(order.plan) };
  const key = `${order.host}:${order.port}`;
  const post = posts.get(key);
  if (post === undefined) throw new Error(`nothing serves ${key}`);
  if (order.verb === 'close') {
    posts.delete(key);
    post.misbehaviour.stop();
    await post.server.close();
  }
  return { seen: post.tally.seen() };
}

process.on('disconnect', () => process.exit(0));
process.on('message', (order: Order) => {
  follow(order).then(
    (report) => process.send?.({ ...report, order: order.order }),
    (error: unknown) => process.send?.({ error: String(error), order: order.order }),
  );
});
process.send?.({ order: 0 });
