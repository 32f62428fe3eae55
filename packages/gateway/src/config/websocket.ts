/** The block `websocket` of a pool of JSON-RPC nodes: callers that stay, and what they subscribe to. */
import { ConfigError } from './config-error.ts';
import { number, object, show, text, texts, unlimited } from './values.ts';

export interface WebSocketConfig {
  /** Connections at once; the next one is answered 503. 0 for none at all. Default 1,000. */
  readonly callersMax: number;
  /** Subscriptions of one connection. Default 100. */
  readonly subscriptionsMax: number;
  /** Calls of one connection under way; what comes after is not read until some have been answered. Default 100. */
  readonly callsMax: number;
  /** Messages of a subscription that a caller may be behind; one further behind is closed (1013). Default 1,000. */
  readonly queueMax: number;
  /** Silence after which a caller is pinged, in ms; as long again, and it is held to be gone. Default 20 s. */
  readonly pingMs: number;
  /** A caller that takes nothing of what was written for so long is closed (1013), in ms. Default 30 s. */
  readonly stallMs: number;
  /** What becomes of a caller from whose subscription messages are missing that could not be had. Default `pass`. */
  readonly gaps: GapChoice;
  /** Pages that may connect, such as `https://app.example.com`; `*` for all. Default: those of this host only. */
  readonly origins: readonly string[];
}

/** Go on; tell it by a notification `keepwarm_gap`; or close its connection (1012), as losing a node's would be. */
export type GapChoice = 'pass' | 'tell' | 'close';

export const WEBSOCKET_DEFAULTS: WebSocketConfig = {
  callersMax: 1_000,
  subscriptionsMax: 100,
  callsMax: 100,
  queueMax: 1_000,
  pingMs: 20_000, // under the 30 to 60 s after which proxies give up quiet connections
  stallMs: 30_000,
  gaps: 'pass',
  origins: [],
};

export const GAPS: readonly string[] = ['pass', 'tell', 'close'] satisfies readonly GapChoice[];
const COUNTS = ['callersMax', 'subscriptionsMax', 'callsMax', 'queueMax'] as const;

/** `false` for none. @throws ConfigError */
export function parseWebSocket(input: unknown, path: string): WebSocketConfig {
  if (input === false) return { ...WEBSOCKET_DEFAULTS, callersMax: 0 };
  if (input === undefined || input === true) return WEBSOCKET_DEFAULTS;
  if (typeof input !== 'object') {
    const names = Object.keys(WEBSOCKET_DEFAULTS).join(', ');
    throw new ConfigError(path, `is ${show(input)}; allowed: true, false, or an object of ${names}`);
  }
  const given = object(input, path, Object.keys(WEBSOCKET_DEFAULTS));
  const count = (name: (typeof COUNTS)[number]): number => {
    const value = given[name] ?? WEBSOCKET_DEFAULTS[name];
    const min = name === 'callersMax' ? 0 : 1;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min) return value;
    throw new ConfigError(`${path}.${name}`, `is ${show(value)}; allowed: a whole number from ${min}`);
  };
  const ms = (name: 'pingMs' | 'stallMs'): number =>
    number(unlimited(given[name] ?? WEBSOCKET_DEFAULTS[name]), `${path}.${name}`, 1);
  return {
    callersMax: count('callersMax'),
    subscriptionsMax: count('subscriptionsMax'),
    callsMax: count('callsMax'),
    queueMax: count('queueMax'),
    pingMs: ms('pingMs'),
    stallMs: ms('stallMs'),
    gaps: gapsOf(text(given['gaps'] ?? WEBSOCKET_DEFAULTS.gaps, `${path}.gaps`), `${path}.gaps`),
    origins: texts(given['origins'] ?? [], `${path}.origins`, 'origins').map((each, i) =>
      originOf(each, `${path}.origins[${i}]`),
    ),
  };
}

const isGapChoice = (value: string): value is GapChoice => GAPS.includes(value);

function gapsOf(value: string, path: string): GapChoice {
  if (isGapChoice(value)) return value;
  throw new ConfigError(path, `is ${show(value)}; allowed: ${GAPS.join(', ')}`);
}

function originOf(value: string, path: string): string {
  const url = URL.parse(value);
  if (value === '*' || (url !== null && url.origin === value)) return value;
  throw new ConfigError(path, `is ${show(value)}; allowed: *, or a scheme, host and port such as https://example.com`);
}
