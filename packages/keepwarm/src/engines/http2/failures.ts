/** What goes wrong on sessions and streams only, in words that name the thing, the limit and the value. */
import { NetError, type Phase, type Reach } from '../../core/error.ts';
import { errorName } from '../../wire/h2/codes.ts';

/**
 * How a stream ended before its reply did: never processed; with its session; dropped by a peer that is being stopped
 * (RST_STREAM with NO_ERROR); wanted in HTTP/1.1, which is not to say that nothing was done; or on a verdict that the
 * peer would pass again.
 */
export type Loss = 'unprocessed' | 'with its session' | 'dropped' | 'misdirected' | 'judged';

export const tell = {
  /** What ended the session, or came from the peer, as this call met it. */
  asMet(error: NetError, reach: Reach, phase: Phase): NetError {
    return new NetError(error.code, error.message, { ...error, cause: error.cause, reach, phase });
  },

  /** The peer broke a rule; what it says is never quoted. */
  broken(why: string, reach: Reach, phase: Phase): NetError {
    return new NetError('PROTOCOL', `the peer broke HTTP/2: ${why}`, { reach, phase });
  },

  reset(code: number, reach: Reach, phase: Phase): NetError {
    const message = `the peer reset the stream: ${errorName(code)}`;
    return new NetError('RESET', message, { reach, phase, systemCode: errorName(code) });
  },

  refused(times: number): NetError {
    const message = `the peer refused the stream unprocessed, ${times} times in a row`;
    return new NetError('RESET', message, { reach: 'unsent', phase: 'head', systemCode: 'REFUSED_STREAM' });
  },

  leaving(code: number): NetError {
    const message = `the peer closes the session (GOAWAY ${errorName(code)}) and did not process the call`;
    return new NetError('RESET', message, { reach: 'unsent', phase: 'head', systemCode: errorName(code) });
  },

  closed(reason: string): NetError {
    return new NetError('RESET', `the session was closed (${reason})`, { reach: 'unknown', phase: 'closing' });
  },

  deaf(bytes: number): NetError {
    const message = `the session is dead: its peer has more than ${bytes} bytes to read, and does not`;
    return new NetError('RESET', message, { reach: 'unknown', phase: 'head' });
  },

  silent(ms: number, what: string): NetError {
    const message = `the session is dead: ${what} within ${ms} ms`;
    return new NetError('RESET', message, { reach: 'unknown', phase: 'head' });
  },

  notHttp2(origin: string): NetError {
    const message = `${origin} did not agree to HTTP/2, and nothing else is offered (option http2)`;
    return new NetError('TLS', message, { reach: 'unsent', phase: 'tls', origin });
  },

  /** What ended a connection before it was a session. */
  noHello(cause: NetError): NetError {
    const message = `no HTTP/2 session came about: ${cause.message}`;
    return new NetError('CONNECT', message, { reach: 'unsent', phase: 'connect', cause });
  },

  noSettings(origin: string, ms: number): NetError {
    const message = `${origin} sent no HTTP/2 settings within ${ms} ms: it may not speak HTTP/2`;
    return new NetError('CONNECT', message, { reach: 'unsent', phase: 'connect', origin });
  },
};
