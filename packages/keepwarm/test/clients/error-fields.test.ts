/**
 * What an error says beside its code, provoked in earnest over each protocol: where it happened, at which origin and on
 * which connection, by which limit, and when to come back. The promises are those of docs/reference/errors.md.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createSilent } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createGrpcClient, GrpcError, rawMethod } from '../../src/grpc.ts';
import { type ClientOptions, type Code, createClient, NetError } from '../../src/index.ts';
import { createRpc, evm } from '../../src/jsonrpc.ts';
import { startFaultyServer } from '../../src/testing/faulty-server.ts';
import { answer, inOrder, readBody, reset, type Step, send, silence } from '../../src/testing/faulty-steps.ts';
import { aPeer, type Script, STATUS_200 } from '../engine/h2/a-peer.ts';
import { until } from '../engine/setup.ts';
import { data, headers } from '../wire/h2/raw.ts';

const PARTIAL = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc';
const FIELDS = Array.from({ length: 300 }, () => ['x-a', 'b'] as const);

/** What a server does to a call, in bytes of HTTP/1.1. */
const STEPS = {
  silence,
  reset: inOrder(readBody, reset),
  partial: inOrder(readBody, send(PARTIAL), silence),
  cut: inOrder(readBody, send(PARTIAL), reset),
  broken: inOrder(readBody, send('HTTP/1.1 abc\r\n\r\n')),
  large: answer('"'.padEnd(5_000, 'x')),
  manyFields: inOrder(
    readBody,
    send(`HTTP/1.1 200 OK\r\n${FIELDS.map((field) => `${field.join(': ')}\r\n`).join('')}\r\n`),
  ),
  noJson: answer('{nope'),
  noGzip: answer('not gzip', { headers: { 'content-encoding': 'gzip' } }),
  refuses: answer('no', { status: 503, headers: { 'retry-after': 7 } }),
  moves: answer('', { status: 302, headers: { location: '/' } }),
} satisfies Record<string, Step>;
type Kind = keyof typeof STEPS;

/** Fields as literals that enter no table. */
const block = (pairs: readonly (readonly [string, string])[]): Buffer =>
  Buffer.concat(
    pairs.flatMap((pair) => [Buffer.of(0), ...pair.flatMap((text) => [Buffer.of(text.length), Buffer.from(text)])]),
  );
const whole = (body: string, ...pairs: (readonly [string, string])[]): Script => ({
  request: (line, { id }) => line.send(headers(id, block(pairs)), data(id, body, true)),
});

/** The same in frames of HTTP/2. */
const SCRIPTS: Record<Kind, Script> = {
  silence: {},
  reset: { request: ({ socket }) => socket.destroy() },
  partial: { request: (line, { id }) => line.send(headers(id, STATUS_200), data(id, 'abc')) },
  cut: { request: (line, { id }) => line.socket.end(Buffer.concat([headers(id, STATUS_200), data(id, 'abc')])) },
  broken: { request: (line, { id }) => line.send(headers(id, block([['x', 'y']]))) },
  large: whole('"'.padEnd(5_000, 'x'), [':status', '200']),
  manyFields: { request: (line, { id }) => line.send(headers(id, block(FIELDS))) },
  noJson: whole('{nope', [':status', '200']),
  noGzip: whole('not gzip', [':status', '200'], ['content-encoding', 'gzip']),
  refuses: whole('no', [':status', '503'], ['retry-after', '7']),
  moves: whole('', [':status', '302'], ['location', '/']),
};

interface CallOptions {
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

interface Caller {
  readonly call: (options?: CallOptions) => Promise<unknown>;
  readonly warmUp: () => Promise<unknown>;
  readonly close: () => Promise<void>;
}

type Options = Pick<ClientOptions, 'limits' | 'pool' | 'session' | 'redirectsMax' | 'connect' | 'breaker'>;

interface Server {
  readonly origin: string;
  /** Whether a call has come. */
  readonly asked: () => boolean;
}

interface Protocol {
  readonly serve: (t: TestContext, kind: Kind) => Promise<Server>;
  readonly caller: (origin: string, options: Options) => Caller;
}

const BARE = { retry: false, breaker: false } as const;
const METHOD = rawMethod('/a.B/C');

const steps: Protocol['serve'] = async (t, kind) => {
  const server = await startFaultyServer({ script: STEPS[kind] });
  t.after(() => server.close());
  return { origin: server.origin, asked: () => server.received > 0 };
};
const frames: Protocol['serve'] = async (t, kind) => {
  const peer = await aPeer(t, SCRIPTS[kind]);
  return { origin: peer.origin, asked: () => peer.asked.length > 0 };
};

const http =
  (http2: 'prior-knowledge' | 'never'): Protocol['caller'] =>
  (origin, options) => {
    const client = createClient({ origin, http2, ...BARE, ...options });
    return {
      call: (asked) => client.get('/', asked).json(),
      warmUp: () => client.warmUp(),
      close: () => client.close({ deadlineMs: 0 }),
    };
  };

const PROTOCOLS: Record<string, Protocol> = {
  'HTTP/1.1': { serve: steps, caller: http('never') },
  'HTTP/2': { serve: frames, caller: http('prior-knowledge') },
  gRPC: {
    serve: frames,
    caller(target, { redirectsMax: _, ...options }) {
      const client = createGrpcClient({ target, ...BARE, ...options });
      const call = (asked?: CallOptions) => client.unary(METHOD, Uint8Array.of(1), asked);
      return { call, warmUp: () => client.warmUp(), close: () => client.close({ deadlineMs: 0 }) };
    },
  },
  'JSON-RPC': {
    serve: steps,
    caller(url, { redirectsMax: _, ...options }) {
      const client = createRpc({ adapter: evm, endpoints: [{ url, name: 'a' }], coalesce: false, ...BARE, ...options });
      const call = (asked?: CallOptions) => client.call('eth_chainId', [], asked);
      return { call, warmUp: () => client.warmUp(), close: () => client.close({ deadlineMs: 0 }) };
    },
  },
};
const ALL = Object.keys(PROTOCOLS);
const HTTP = ['HTTP/1.1', 'HTTP/2'];
/** Where the whole of a body is read by what lies beneath: gRPC says by itself what is wrong with its messages. */
const BUT_GRPC = [...HTTP, 'JSON-RPC'];

interface Row {
  readonly kind: Kind;
  readonly on?: readonly string[];
  readonly options?: Options;
  /** What is asked before the call that fails. */
  readonly first?: (caller: Caller) => unknown;
  /** Once the call has arrived. */
  readonly met?: (caller: Caller, abort: () => void) => void;
  readonly asked?: CallOptions;
  readonly code: Code;
  readonly reach: NetError['reach'];
  readonly phase?: NetError['phase'];
  readonly limit?: readonly [name: string, value: number];
  readonly status?: number;
  readonly retryAfterMs?: number | 'some';
  /** That there was a connection, and which. */
  readonly socket?: true;
}

/** Two are under way or wait before the one that fails. */
const two = ({ call }: Caller): void => {
  for (let i = 0; i < 2; i++) call().catch(() => undefined);
};
const narrow = { pool: { socketsMax: 1, waitersMax: 1 }, session: { streamsMax: 1 } };

const ROWS: Record<string, Row> = {
  'no answer in time': {
    kind: 'silence',
    options: { limits: { firstByteMs: 60 } },
    code: 'TIMEOUT',
    reach: 'unknown',
    phase: 'head',
    limit: ['firstByteMs', 60],
  },
  'silence within the answer': {
    kind: 'partial',
    on: BUT_GRPC,
    options: { limits: { betweenBytesMs: 60 } },
    code: 'TIMEOUT',
    reach: 'answered',
    phase: 'body',
    limit: ['betweenBytesMs', 60],
  },
  'no connection free in time': {
    kind: 'silence',
    first: ({ warmUp, call }) => warmUp().then(() => void call().catch(() => undefined)),
    options: { ...narrow, limits: { queueMs: 60 } },
    code: 'TIMEOUT',
    reach: 'unsent',
    phase: 'queue',
    limit: ['queueMs', 60],
  },
  'a deadline before the answer': {
    kind: 'silence',
    first: ({ warmUp }) => warmUp(),
    asked: { deadlineMs: 1_500 },
    code: 'DEADLINE',
    reach: 'unknown',
    phase: 'head',
    limit: ['deadlineMs', 1_500],
  },
  'a deadline within the answer': {
    kind: 'partial',
    on: BUT_GRPC,
    first: ({ warmUp }) => warmUp(),
    asked: { deadlineMs: 5_000 },
    code: 'DEADLINE',
    reach: 'answered',
    phase: 'body',
    limit: ['deadlineMs', 5_000],
  },
  'a signal that had fired': {
    kind: 'silence',
    asked: { signal: AbortSignal.abort(new Error('gone')) },
    code: 'ABORTED',
    reach: 'unsent',
    phase: 'queue',
  },
  'a signal that fires': {
    kind: 'silence',
    met: (_, abort) => abort(),
    code: 'ABORTED',
    reach: 'unknown',
    phase: 'head',
  },
  'a connection lost before the answer': {
    kind: 'reset',
    code: 'RESET',
    reach: 'unknown',
    phase: 'head',
    socket: true,
  },
  'a connection lost within the answer': {
    kind: 'cut',
    on: BUT_GRPC,
    code: 'RESET',
    reach: 'answered',
    phase: 'body',
    socket: true,
  },
  'an answer that breaks the protocol': {
    kind: 'broken',
    code: 'PROTOCOL',
    reach: 'answered',
    phase: 'head',
    socket: true,
  },
  'a body that is too large': {
    kind: 'large',
    options: { limits: { bodyBytesMax: 100 } },
    code: 'LIMIT',
    reach: 'answered',
    phase: 'body',
    limit: ['bodyBytesMax', 100],
    socket: true,
  },
  'too many fields': {
    kind: 'manyFields',
    code: 'LIMIT',
    reach: 'answered',
    phase: 'head',
    limit: ['fieldsMax', 256],
    socket: true,
  },
  'a body that is no JSON': {
    kind: 'noJson',
    on: BUT_GRPC,
    code: 'DECODE',
    reach: 'answered',
    phase: 'body',
    socket: true,
  },
  'a body in no such coding': {
    kind: 'noGzip',
    on: BUT_GRPC,
    code: 'DECODE',
    reach: 'answered',
    phase: 'body',
    socket: true,
  },
  'a status nobody wants': {
    kind: 'refuses',
    on: BUT_GRPC,
    code: 'STATUS',
    reach: 'answered',
    status: 503,
    retryAfterMs: 7_000,
  },
  'redirects without end': {
    kind: 'moves',
    on: HTTP,
    options: { redirectsMax: 1 },
    code: 'REDIRECT',
    reach: 'answered',
    phase: 'redirect',
    limit: ['redirectsMax', 1],
  },
  'a client that is closed': {
    kind: 'silence',
    met: ({ close }) => void close(),
    code: 'CLOSED',
    reach: 'unknown',
    phase: 'head',
  },
  'a client that was closed': {
    kind: 'silence',
    first: ({ close }) => close(),
    code: 'CLOSED',
    reach: 'unsent',
    phase: 'closing',
  },
  'too many who wait': {
    kind: 'silence',
    on: ['HTTP/1.1', 'JSON-RPC'],
    first: two,
    options: narrow,
    code: 'SATURATED',
    reach: 'unsent',
    phase: 'queue',
    limit: ['waitersMax', 1],
  },
  'an open breaker': {
    kind: 'reset',
    options: { breaker: { consecutiveMax: 1, failingMs: 0 } },
    first: ({ call }) => call().catch(() => undefined),
    code: 'OPEN',
    reach: 'unsent',
    phase: 'queue',
    retryAfterMs: 'some',
  },
};

/** The NetError a caller gets, or that lies beneath what he gets. */
async function provoked(call: PromiseLike<unknown>): Promise<NetError> {
  const thrown = await Promise.resolve(call).then(
    () => assert.fail('it succeeded'),
    (error: unknown) => error,
  );
  const error = thrown instanceof GrpcError ? thrown.cause : thrown;
  assert(error instanceof NetError, String(thrown));
  if (thrown instanceof GrpcError) {
    assert.deepEqual([thrown.reach, thrown.limit, thrown.value], [error.reach, error.limit, error.value]);
  }
  return error;
}

function promised(error: NetError, origin: string, row: Omit<Row, 'kind'>): void {
  const { code, reach, phase, limit: [limit, value] = [], status, retryAfterMs, socket } = row;
  const wanted = { code, reach, phase, origin, limit, value, status };
  assert.deepEqual(Object.fromEntries(Object.keys(wanted).map((name) => [name, Reflect.get(error, name)])), wanted);
  if (retryAfterMs === 'some') assert(error.retryAfterMs! > 0);
  else assert.equal(error.retryAfterMs, retryAfterMs);
  if (socket) assert(error.socketId! > 0, 'it says which connection');
  if (code === 'ABORTED' || code === 'CLOSED') return;
  assert(!error.message.includes('undefined'), error.message);
}

/** Provokes one row over one protocol. */
function provoke(name: string, what: string, row: Row): void {
  const { serve, caller } = PROTOCOLS[name]!;
  it(`${row.code}: ${what}`, { timeout: 60_000 }, async (t) => {
    const server = await serve(t, row.kind);
    const made = caller(server.origin, row.options ?? {});
    t.after(() => made.close());
    await row.first?.(made);
    const leaving = new AbortController();
    const call = provoked(made.call({ signal: leaving.signal, ...row.asked }));
    if (row.met !== undefined) {
      await until(server.asked, 'the call arrives');
      row.met(made, () => leaving.abort(new Error('gone')));
    }
    promised(await call, server.origin, row);
  });
}

const rowsOver = (name: string) => Object.entries(ROWS).filter(([, { on = ALL }]) => on.includes(name));
const says = (name: string) => `an error over ${name} says what is promised of it`;
const takesSeconds = ({ asked }: Row): boolean => asked?.deadlineMs !== undefined;

for (const name of ALL) {
  describe(says(name), { concurrency: true }, () => {
    for (const [what, row] of rowsOver(name)) if (!takesSeconds(row)) provoke(name, what, row);
  });
}

// Long enough for a busy machine to get as far as the name says, so all of them wait at once, and beside nothing else.
describe('in seconds', { concurrency: true }, () => {
  for (const [name, { caller }] of Object.entries(PROTOCOLS)) {
    describe(says(name), { concurrency: true }, () => {
      for (const [what, row] of rowsOver(name)) if (takesSeconds(row)) provoke(name, what, row);

      it('DNS, CONNECT and TIMEOUT: an origin that is not to be reached', { timeout: 60_000 }, async (t) => {
        const silent = createSilent(() => undefined);
        await once(silent.listen(0, '127.0.0.1'), 'listening');
        const { port } = silent.address() as { readonly port: number };
        t.after(() => silent.close());
        const unsent = { reach: 'unsent' } as const;
        const reach = async (origin: string, options: Options, row: Omit<Row, 'kind' | 'reach'>): Promise<NetError> => {
          const made = caller(origin, options);
          t.after(() => made.close());
          const error = await provoked(made.call());
          promised(error, origin, { ...unsent, ...row });
          return error;
        };
        assert((await reach('http://nowhere.invalid', {}, { code: 'DNS', phase: 'dns' })).systemCode !== undefined);
        const refused = await reach('http://127.0.0.1:1', {}, { code: 'CONNECT', phase: 'connect' });
        assert.equal(refused.systemCode, 'ECONNREFUSED');
        const connect = { connectMs: 2_000 };
        await reach(
          `https://127.0.0.1:${port}`,
          { connect },
          { code: 'TIMEOUT', phase: 'tls', limit: ['connectMs', 2_000] },
        );
      });
    });
  }
});
