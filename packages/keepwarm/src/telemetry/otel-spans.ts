/**
 * A span for each call, from when it was made to the end of its reply. What is sent once more (a retry, a hedge, a
 * redirect) gets a span of its own beneath it, and the peer is told of the span that sent it.
 *
 *   call span  ├──────────────────────────────────────┤   http.response.status_code of what the caller got
 *     sent       ├────503──┤
 *     resent                   ├──────────200─────────┤   http.request.resend_count 1
 *
 * Invariants:
 *   (1) Every span that was started ends, once: with the reply, or with what ended the call.
 *   (2) No attribute holds a header, a query or a body; a path only where `paths` says so, and never that of an
 *       endpoint, as those may hold keys.
 */
import {
  type Attributes,
  type Context,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Call } from '../core/call.ts';
import { Fields } from '../core/fields.ts';
import { type Kind, kindOf, methodOf, type Names, type Place } from './otel-names.ts';
import type { Outcome } from './otel-outcome.ts';
import type { Peer } from './otel-peers.ts';

/** A call on its way, as far as its span is concerned. */
export class Traced {
  readonly kind: Kind;
  readonly span: Span;
  readonly context: Context;
  /** Whether somebody will look at it. What the sampler has left out is passed on to peers, and costs no more. */
  readonly recording: boolean;
  readonly startedAt: number;
  /** How often it was sent. */
  sent = 0;
  /** Where it was sent last. */
  place: Place | undefined;

  constructor(kind: Kind, { startedAt }: Call, span: Span, within: Context) {
    this.startedAt = startedAt;
    this.kind = kind;
    this.span = span;
    this.context = trace.setSpan(within, span);
    this.recording = span.isRecording();
  }
}

export interface SpanOptions {
  readonly attemptSpans: 'resent' | 'every';
  readonly paths: boolean;
  readonly attributes: Attributes;
}

/** One sending: the span it happens in, and what goes out. */
export interface Sending {
  readonly call: Call;
  /** Only when it has one of its own. */
  readonly span: Span | undefined;
  readonly context: Context;
}

export class Spans {
  readonly #tracer: Tracer;
  readonly #names: Names;
  readonly #options: SpanOptions;

  constructor(tracer: Tracer, names: Names, options: SpanOptions) {
    this.#tracer = tracer;
    this.#names = names;
    this.#options = options;
  }

  /** Within whatever its caller is in. */
  start(call: Call): Traced {
    const within = context.active();
    const kind = kindOf(call);
    const attributes = this.#attributesOf(kind, call);
    const span = this.#tracer.startSpan(this.#nameOf(kind, call), { kind: SpanKind.CLIENT, attributes }, within);
    return new Traced(kind, call, span, within);
  }

  /** @param call what is about to be sent, which goes on as the call returned */
  send(traced: Traced, call: Call, place: Place): Sending {
    const resends = traced.sent++;
    traced.place = place;
    let span: Span | undefined;
    let within = traced.context;
    if (traced.recording && (resends > 0 || this.#options.attemptSpans === 'every')) {
      const attributes: Attributes = { ...this.#attributesOf(traced.kind, call), ...place.server };
      if (resends > 0) attributes['http.request.resend_count'] = resends;
      if (call.endpoint !== undefined) attributes['keepwarm.endpoint'] = call.endpoint;
      span = this.#tracer.startSpan(this.#nameOf(traced.kind, call), { kind: SpanKind.CLIENT, attributes }, within);
      within = trace.setSpan(within, span);
    }
    return { call: carrying(call, within), span, context: within };
  }

  sent({ span }: Sending, outcome: Outcome, peer: Peer | undefined): void {
    if (span !== undefined) finish(span, outcome, peer);
  }

  end(traced: Traced, call: Call, outcome: Outcome, peer: Peer | undefined): void {
    const { span, place, sent, recording } = traced;
    if (recording) {
      if (place !== undefined) span.setAttributes(place.server);
      const endpoint = call.tried?.at(-1);
      if (endpoint !== undefined) span.setAttribute('keepwarm.endpoint', endpoint);
      if (sent !== 1) span.setAttribute('keepwarm.sent', sent);
    }
    finish(span, outcome, peer);
  }

  #nameOf(kind: Kind, call: Call): string {
    if (kind !== 'http') return this.#names.operation(call.operation ?? '');
    const method = methodOf(call.method);
    const name = method === call.method ? method : 'HTTP';
    return call.template === undefined ? name : `${name} ${this.#names.template(call.template)}`;
  }

  #attributesOf(kind: Kind, call: Call): Attributes {
    const { origin, section, template } = call;
    const attributes: Attributes = {
      ...this.#options.attributes,
      'server.address': origin.hostname,
      'server.port': origin.port,
    };
    if (section !== '') attributes['keepwarm.section'] = section;
    if (kind === 'http') {
      attributes['http.request.method'] = methodOf(call.method);
      attributes['url.full'] = this.#urlOf(call);
      if (template !== undefined) attributes['url.template'] = template;
    } else {
      attributes['rpc.system.name'] = kind;
      attributes['rpc.method'] = this.#names.operation(call.operation ?? '');
    }
    return attributes;
  }

  /** An endpoint's path may hold its key, and a query anything. */
  #urlOf({ origin, path, tried }: Call): string {
    if (!this.#options.paths || tried !== undefined) return origin.key;
    const query = path.indexOf('?');
    return origin.key + (query < 0 ? path : path.slice(0, query));
  }
}

function finish(span: Span, { status, rpcStatus, error, description }: Outcome, peer: Peer | undefined): void {
  if (span.isRecording()) {
    const attributes: Attributes = {};
    if (status !== undefined) attributes['http.response.status_code'] = status;
    if (rpcStatus !== undefined) attributes['rpc.status_code'] = rpcStatus;
    if (error !== undefined) attributes['error.type'] = error;
    if (peer !== undefined) {
      attributes['network.protocol.version'] = peer.version;
      attributes['network.peer.address'] = peer.opened.address;
    }
    span.setAttributes(attributes);
    if (error !== undefined) {
      span.setStatus({ code: SpanStatusCode.ERROR, ...(description === undefined ? {} : { message: description }) });
    }
  }
  span.end();
}

/** The call with what tells its peer of the span: whatever fields the application's propagator has for that. */
function carrying(call: Call, within: Context): Call {
  const carrier: Record<string, string> = {};
  try {
    propagation.inject(within, carrier);
    for (const _ in carrier) return { ...call, headers: Fields.of(carrier).over(call.headers) };
  } catch {
    // A propagator that fails, or gives what is no field, is no reason to fail the call.
  }
  return call;
}
