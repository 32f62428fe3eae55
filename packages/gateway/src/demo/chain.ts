/**
 * The demo's chain: three JSON-RPC nodes that agree on it, each as nodes are. One is near, one is far, and the nearest
 * of all goes through bad times in turns: it fails, recovers, falls behind, recovers.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface DemoNode {
  readonly name: string;
  readonly port: number;
}

const BLOCK_MS = 1_000;
const FIRST_BLOCK = 21_000_000;
const CHAIN_ID = '0x6b77';

interface Character {
  readonly name: string;
  /** What an answer takes at least, in ms; up to half as much again comes on top. */
  readonly workMs: number;
  readonly flaky: boolean;
}

const CHARACTERS: readonly Character[] = [
  { name: 'near', workMs: 12, flaky: false },
  { name: 'far', workMs: 45, flaky: false },
  { name: 'flaky', workMs: 5, flaky: true },
];

type Mood = 'well' | 'failing' | 'stuck';

/** A minute and a half of its life, again and again: for how long in s, and what it is like. */
const MOODS: readonly (readonly [seconds: number, mood: Mood])[] = [
  [25, 'well'],
  [15, 'failing'],
  [25, 'well'],
  [25, 'stuck'],
];
const CYCLE_S = MOODS.reduce((sum, [seconds]) => sum + seconds, 0);

export function moodAt(seconds: number): Mood {
  let left = seconds % CYCLE_S;
  for (const [length, mood] of MOODS) {
    if (left < length) return mood;
    left -= length;
  }
  return 'well';
}

/** How far into the time in which it is stuck, in s: as many blocks are missing. */
const stuckFor = (seconds: number): number =>
  moodAt(seconds) === 'stuck' ? (seconds % CYCLE_S) - (CYCLE_S - MOODS.at(-1)![0]) : 0;

export async function startChain(): Promise<DemoNode[]> {
  const startedAt = performance.now();
  return Promise.all(
    CHARACTERS.map(async (character) => {
      const server = createServer((request, response) => void serve(character, startedAt, request, response));
      server.keepAliveTimeout = 30_000;
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return { name: character.name, port: (server.address() as AddressInfo).port };
    }),
  );
}

interface Request {
  readonly id?: unknown;
  readonly method?: unknown;
}

async function serve(
  { workMs, flaky }: Character,
  startedAt: number,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  await sleep(workMs * (1 + Math.random() / 2));
  const seconds = (performance.now() - startedAt) / 1_000;
  if (flaky && moodAt(seconds) === 'failing') {
    response.writeHead(503, { 'content-type': 'text/plain' }).end('no node is available');
    return;
  }
  const block = FIRST_BLOCK + Math.floor((seconds * 1_000) / BLOCK_MS - (flaky ? stuckFor(seconds) : 0));
  const message = JSON.parse(text) as Request | Request[];
  const answered = Array.isArray(message) ? message.map((one) => answer(one, block)) : answer(message, block);
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answered));
}

function answer({ id, method }: Request, block: number): object {
  const result = resultOf(method, block);
  if (result !== undefined) return { jsonrpc: '2.0', id, result };
  return {
    jsonrpc: '2.0',
    id,
    error: { code: -32601, message: 'there is eth_blockNumber, eth_chainId, eth_getBalance and eth_gasPrice' },
  };
}

function resultOf(method: unknown, block: number): string | undefined {
  switch (method) {
    case 'eth_blockNumber':
      return hex(block);
    case 'eth_chainId':
      return CHAIN_ID;
    case 'eth_getBalance':
      return hex(block * 1_000_000_007);
    case 'eth_gasPrice':
      return hex(1_000_000_000 + (block % 100) * 10_000_000);
    default:
      return undefined;
  }
}

const hex = (value: number): string => `0x${value.toString(16)}`;
