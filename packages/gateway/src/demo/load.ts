/** A little load, as an ordinary program makes it: node:http with keep-alive, through the gateway's own listener. */
import { Agent, request as httpRequest } from 'node:http';

/** Calls per second besides bursts. The interval is drawn anew for each, so that they do not march in step. */
const RATE = 40;
/** Of which so many go to the chain. */
const RPC_SHARE = 0.5;
const BURST = { everyMs: 15_000, calls: 30 };
const STREAM_EVERY_MS = 20_000;
/** More orders at once than may be sent in a second. */
const ORDERS = { everyMs: 12_000, calls: 10 };
const ORDER = '{"side":"buy","symbol":"WARM-USD","size":1}';

/** @returns how to end it */
export function startLoad(gatewayPort: number): () => void {
  // More callers at once than the demo's pools have sockets, so that bursts can be seen to queue.
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const call = (method: string, path: string, body?: string): void => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length };
    const request = httpRequest({ agent, host: '127.0.0.1', port: gatewayPort, method, path, headers });
    request.on('response', (response) => response.resume());
    request.on('error', () => undefined); // the gateway is stopping, and tells so itself
    request.end(body);
  };
  const next = (): void => {
    const [method, path, body] = draw();
    call(method, path, body);
    timer = setTimeout(next, (-Math.log(1 - Math.random()) * 1_000) / RATE);
  };
  let timer = setTimeout(next, 0);
  const bursts = setInterval(() => {
    for (let i = 0; i < BURST.calls; i++) call('GET', '/market/quote');
  }, BURST.everyMs);
  const orders = setInterval(() => {
    for (let i = 0; i < ORDERS.calls; i++) call('POST', '/orders/order', ORDER);
  }, ORDERS.everyMs);
  const streams = setInterval(() => call('GET', '/market/ticks'), STREAM_EVERY_MS);
  return () => {
    clearTimeout(timer);
    clearInterval(bursts);
    clearInterval(orders);
    clearInterval(streams);
    agent.destroy();
  };
}

const question = (id: number, method: string, ...params: unknown[]): object => ({ jsonrpc: '2.0', id, method, params });
const balance = (id: number): object =>
  question(id, 'eth_getBalance', `0x${(id % 97).toString(16).padStart(40, '0')}`, 'latest');

/** What wallets and bots ask of a chain: mostly one thing at a time, now and then several. */
function drawRpc(): string {
  const id = Math.floor(Math.random() * 1_000_000);
  const chance = Math.random();
  if (chance < 0.1) return JSON.stringify([balance(id), balance(id + 1), question(id + 2, 'eth_gasPrice')]);
  if (chance < 0.4) return JSON.stringify(question(id, 'eth_blockNumber'));
  return JSON.stringify(balance(id));
}

function draw(): [method: string, path: string, body?: string] {
  if (Math.random() < RPC_SHARE) return ['POST', '/chain', drawRpc()];
  const chance = Math.random();
  if (chance < 0.12) return ['POST', '/orders/order', ORDER];
  if (chance < 0.2) return ['GET', '/market/book'];
  if (chance < 0.23) return ['GET', '/market/report'];
  return ['GET', '/market/quote'];
}
