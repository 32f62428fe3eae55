/** A request to go on in another protocol: handed to whoever serves it, or answered. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Conversation } from '../websocket/conversation.ts';
import { agreement, objectionTo, WEBSOCKET_VERSION } from '../websocket/handshake.ts';
import { answerProblem, type Problem, refusal } from './problem.ts';
import type { Routes } from './routes.ts';
import type { RpcUpstream } from './rpc-upstream.ts';
import { targetOf } from './target.ts';
import { responseOn, Upgrading } from './upgrading.ts';

export interface Asking {
  readonly request: IncomingMessage;
  /** Node has let go of it: whatever is answered on it is answered by us. */
  readonly socket: Socket;
  /** What came behind the request's head. */
  readonly early: Buffer;
  /** Fires when the connection closes. */
  readonly closed: AbortSignal;
}

/** @returns why it could not be routed; nothing when it was, whatever became of it */
export function acceptUpgrade(asking: Asking, routes: Routes): Problem | undefined {
  const { request, socket, early, closed } = asking;
  const target = targetOf(request);
  const route = 'status' in target ? target : routes.find(target);
  if ('status' in route) return route;
  const { upstream, path } = route;
  upstream.tenure.enter();
  socket.once('close', () => upstream.tenure.leave());
  const go = (tooOften: Problem | undefined): void => {
    if (tooOften !== undefined) answer(asking, { ...tooOften, upstream: upstream.name });
    else if ('rpc' in upstream) converse(asking, upstream);
    else {
      const place = upstream.sections?.find(request, path) ?? { upstream, path };
      if ('status' in place) return answer(asking, { ...place, upstream: upstream.name });
      const { tenure } = place.upstream;
      tenure.enter();
      socket.once('close', () => tenure.leave());
      new Upgrading(request, socket, early, place.upstream, closed).start(place.path);
    }
  };
  const tooOften = upstream.callerRate?.objection(request);
  if (tooOften instanceof Promise) void tooOften.then((problem) => socket.destroyed || go(problem));
  else go(tooOften);
  return undefined;
}

function converse(asking: Asking, upstream: RpcUpstream): void {
  const { request, socket, early } = asking;
  const { callers } = upstream;
  const problem = objectionTo(request.headers, callers.config.origins);
  if (problem !== undefined) return answer(asking, { ...problem, upstream: upstream.name });
  if (!callers.admits()) return answer(asking, { ...tooMany(callers.config.callersMax), upstream: upstream.name });
  socket.write(agreement(request.headers));
  new Conversation(request, socket, upstream).start(early);
}

function answer({ request, socket }: Asking, problem: Problem): void {
  const response = responseOn(request, socket);
  if (problem.status === 426) {
    response.setHeader('upgrade', 'websocket');
    response.setHeader('sec-websocket-version', WEBSOCKET_VERSION);
  }
  answerProblem(response, { ...problem, close: true });
}

function tooMany(limit: number): Problem {
  const detail = `${limit} callers are connected by WebSocket already (limit websocket.callersMax)`;
  const more = { proxyError: 'connection_limit_reached', limit: 'websocket.callersMax', value: limit, reach: 'unsent' };
  return refusal(503, 'SATURATED', detail, more);
}
