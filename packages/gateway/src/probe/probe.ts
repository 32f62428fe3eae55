/**
 * Where the milliseconds of a call go. Everything is told by the library itself: the phases of each connection by its
 * facts, the waits and the first byte by when they happened to the call.
 *
 *   cold     a client with nothing: lookup, TCP, TLS in full, request
 *   warm     the same connection again, several times
 *   resumed  a second connection: the address is known, and TLS may resume
 */
import { type Client, type ClientOptions, createClient, type NetError, type Reply } from 'keepwarm';

export interface ProbeOptions {
  readonly method: string;
  /** Warm calls. */
  readonly count: number;
  readonly tls?: ClientOptions['tls'];
  readonly dns?: ClientOptions['dns'];
  /** Default none. */
  readonly proxy?: ClientOptions['proxy'];
  readonly signal?: AbortSignal;
}

/** One call. Phases of the connection are there when it opened one. */
export interface ProbedCall {
  readonly kind: 'cold' | 'warm' | 'resumed';
  readonly dnsMs: number;
  readonly tcpMs: number;
  /** 0 on cleartext. */
  readonly tlsMs: number;
  readonly tlsResumed: boolean;
  /** From the request's being sent to the reply's head. */
  readonly firstByteMs: number;
  /** From there to the end of the body. */
  readonly bodyMs: number;
  readonly totalMs: number;
  readonly status: number;
}

export interface Probe {
  /** Without query: it may be secret, and does not matter here. */
  readonly url: string;
  readonly method: string;
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  /** The one that was connected to. */
  readonly address: string;
  /** The proxy it went through, without credentials; the address is that one's then. */
  readonly proxy: string | null;
  readonly calls: readonly ProbedCall[];
  readonly summary: {
    readonly coldMs: number;
    /** Median of the warm calls; `null` when the server does not keep connections open. */
    readonly warmMs: number | null;
    /** Of a second connection. */
    readonly resumedMs: number;
    readonly tlsResumed: boolean;
    /** Share of a cold call that a warm one saves, 0…1. */
    readonly saved: number | null;
  };
}

interface Opened {
  readonly address: string;
  readonly dnsMs: number;
  readonly tcpMs: number;
  readonly tlsMs: number;
  readonly tlsResumed: boolean;
}

const NOTHING_OPENED = { dnsMs: 0, tcpMs: 0, tlsMs: 0, tlsResumed: false };

/** @throws NetError when a call fails */
export async function probe(url: URL, options: ProbeOptions): Promise<Probe> {
  const { method, count, tls, dns, proxy, signal } = options;
  let through: string | null = null;
  let opened: Opened | undefined;
  let address = '';
  let leasedAt = 0;
  const client = createClient({
    ...(tls === undefined ? {} : { tls }),
    ...(dns === undefined ? {} : { dns }),
    ...(proxy === undefined ? {} : { proxy }),
    pool: { socketsMax: 1 },
    retry: false, // what is measured is one attempt
    breaker: false,
    decompress: false,
    observer: {
      socketOpened: (fact) => {
        opened = fact;
        address = fact.address;
        through = fact.proxy ?? null;
      },
      leased: () => {
        leasedAt = performance.now();
      },
    },
  });
  const call = async (kind: 'warm' | 'resumed' | 'cold'): Promise<ProbedCall> => {
    opened = undefined;
    const startedAt = performance.now();
    const reply = await client.request(url, { method, signal });
    const headAt = performance.now();
    await drained(reply);
    const endedAt = performance.now();
    return {
      // A server that closes after each reply leaves no warm connection: what was meant to be warm is not.
      kind: kind === 'warm' && opened !== undefined ? 'resumed' : kind,
      ...phasesOf(opened),
      firstByteMs: headAt - leasedAt,
      bodyMs: endedAt - headAt,
      totalMs: endedAt - startedAt,
      status: reply.status,
    };
  };
  try {
    const calls = [await call('cold')];
    for (let i = 0; i < count; i++) calls.push(await call('warm'));
    const protocol = protocolOf(client);
    client.closeIdle();
    calls.push(await call('resumed'));
    const told = {
      url: url.origin + url.pathname,
      method,
      protocol,
      address,
      proxy: through,
      calls,
    } as const;
    return { ...told, summary: summarise(calls) };
  } finally {
    client.destroy();
  }
}

/** What was spoken with the server: it chose (ALPN). */
function protocolOf(client: Client): Probe['protocol'] {
  const { live, history } = client.stats().sockets;
  return [...live, ...history].some(({ protocol }) => protocol === 'h2') ? 'HTTP/2' : 'HTTP/1.1';
}

function phasesOf(opened: Opened | undefined): typeof NOTHING_OPENED {
  if (opened === undefined) return NOTHING_OPENED;
  const { dnsMs, tcpMs, tlsMs, tlsResumed } = opened;
  return { dnsMs, tcpMs, tlsMs, tlsResumed };
}

/** Reads the body to its end and forgets it. @throws NetError when it breaks off */
function drained(reply: Reply): Promise<void> {
  const body = reply.take();
  if (body instanceof Uint8Array) return Promise.resolve();
  return new Promise((resolve, reject) => {
    body.start({ data: () => true, end: () => resolve(), fail: (error: NetError) => reject(error) });
  });
}

function summarise(calls: readonly ProbedCall[]): Probe['summary'] {
  const cold = calls[0]!;
  const last = calls.at(-1)!;
  const warm = calls.filter(({ kind }) => kind === 'warm').map(({ totalMs }) => totalMs);
  const warmMs = warm.length === 0 ? null : warm.toSorted((a, b) => a - b)[Math.floor(warm.length / 2)]!;
  return {
    coldMs: cold.totalMs,
    warmMs,
    resumedMs: last.totalMs,
    tlsResumed: last.tlsResumed,
    saved: warmMs === null ? null : 1 - warmMs / cold.totalMs,
  };
}
