/**
 * Facts of an upstream's client as lines. What happens to a call is a line where the configuration asks for it; what
 * happens to an endpoint, a breaker or a connection that could not be opened is one always, at the level it deserves.
 * Lines of one kind are bounded: a peer that fails a thousand times a second fails no less for being written down. What
 * says the same each time (an origin that cannot be reached, an open breaker) is a line at once, and then one a minute.
 */
import type { FactOf, NetError, Observer } from 'keepwarm';
import { LOGS_DEFAULTS, type LogsConfig } from '../config/logs.ts';
import type { Answered } from '../data/request-ids.ts';
import { errorTold } from '../figures/feed-facts.ts';
import type { Log } from './log.ts';
import { SILENT } from './log.ts';
import { Pace, STILL } from './pace.ts';

type Ended = FactOf<'replied'> | FactOf<'failed'>;

/** Origins of one upstream whose return is told. */
const LOST_MAX = 100;

export function logFacts(upstream: string, log: Log, { calls }: LogsConfig = LOGS_DEFAULTS): Observer {
  if (log === SILENT) return {};
  const pace = new Pace();
  const still = new Pace(STILL);
  /** Origins that could not be reached, and since when. */
  const lost = new Map<string, number>();
  const paced = (kind: string, write: (omitted: object) => void): void => pace.of(kind, write);
  const callOf = ({ call, tag, method, operation, origin, endpoint, attempt, totalMs }: Ended) => ({
    ...{ upstream, call, requestId: tag, method, operation, origin, endpoint, attempt, totalMs },
  });
  const said = (error: NetError | undefined) => (error === undefined ? {} : { error: errorTold(error) });
  return {
    socketOpened: ({ socketId, origin, dnsMs, tcpMs, tlsMs }) => {
      paced('opened', (more) => log.debug('opened', { upstream, socketId, origin, dnsMs, tcpMs, tlsMs, ...more }));
      const since = lost.get(origin);
      if (since !== undefined) log.info('connected again', { upstream, origin, lostMs: performance.now() - since });
      lost.delete(origin);
    },
    socketClosed: ({ socketId, origin, reason, leases }) =>
      paced('closed', (more) => log.debug('closed', { upstream, socketId, origin, reason, leases, ...more })),
    socketOpenFailed: ({ origin, error, elapsedMs }) => {
      if (!lost.has(origin) && lost.size < LOST_MAX) lost.set(origin, performance.now());
      still.of(`${origin} ${error.code} ${error.systemCode}`, (more) =>
        log.warn('could not connect', { upstream, origin, elapsedMs, ...said(error), ...more }),
      );
    },
    breakerOpened: ({ breaker, reason, openMs, status, error }) =>
      log.warn('breaker open', { upstream, breaker, reason, openMs, status, ...said(error) }),
    breakerClosed: ({ breaker, by }) => log.info('breaker closed', { upstream, breaker, by }),
    endpointEjected: ({ endpoint, reason, ejectedMs, status, error }) =>
      log.warn('endpoint ejected', { upstream, endpoint, reason, ejectedMs, status, ...said(error) }),
    endpointReadmitted: ({ endpoint, by, outMs }) => log.info('endpoint readmitted', { upstream, endpoint, by, outMs }),
    endpointCordoned: ({ endpoint, cordoned }) =>
      log.info(cordoned ? 'endpoint cordoned' : 'endpoint uncordoned', { upstream, endpoint }),
    endpointLagging: ({ endpoint, reason, height, head, lag }) =>
      log.warn('endpoint lags', { upstream, endpoint, reason, height, head, lag }),
    endpointCaughtUp: ({ endpoint, laggedMs }) => log.info('endpoint keeps up', { upstream, endpoint, laggedMs }),
    ratePaused: ({ limit, status, pauseMs }) =>
      paced('pause', (more) => log.warn('asked to pause', { upstream, limit, status, pauseMs, ...more })),
    leakSuspected: ({ socketId, origin, method, heldMs }) =>
      paced('leak', (more) => log.warn('connection held', { upstream, socketId, origin, method, heldMs, ...more })),
    ...(calls === 'none'
      ? {}
      : {
          failed: (fact) =>
            (fact.error.code === 'OPEN' ? still : pace).of(`failed ${fact.origin}`, (more) =>
              log.warn('call failed', { ...callOf(fact), ...said(fact.error), ...more }),
            ),
        }),
    ...(calls !== 'all'
      ? {}
      : {
          replied: (fact) => {
            const { status, socketId, reused } = fact;
            log.info('call', { ...callOf(fact), status, socketId, reused });
          },
        }),
  };
}

/** Statuses of gRPC that are not the caller's doing. */
const GRPC_FAULTS: ReadonlySet<string> = new Set([
  ...['UNKNOWN', 'DEADLINE_EXCEEDED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
]);

/** Lines of what the gateway answers by itself: a caller that shows its id can be told why. */
export function logAnswers(log: Log, { calls }: LogsConfig = LOGS_DEFAULTS): Answered | undefined {
  if (log === SILENT || calls === 'none') return undefined;
  const pace = new Pace();
  return (requestId, { status, code, upstream, reach, limit, value }) =>
    pace.of(`${upstream} ${status} ${code}`, (more) => {
      const line = { upstream, requestId, status, code, reach, limit, value, ...more };
      if (status === undefined ? GRPC_FAULTS.has(code) : status >= 500) log.warn('answered by the gateway', line);
      else log.info('answered by the gateway', line);
    });
}
