/** A SOCKS proxy (RFC 1928, RFC 1929, SOCKS 4A) as far as clients need one; every name leads to loopback. */
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface SocksScript {
  /** `user:password` that is wanted; without it nobody is asked. */
  readonly credentials?: string;
  /** What the request is answered with: 0 opens the way (90 for version 4). */
  readonly reply?: number;
  /** Nothing is ever answered. */
  readonly mute?: boolean;
}

export interface TestSocks {
  readonly port: number;
  /** `api.test:443`, as the client asked for it. */
  readonly requests: readonly string[];
  /** Of the protocol, as each connection began. */
  readonly versions: readonly (number | undefined)[];
  readonly open: ReadonlySet<Socket>;
  readonly accepted: number;
}

export async function aSocksProxy(t: TestContext, script: SocksScript = {}): Promise<TestSocks> {
  const requests: string[] = [];
  const versions: (number | undefined)[] = [];
  const open = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted++;
    open.add(socket);
    socket.on('close', () => open.delete(socket)).on('error', () => {});
    socket.once('data', (bytes: Buffer) => versions.push(bytes[0]));
    if (script.mute === true) socket.resume();
    else serve(socket, script, (target) => requests.push(target));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of open) socket.destroy();
    await closed;
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    requests,
    versions,
    open,
    get accepted() {
      return accepted;
    },
  };
}

/** Requests of a client come one by one, each after the answer to the one before: a read is a message. */
function serve(socket: Socket, { credentials, reply }: SocksScript, told: (target: string) => void): void {
  let step: 'hello' | 'credentials' | 'request' = 'hello';
  const onData = (bytes: Buffer): void => {
    if (step === 'hello' && bytes[0] === 4) {
      const end = bytes.indexOf(0, 8);
      const named = bytes.readUInt32BE(4) < 256; // 0.0.0.x: a name follows
      const host = named ? bytes.toString('latin1', end + 1, bytes.length - 1) : [...bytes.subarray(4, 8)].join('.');
      return go(host, bytes.readUInt16BE(2), Buffer.from([0, reply ?? 90, 0, 0, 0, 0, 0, 0]), (reply ?? 90) === 90);
    }
    if (step === 'hello') {
      step = credentials === undefined ? 'request' : 'credentials';
      socket.write(Buffer.from([5, credentials === undefined ? 0 : 2]));
    } else if (step === 'credentials') {
      const user = bytes.toString('utf8', 2, 2 + bytes[1]!);
      const password = bytes.toString('utf8', 3 + bytes[1]!);
      step = 'request';
      socket.write(Buffer.from([1, `${user}:${password}` === credentials ? 0 : 1]));
    } else {
      const named = bytes[3] === 3;
      const end = named ? 5 + bytes[4]! : 8;
      const host = named ? bytes.toString('latin1', 5, end) : [...bytes.subarray(4, 8)].join('.');
      const answer = Buffer.from([5, reply ?? 0, 0, 1, 0, 0, 0, 0, 0, 0]);
      go(host, bytes.readUInt16BE(end), answer, (reply ?? 0) === 0);
    }
  };
  const go = (host: string, port: number, answer: Buffer, opens: boolean): void => {
    socket.off('data', onData);
    told(`${host}:${port}`);
    if (!opens) return void socket.end(answer);
    const origin = connect(port, '127.0.0.1', () => {
      socket.write(answer);
      socket.pipe(origin);
      origin.pipe(socket);
    });
    origin.on('close', () => socket.destroy()).on('error', () => {});
    socket.on('close', () => origin.destroy());
  };
  socket.on('data', onData);
}
