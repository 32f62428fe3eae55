/**
 * `/api/events`: what happens, as server-sent events (WHATWG HTML § 9.2). A reader that comes back says what it has
 * seen last, and gets what it missed as far as that is remembered; what is lost is said (`event: gap`).
 *
 *   hello ──▶ (gap) ──▶ missed events ──▶ events as they happen, comments while nothing does
 *                                           └──▶ dropped: it reads too slowly, or the gateway stops
 *
 * What is written waits in the connection for its reader; beyond `BUFFER_BYTES_MAX` the reader is dropped, counted, and
 * may come back. What it missed does not count until it has been read: it comes at once, and is bounded by the feed.
 */
import type { ServerResponse } from 'node:http';
import type { Feed, FeedEvent } from '../figures/feed.ts';
import { named, onlyNames } from './query.ts';
import { Refused, type Route, tells } from './route.ts';
import type { HomeView } from './view.ts';

const BUFFER_BYTES_MAX = 256 * 1024;
const READERS_MAX = 64;
/** Proxies close what is silent for a minute. */
const HEARTBEAT_MS = 15_000;
/** How soon a browser comes back, in ms. */
const RETRY_MS = 2_000;

/** Who reads, and how many were dropped for reading too slowly. Of one gateway. */
export class Readers {
  dropped = 0;
  readonly #responses = new Set<ServerResponse>();

  get size(): number {
    return this.#responses.size;
  }

  add(response: ServerResponse): void {
    this.#responses.add(response);
    response.on('close', () => this.#responses.delete(response));
  }

  /** Counted once, though more may be told it before it is closed. */
  drop(response: ServerResponse): void {
    if (response.destroyed) return;
    this.dropped++;
    response.destroy();
  }
}

export function eventsRoute(readers: Readers): Route<HomeView> {
  return tells(
    '/api/events',
    'a live stream of events, as server-sent events',
    ({ feed, names }, { query, headers }) => {
      onlyNames(query, ['upstream', 'kinds', 'since']);
      const upstream = named(query, 'upstream', names());
      const kinds = query.get('kinds')?.split(',');
      const isWanted = (event: FeedEvent): boolean =>
        (upstream === undefined || event.upstream === undefined || event.upstream === upstream) &&
        (kinds === undefined || kinds.includes(event.kind));
      if (readers.size >= READERS_MAX) {
        throw new Refused(503, 'READERS', `${READERS_MAX} readers listen already (limit readersMax ${READERS_MAX})`);
      }
      const since = [headers['last-event-id']].flat()[0] ?? query.get('since') ?? undefined;
      return { stream: (response) => stream(response, feed, readers, since, isWanted) };
    },
  );
}

function stream(
  response: ServerResponse,
  feed: Feed,
  readers: Readers,
  since: string | undefined,
  isWanted: (event: FeedEvent) => boolean,
): void {
  readers.add(response);
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
  let missed = `retry: ${RETRY_MS}\nevent: hello\ndata: ${JSON.stringify({ run: feed.run, last: feed.last })}\n\n`;
  if (since !== undefined) {
    const { lost, events } = feed.since(since);
    if (lost !== 0) missed += `event: gap\ndata: ${JSON.stringify({ lost: lost ?? null })}\n\n`;
    for (const event of events) if (isWanted(event)) missed += written(event);
  }
  let bytesMax = BUFFER_BYTES_MAX + missed.length;
  if (response.write(missed)) bytesMax = BUFFER_BYTES_MAX;
  else response.once('drain', () => (bytesMax = BUFFER_BYTES_MAX));
  const write = (text: string): void => {
    if (response.writableLength > bytesMax) readers.drop(response);
    else response.write(text);
  };
  const stop = feed.listen((event) => {
    if (isWanted(event)) write(written(event));
  });
  const heartbeat = setInterval(() => write(':\n\n'), HEARTBEAT_MS);
  response.on('close', () => {
    stop();
    clearInterval(heartbeat);
  });
}

function written(event: FeedEvent): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(event, rounded)}\n\n`;
}

const rounded = (_: string, value: unknown): unknown =>
  typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value;
