/**
 * For `node --import`: the SDK of `an-sdk.ts` in a process that knows nothing of it, whose spans are appended, a line
 * of JSON each, to the file that SPANS_FILE names.
 */
import { appendFileSync } from 'node:fs';
import { sdk } from './an-sdk.ts';

const file = process.env.SPANS_FILE;

function write(): void {
  if (file === undefined) return;
  for (const span of sdk.spans()) {
    const { name, kind, attributes, parentSpanContext } = span;
    const { traceId, spanId } = span.spanContext();
    const line = { name, kind, attributes, traceId, spanId, parent: parentSpanContext?.spanId };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
  }
}

setInterval(write, 20).unref();
