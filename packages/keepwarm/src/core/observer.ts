/**
 * Facts, as they happen, for whoever wants to know. Every method is optional and called synchronously, so a listener
 * must be quick and must not throw; what it throws is reported as an uncaught exception and harms no call.
 * Gauges are not facts: they are pulled from `stats()`. No fact ever holds a header, a query or a body.
 */
import type {
  EndpointCaughtUp,
  EndpointCordoned,
  EndpointDiffered,
  EndpointEjected,
  EndpointLagging,
  EndpointReadmitted,
} from './endpoint-facts.ts';
import type { NetError, Phase } from './error.ts';
import type { StreamObserver } from './subscribe.ts';

export type * from './endpoint-facts.ts';

/** Why a connection ended. */
export type CloseReason =
  | 'peer' // the peer closed it while idle
  | 'reset' // lost under a call, or with a system error
  | 'idle' // unused for longer than `idleMs`, or than the peer promised to keep it
  | 'age' // older than its share of `ageMs`
  | 'requests' // served `requestsMax` calls
  | 'surplus' // more idle than `idleMax`, or its place was needed by another origin
  | 'reply' // the reply said close, or ended with the connection
  | 'protocol' // the peer broke the protocol or a limit
  | 'aborted' // its call was aborted, timed out or was abandoned half-read
  | 'closing'; // the client closed it

export interface SocketFact {
  readonly socketId: number;
  readonly origin: string;
  readonly section: string;
}

export interface SocketOpened extends SocketFact {
  readonly address: string;
  readonly dnsMs: number;
  readonly tcpMs: number;
  /** 0 on cleartext. */
  readonly tlsMs: number;
  readonly tlsResumed: boolean;
  /** The proxy it goes through, without credentials; then `address`, `dnsMs` and `tcpMs` are about the way there. */
  readonly proxy?: string | undefined;
}

export interface SocketClosed extends SocketFact {
  readonly reason: CloseReason;
  readonly ageMs: number;
  readonly leases: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What the peer of an HTTP/2 connection says about the streams to come. */
export interface SessionChanged extends SocketFact {
  /** Streams that may be on it at once. */
  readonly streamsMax: number;
  /** Whether the peer is going to close it, and takes no more streams. */
  readonly leaving: boolean;
}

export interface OpenFailed {
  readonly origin: string;
  readonly section: string;
  readonly error: NetError;
  readonly elapsedMs: number;
}

export interface Leased extends SocketFact {
  /** The call it was lent to, as in facts about calls; 0 for code that runs it by itself, and for checks. */
  readonly call: number;
  /** How long the call waited for the connection, in ms. */
  readonly waitMs: number;
  /** Whether this is the connection's first call. */
  readonly fresh: boolean;
}

export interface CallFact {
  /** The same in all facts about one call, and in those about no other of this process; 0 for checks of our own. */
  readonly call: number;
  readonly method: string;
  /** The method of JSON-RPC or gRPC that is called, or how many requests go together; nothing for plain HTTP. */
  readonly operation?: string | undefined;
  readonly origin: string;
  readonly section: string;
  readonly attempt: number;
  /** Where it was sent last, by name; nothing for a client without endpoints, or before it was sent. */
  readonly endpoint: string | undefined;
  /** What whoever made the call calls it: its option `tag`. */
  readonly tag?: string | undefined;
}

export interface Replied extends CallFact {
  readonly status: number;
  /** The connection the reply came over, and whether that had served a call before. */
  readonly socketId: number;
  readonly reused: boolean;
  /** Call to head of reply, in ms. */
  readonly headMs: number;
  /** Call to end of reply, in ms. */
  readonly totalMs: number;
}

export interface Failed extends CallFact {
  readonly error: NetError;
  readonly totalMs: number;
}

export interface Hopped extends CallFact {
  readonly error: NetError;
  /** 1 for the first replay on another connection. */
  readonly hop: number;
}

/** Why a failure that might pass was handed to the caller: in the order in which it is asked. */
export type RetryDenial =
  | 'unsafe' // it may have been done, and must not be done twice
  | 'attempts' // it was the last of `attemptsMax`
  | 'deadline' // the call would be over before the wait is
  | 'budget'; // too large a share of the calls is being repeated already

/** An attempt that did not do: by an error, or by the status of its reply. `attempt` is its number. */
export interface AttemptFailed extends CallFact {
  readonly error: NetError | undefined;
  readonly status: number | undefined;
}

export interface Retried extends AttemptFailed {
  /** How long the call now waits for its next attempt, in ms. */
  readonly delayMs: number;
}

export interface RetryDenied extends AttemptFailed {
  readonly reason: RetryDenial;
}

export interface Hedged extends CallFact {
  /** How long the first copy had taken by then, in ms. */
  readonly delayMs: number;
}

export interface HedgeWon extends CallFact {
  /** From the first copy to the head of the reply, in ms. */
  readonly totalMs: number;
}

export interface RateWaits extends CallFact {
  /** The name of the rate limit. */
  readonly limit: string;
  /** Calls that wait for rate limits, this one included. */
  readonly waiting: number;
}

export interface RateRefused extends CallFact {
  readonly limit: string;
  readonly error: NetError;
}

export interface RatePaused extends CallFact {
  readonly limit: string;
  readonly status: number;
  readonly pauseMs: number;
}

/** What made a breaker open: failures in a row, their share, a failed probe, or a probe that never ended. */
export type BreakerOpening = 'consecutive' | 'share' | 'probe' | 'silence';

export interface BreakerFact {
  /** Its key: the section and origin of its calls, unless the options say otherwise. */
  readonly breaker: string;
}

export interface BreakerOpened extends BreakerFact {
  readonly reason: BreakerOpening;
  /** How long nothing is sent, in ms. */
  readonly openMs: number;
  /** The failure that was one too many: the status of a reply, or an error. Neither for `silence`. */
  readonly status: number | undefined;
  readonly error: NetError | undefined;
}

export interface BreakerClosed extends BreakerFact {
  readonly by: 'probe' | 'operator';
}

export interface ConcurrencyWaits extends CallFact {
  /** The key of the concurrency limit. */
  readonly limit: string;
  /** Calls that wait for it, this one included. */
  readonly waiting: number;
}

export interface ConcurrencyRefused extends CallFact {
  readonly limit: string;
  readonly error: NetError;
}

export interface Coalesced extends CallFact {
  /** Callers who wait for the same attempt, this one included. */
  readonly parties: number;
}

export interface CompressionRefused extends CallFact {
  /** By which the peer refused the compressed body. */
  readonly status: number;
}

/** Why an answer came from the cache: it was fresh, stale but allowed, or the peer said that it has not changed. */
export type CacheUse = 'fresh' | 'stale' | 'validated';

export interface CacheUsed extends CallFact {
  readonly use: CacheUse;
}

export interface LeakFact extends SocketFact {
  readonly method: string;
  /** Without its query; empty for a call to one of several endpoints, whose paths may hold keys. */
  readonly path: string;
  readonly phase: Phase;
  readonly heldMs: number;
  /** Where the call was made; only when `leak.stacks` is on. */
  readonly stack: string | undefined;
}

export interface DnsFact {
  readonly hostname: string;
  readonly addresses: number;
  readonly elapsedMs: number;
  readonly error: NetError | undefined;
}

export interface Observer extends StreamObserver {
  socketOpened?(fact: SocketOpened): void;
  socketOpenFailed?(fact: OpenFailed): void;
  socketClosed?(fact: SocketClosed): void;
  /** An HTTP/2 peer lets more streams be open at once, or fewer, or none any more. */
  sessionChanged?(fact: SessionChanged): void;
  /** A connection was lent to a call. */
  leased?(fact: Leased): void;
  /** A connection came back and is idle. */
  released?(fact: SocketFact): void;
  replied?(fact: Replied): void;
  failed?(fact: Failed): void;
  /** A call was replayed on another connection because a reused one turned out to be dead. */
  hopped?(fact: Hopped): void;
  /** An attempt failed, and another follows after a wait. */
  retried?(fact: Retried): void;
  /** An attempt failed in a way that may pass, and the caller gets it as it is. */
  retryDenied?(fact: RetryDenied): void;
  /** A second copy of a slow call is sent. */
  hedged?(fact: Hedged): void;
  /** The second copy was answered first, and well. */
  hedgeWon?(fact: HedgeWon): void;
  /** A call waits for a rate limit. */
  rateWaits?(fact: RateWaits): void;
  /** A rate limit let a call not start: too many wait, or it waited too long. */
  rateRefused?(fact: RateRefused): void;
  /** A peer asked for a pause, and the limit keeps it. */
  ratePaused?(fact: RatePaused): void;
  /** The peer of a breaker is failing, and nothing is sent to it for a while. */
  breakerOpened?(fact: BreakerOpened): void;
  /** The wait is over; the call at hand is a probe. */
  breakerHalfOpened?(fact: BreakerFact): void;
  /** All calls are let through again. */
  breakerClosed?(fact: BreakerClosed): void;
  /** A call waits, as many as may be are in flight. */
  concurrencyWaits?(fact: ConcurrencyWaits): void;
  /** A concurrency limit let a call not start: too many wait, or it waited too long. */
  concurrencyRefused?(fact: ConcurrencyRefused): void;
  /** An endpoint fails, and gets no calls for a while. */
  endpointEjected?(fact: EndpointEjected): void;
  /** It answers again, and gets its calls back little by little. */
  endpointReadmitted?(fact: EndpointReadmitted): void;
  /** An operator took an endpoint out of service, or put it back. */
  endpointCordoned?(fact: EndpointCordoned): void;
  /** An endpoint has fallen behind the others: calls that depend on the head go elsewhere. */
  endpointLagging?(fact: EndpointLagging): void;
  /** It keeps up again. */
  endpointCaughtUp?(fact: EndpointCaughtUp): void;
  /** An endpoint answered otherwise than others did. */
  endpointDiffered?(fact: EndpointDiffered): void;
  /** A call is not made, as another that asks for the same is under way: it gets a copy of the answer. */
  coalesced?(fact: Coalesced): void;
  /** A peer does not take compressed bodies; they are sent as they are for a while. */
  compressionRefused?(fact: CompressionRefused): void;
  /** A call is answered from the cache. */
  cacheUsed?(fact: CacheUsed): void;
  leakSuspected?(fact: LeakFact): void;
  leakRecovered?(fact: LeakFact): void;
  /** A lookup ended that went to a resolver. */
  resolved?(fact: DnsFact): void;
}
