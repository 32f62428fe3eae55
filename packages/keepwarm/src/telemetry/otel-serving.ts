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
import { methodOf, type Names } from './otel-names.ts';

export interface ServedRequest {
  readonly method: string;
  /** By lower-case names. Only what the propagator asks for is looked at. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Of gRPC: service and method, as in its path. Then the span has that name, and the conventions of RPC are its. */
  readonly operation?: string | undefined;
  /** On the span, such as who it is for. */
  readonly attributes?: Attributes | undefined;
}

export interface Serving {
  /** Runs what is sent for it. */
  within<T>(run: () => T): T;
  /**
   * It has been answered to the end, or nobody is left to be answered: then there is no status. Once is enough.
   *
   * @param status of HTTP; of gRPC its name
   */
  ended(status: number | string | undefined): void;
}

/** Those that say that it is the server's fault, by the conventions; all others are the caller's, or none. */
const GRPC_FAULTS: ReadonlySet<string> = new Set([
  ...['UNKNOWN', 'DEADLINE_EXCEEDED', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
]);

export function serve(tracer: Tracer, names: Names, own: Attributes, request: ServedRequest): Serving {
  const { headers, attributes } = request;
  const active = context.active();
  if (trace.getSpan(active) !== undefined) {
    return { within: (run) => context.with(active, run), ended: () => undefined };
  }
  const { name, asked } = named(names, request);
  const span = tracer.startSpan(
    name,
    { kind: SpanKind.SERVER, attributes: { ...own, ...attributes, ...asked } },
    extracted(headers),
  );
  const inside = trace.setSpan(active, span);
  let isOver = false;
  return {
    within: (run) => context.with(inside, run),
    ended(status) {
      if (isOver) return;
      isOver = true;
      if (status !== undefined) {
        span.setAttribute(typeof status === 'string' ? 'rpc.status_code' : 'http.response.status_code', status);
      }
      const error = faultOf(status);
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

function named(names: Names, { method, operation }: ServedRequest): { name: string; asked: Attributes } {
  if (operation === undefined) {
    const known = methodOf(method);
    return { name: known === method ? method : 'HTTP', asked: { 'http.request.method': known } };
  }
  const name = names.operation(operation);
  return { name, asked: { 'rpc.system.name': 'grpc', 'rpc.method': name } };
}

function faultOf(status: number | string | undefined): string | undefined {
  if (status === undefined) return 'ABORTED';
  const isFault = typeof status === 'string' ? GRPC_FAULTS.has(status) : status >= 500;
  return isFault ? String(status) : undefined;
}
