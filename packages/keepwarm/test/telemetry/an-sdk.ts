/** The SDK of OpenTelemetry as an application registers it, whose spans and metrics stay in memory. */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  type Context,
  type ContextManager,
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api';
import { type DataPoint, type Histogram, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  SimpleSpanProcessor,
  type Span,
  type SpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';

class AsyncContext implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active = (): Context => this.#storage.getStore() ?? ROOT_CONTEXT;
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    given: Context,
    run: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(given, () => run.call(self as ThisParameterType<F>, ...args));
  }
  bind<T>(_: Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

/** W3C Trace Context, and a field of its own that stands for baggage. */
const PROPAGATOR: TextMapPropagator<Record<string, string>> = {
  inject(of, carrier) {
    const span = trace.getSpanContext(of);
    if (span === undefined) return;
    carrier.traceparent = `00-${span.traceId}-${span.spanId}-0${span.traceFlags}`;
    const state = span.traceState?.serialize();
    if (state) carrier.tracestate = state;
    const { userId } = Object.fromEntries(propagation.getBaggage(of)?.getAllEntries() ?? []);
    if (userId !== undefined) carrier.baggage = `userId=${encodeURIComponent(userId.value)}`;
  },
  extract: (of, carrier) => {
    const [, traceId, spanId, flags] = /^00-(\w{32})-(\w{16})-0(\d)$/.exec(carrier.traceparent ?? '') ?? [];
    if (traceId === undefined || spanId === undefined) return of;
    return trace.setSpanContext(of, { traceId, spanId, traceFlags: Number(flags), isRemote: true });
  },
  fields: () => ['traceparent', 'tracestate', 'baggage'],
};

class Reader extends MetricReader {
  protected onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** Counts spans that were started and have not ended. */
class Open implements SpanProcessor {
  readonly spans = new Set<Span>();
  onStart(span: Span): void {
    this.spans.add(span);
  }
  onEnd(span: ReadableSpan): void {
    this.spans.delete(span as Span);
  }
  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {}
}

export interface Point {
  readonly attributes: Attributes;
  readonly value: number | Histogram;
}

const exporter = new InMemorySpanExporter();
const open = new Open();
const reader = new Reader();
let sampled = true;
const sampler: Sampler = {
  shouldSample: () => ({ decision: sampled ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD }),
  toString: () => 'by the test',
};

trace.setGlobalTracerProvider(
  new TracerProvider({ spanProcessors: [open, new SimpleSpanProcessor({ exporter })], sampler }),
);
metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
context.setGlobalContextManager(new AsyncContext());
propagation.setGlobalPropagator(PROPAGATOR);

export const sdk = {
  /** Spans that have ended since the last time, in that order. */
  spans(): ReadableSpan[] {
    const spans = exporter.getFinishedSpans();
    exporter.reset();
    return spans;
  },
  /** Spans that have not ended. */
  get open(): number {
    return open.spans.size;
  },
  sample(is: boolean): void {
    sampled = is;
  },
  /** What a collection tells, by name. */
  async metrics(): Promise<Map<string, Point[]>> {
    const { resourceMetrics } = await reader.collect();
    const told = new Map<string, Point[]>();
    for (const { descriptor, dataPoints } of resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)) {
      const points = (dataPoints as DataPoint<number | Histogram>[]).map(({ attributes, value }) => ({
        attributes,
        value,
      }));
      told.set(descriptor.name, [...(told.get(descriptor.name) ?? []), ...points]);
    }
    return told;
  },
};

export const eventsOf = (span: ReadableSpan | undefined): string[] => span?.events.map(({ name }) => name) ?? [];
