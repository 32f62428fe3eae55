/**
 * A provider that counts connections: it writes down when each was accepted, and when it counted it, which is any time
 * between that and its HTTP/2 settings. It loses whatever it has, again and again, so that everybody always wants more.
 *
 *   node provider.ts '{"jitterMs":…}'     tells its port; answers every message with what it has counted
 */
import { createServer } from 'node:http2';
import { createServer as createTcpServer, type Socket } from 'node:net';

export interface ProviderPlan {
  /** The most a connection waits for its settings, in ms, drawn evenly. */
  readonly jitterMs: number;
}

export interface Counted {
  /** Instants, in ms, in order. */
  readonly accepted: readonly number[];
  readonly counted: readonly number[];
  /** Connections that were thrown out before their settings. */
  readonly thrownOut: number;
}

/** One in so many is thrown out before it can be used. */
const THROWN_OUT = 8;
/** The longest life of a connection, in ms: whoever has one wants the next soon. */
const LIFE_MS_MAX = 300;

const { jitterMs }: ProviderPlan = JSON.parse(process.argv[2]!);
const accepted: number[] = [];
const counted: number[] = [];
let thrownOut = 0;

const h2 = createServer();
h2.on('sessionError', () => undefined); // connections end in the middle of anything here
h2.on('stream', (stream) => {
  stream.on('error', () => undefined);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
  stream.write(Buffer.from([0, 0, 0, 0, 0])); // one empty message, and then nothing until the connection is lost
});

function count(socket: Socket): void {
  counted.push(performance.now());
  if (socket.destroyed) return;
  if (Math.random() * THROWN_OUT < 1) {
    thrownOut++;
    return void socket.resetAndDestroy();
  }
  h2.emit('connection', socket);
  setTimeout(() => socket.destroy(), Math.random() * LIFE_MS_MAX);
}

const tcp = createTcpServer({ pauseOnConnect: true }, (socket) => {
  accepted.push(performance.now());
  socket.on('error', () => undefined);
  setTimeout(() => count(socket), Math.random() * jitterMs);
});
tcp.listen(0, '127.0.0.1', () => process.send!((tcp.address() as { port: number }).port));

process.on('message', () => process.send!({ accepted, counted, thrownOut } satisfies Counted));
process.on('disconnect', () => process.exit());
