/**
 * The other end: a request that somebody has made of a program that passes it on, such as the gateway. It has a span of
 * kind server, within the one its caller named, and what is sent for it is within that.
 *
 * Where an instrumentation of Node's server has made that span already, it is used, and none is made beside it.
 */
import {
  type Attributes,
  context,
  defaultTextMapGetter,
  propagation,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { methodOf } from './otel-names.ts';

export interface ServedRequest {
  readonly method: string;
  /** By lower-case names. Only what the propagator asks for is looked at. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** On the span, such as who it is for. */
  readonly attributes?: Attributes | undefined;
}

export interface Serving {
  /** Runs what is sent for it. */
  within<T>(run: () => T): T;
  /** It has been answered to the end, or nobody is left to be answered: then there is no status. Once is enough. */
  ended(status: number | undefined): void;
}

export function serve(tracer: Tracer, own: Attributes, { method, headers, attributes }: ServedRequest): Serving {
  const active = context.active();
  if (trace.getSpan(active) !== undefined) {
    return { within: (run) => context.with(active, run), ended: () => undefined };
  }
  const known = methodOf(method);
  const span = tracer.startSpan(
    known === method ? method : 'HTTP',
    { kind: SpanKind.SERVER, attributes: { ...own, ...attributes, 'http.request.method': known } },
    extracted(headers),
  );
  const inside = trace.setSpan(active, span);
  let isOver = false;
  return {
    within: (run) => context.with(inside, run),
    ended(status) {
      if (isOver) return;
      isOver = true;
      if (status !== undefined) span.setAttribute('http.response.status_code', status);
      const error = status === undefined ? 'ABORTED' : status >= 500 ? String(status) : undefined;
      if (error !== undefined) span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };

  function extracted(carrier: ServedRequest['headers']) {
    try {
      return propagation.extract(active, carrier, defaultTextMapGetter);
    } catch {
      return active; // a caller's fields are no reason to fail its request
    }
  }
}
