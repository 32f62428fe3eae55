/** One call in words: where its milliseconds went, what policies did about it, and what that suggests. */
import type { CallPhases, CallTold } from '../figures/call-told.ts';

export interface Explanation {
  /** What it was and how it ended, in a line. */
  readonly summary: string;
  /** Where the time went, the longest first; nothing where it was not followed from its start. */
  readonly parts: readonly { readonly phase: string; readonly ms: number; readonly share: number }[];
  /** Step by step. */
  readonly words: readonly string[];
  readonly advice: string;
}

/** Parts of a call shorter than this share are left out of words. */
const SHARE_MIN = 0.02;

const MEANINGS: Readonly<Record<keyof CallPhases, (ms: string) => string>> = {
  limitMs: (ms) => `it was held back for ${ms} by a limit of ours`,
  queueMs: (ms) => `it waited ${ms} for a free connection`,
  dnsMs: (ms) => `it waited ${ms} for the name to be looked up`,
  tcpMs: (ms) => `it waited ${ms} for a TCP connection`,
  tlsMs: (ms) => `it waited ${ms} for the TLS handshake`,
  repeatMs: (ms) => `it waited ${ms} between attempts`,
  upstreamMs: (ms) => `the network and the peer took ${ms} until the head of the reply`,
  bodyMs: (ms) => `the body took ${ms} to arrive`,
};

const ADVICE: Readonly<Record<keyof CallPhases, string>> = {
  limitMs: 'A limit of ours held it back: raise the limit if the provider allows it, or spread calls (tool limits).',
  queueMs: 'All connections were in use: raise pool.socketsMax, or find what holds them (tool sockets).',
  dnsMs: 'The name was not in the cache: warm up ahead of calls, or look at the name server.',
  tcpMs: 'It paid for a cold connection: warm up, or keep more of them (pool.idleMin, pool.idleMs).',
  tlsMs: 'It paid for a cold connection: warm up, or keep more of them (pool.idleMin, pool.idleMs).',
  repeatMs: 'Attempts failed and were repeated after a pause: see what failed, and whether the peer is well.',
  upstreamMs: 'The time was spent beyond us: by the network or the peer. A hedge or another endpoint may help.',
  bodyMs: 'The head came soon and the body slowly: a large reply, a slow peer, or a caller that reads slowly.',
};

/** What a failure says by its code, where that says more than where the time went. */
const FAILED: Readonly<Record<string, string>> = {
  DNS: 'Nothing was sent: its name could not be looked up. Look at the name, or at the name server.',
  CONNECT: 'Nothing was sent: nobody could be reached there. The peer is down, or the network before it (tool probe).',
  TLS: 'Nothing was sent: the peer could not prove who it is, or no protocol was agreed. Look at certificates.',
  SATURATED: 'Nothing was sent: a limit of ours was reached. Raise the named limit, or send less.',
  OPEN: 'Nothing was sent: a breaker is open, as the peer kept failing. See what failed before (tool endpoint-health).',
  ABORTED: 'The caller left before the answer came.',
  RESET: 'The peer or the network dropped the connection under way. What was sent may have arrived.',
  PROTOCOL: 'The peer broke the protocol, and its connection was closed. What was sent has arrived.',
  LIMIT: 'The reply was larger than the named limit: raise that if the peer is trusted.',
};

export function explain(call: CallTold): Explanation {
  const { phases, totalMs } = call;
  const parts = phases === undefined ? [] : partsOf(phases, totalMs);
  const words = [
    ...(call.requestId === undefined ? [] : [`its request has the id ${call.requestId}`]),
    ...(call.socketId === 0 ? [] : [call.reused ? 'its connection had served before' : 'its connection was new']),
    ...parts.filter(({ share }) => share >= SHARE_MIN).map(({ phase, ms }) => MEANINGS[phase](shown(ms))),
    ...call.failed.map(({ attempt, endpoint, status, error, delayMs }) => {
      const at = endpoint === undefined ? '' : ` at ${endpoint}`;
      const how = error === undefined ? `was answered ${status}` : `failed with ${errorWords(error)}`;
      return `attempt ${attempt}${at} ${how}, and was repeated after ${shown(delayMs)}`;
    }),
    ...(call.acted.length === 0 ? [] : [`policies acted: ${call.acted.join(', ')}`]),
    ...(phases === undefined ? ['it was not followed from its start: there were too many calls'] : []),
  ];
  const longest = parts[0];
  const advice =
    longest === undefined ? 'Only its length is known; look at one that was followed.' : ADVICE[longest.phase];
  return { summary: summaryOf(call), parts, words, advice: FAILED[call.error?.code ?? ''] ?? advice };
}

function partsOf(phases: CallPhases, totalMs: number) {
  const named = Object.keys(MEANINGS) as (keyof CallPhases)[];
  return named
    .map((phase) => ({ phase, ms: phases[phase], share: totalMs === 0 ? 0 : phases[phase] / totalMs }))
    .filter(({ ms }) => ms > 0)
    .toSorted((a, b) => b.ms - a.ms);
}

function summaryOf({
  upstream,
  method,
  operation,
  origin,
  endpoint,
  status,
  error,
  totalMs,
  attempts,
}: CallTold): string {
  const what = operation === undefined ? method : `${method} ${operation}`;
  const where = endpoint === undefined ? origin : `${endpoint} (${origin})`;
  const how = error === undefined ? `answered ${status}` : `failed with ${errorWords(error)}`;
  const often = attempts > 1 ? ` after ${attempts} attempts` : '';
  return `${what} to ${where} through upstream ${upstream}: ${how}${often}, ${shown(totalMs)} in all`;
}

function errorWords({ code, phase, limit, system }: NonNullable<CallTold['error']>): string {
  const more = [phase, limit, system].filter((part) => part !== undefined).join(', ');
  return more === '' ? code : `${code} (${more})`;
}

export const shown = (ms: number): string => (ms < 10 ? `${ms.toFixed(2)} ms` : `${Math.round(ms)} ms`);
