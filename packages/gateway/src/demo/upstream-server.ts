/** The demo's upstream: a small market behind real HTTPS, which behaves like other people's APIs do. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/** What a quote costs the service itself, in ms. */
const WORK_MS = { min: 2, max: 8 };
/** The report is the slow call every API has. */
const REPORT_MS = 350;
/** One answer in this many is a 503, as with any service under load. */
const UNAVAILABLE_ONE_IN = 150;

const between = (min: number, max: number): number => min + Math.random() * (max - min);

const BOOK = JSON.stringify({
  symbol: 'WARM-USD',
  bids: Array.from({ length: 250 }, (_, i) => [(100 - i / 100).toFixed(2), (1 + ((i * 7) % 13)).toString()]),
  asks: Array.from({ length: 250 }, (_, i) => [(100.01 + i / 100).toFixed(2), (1 + ((i * 5) % 11)).toString()]),
});

export const market: RequestListener = (request, response) => {
  const path = (request.url ?? '/').split('?', 1)[0];
  if (request.method === 'POST' && path === '/order') return order(request, response);
  request.resume();
  if (path === '/ticks') return ticks(response);
  setTimeout(() => answer(path, response), path === '/report' ? REPORT_MS : between(WORK_MS.min, WORK_MS.max));
};

function answer(path: string | undefined, response: ServerResponse): void {
  if (path === '/book') return json(response, 200, BOOK);
  if (path === '/report') return json(response, 200, '{"report":"slow and steady"}');
  if (path !== '/quote')
    return json(response, 404, '{"error":"there is /quote, /book, /report, /ticks and POST /order"}');
  if (Math.random() * UNAVAILABLE_ONE_IN < 1) return json(response, 503, '{"error":"busy"}');
  json(response, 200, quote());
}

const quote = (): string =>
  JSON.stringify({ symbol: 'WARM-USD', price: between(99, 101).toFixed(2), at: new Date().toISOString() });

/** A stream of prices: five of them, half a second apart. */
function ticks(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.flushHeaders();
  let left = 5;
  const timer = setInterval(() => {
    response.write(`data: ${quote()}\n\n`);
    if (--left === 0) response.end();
  }, 500);
  response.on('close', () => clearInterval(timer));
}

function order(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on('end', () =>
    setTimeout(() => json(response, 201, JSON.stringify({ accepted: true, bytes })), WORK_MS.max),
  );
}

function json(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
