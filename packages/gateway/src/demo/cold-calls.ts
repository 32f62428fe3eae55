/**
 * What a call would cost without keepwarm, measured beside what it costs with it: now and then one call by a client of
 * its own, which has neither a connection nor an address nor a TLS session yet.
 */
import { type ClientOptions, createClient } from 'keepwarm';
import type { FigureBook } from '../figures/figures.ts';
import type { Phases } from '../figures/tally.ts';

const EVERY_MS = 4_000;

/** @returns how to stop */
export function compareCold(options: ClientOptions, path: string, book: FigureBook): () => void {
  const timer = setInterval(() => void coldCall(options, path, book), EVERY_MS);
  void coldCall(options, path, book);
  return () => clearInterval(timer);
}

async function coldCall(options: ClientOptions, path: string, book: FigureBook): Promise<void> {
  let phases: Phases | undefined;
  const observer = { socketOpened: (fact: Phases) => void (phases = fact) };
  const client = createClient({ retry: false, breaker: false, ...options, observer });
  const startedAt = performance.now();
  try {
    const reply = await client.get(path);
    const elapsedMs = performance.now() - startedAt;
    reply.discard();
    if (phases !== undefined) book.cold(elapsedMs, phases);
  } catch {
    // The demo's upstream is ending, and the gateway's own calls say so.
  } finally {
    client.destroy();
  }
}
