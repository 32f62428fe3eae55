// biome-ignore-all lint/suspicious/noThenProperty: a word of JSON Schema
/**
 * The JSON Schema of the gateway's configuration, for editors: names, defaults and ranges out of the code that checks
 * them, words out of docs/reference/cli.md. A test compares what this makes with the file that is published; to write
 * it
 * anew: node --conditions=keepwarm-source scripts/schema.ts
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACCESS_NAMES } from '../packages/gateway/src/config/access.ts';
import { CALLER_RATE_DEFAULTS } from '../packages/gateway/src/config/caller-rate.ts';
import {
  GATEWAY_DEFAULTS,
  GATEWAY_NAMES,
  UPSTREAM_DEFAULTS,
  UPSTREAM_NAMES,
} from '../packages/gateway/src/config/config.ts';
import { ENDPOINT_NAMES } from '../packages/gateway/src/config/endpoints.ts';
import { GRPC_UPSTREAM_DEFAULTS, GRPC_UPSTREAM_NAMES } from '../packages/gateway/src/config/grpc-upstream.ts';
import { HISTORY_DEFAULTS, HISTORY_NAMES } from '../packages/gateway/src/config/history.ts';
import { LOG_CALLS, LOG_FORMATS, LOG_LEVELS, LOGS_DEFAULTS } from '../packages/gateway/src/config/logs.ts';
import { REDIS_DEFAULTS, REDIS_LOSS, REDIS_NAMES } from '../packages/gateway/src/config/redis.ts';
import { REDIS_TLS_NAMES } from '../packages/gateway/src/config/redis-tls.ts';
import { REQUEST_IDS_DEFAULTS } from '../packages/gateway/src/config/request-ids.ts';
import { RPC_UPSTREAM_DEFAULTS, RPC_UPSTREAM_NAMES } from '../packages/gateway/src/config/rpc-upstream.ts';
import {
  OUTCOMES,
  SECTION_NAMES,
  SECTIONS_DEFAULTS,
  SECTIONS_NAMES,
  UNLISTED,
} from '../packages/gateway/src/config/sections.ts';
import { UPGRADES_DEFAULTS } from '../packages/gateway/src/config/upgrades.ts';
import { GAPS, WEBSOCKET_DEFAULTS } from '../packages/gateway/src/config/websocket.ts';
import { WORKERS_MAX } from '../packages/gateway/src/config/workers.ts';
import { RPC_ENDPOINT_NAMES } from '../packages/keepwarm/src/clients/jsonrpc/options.ts';
import { OPTIONS } from '../packages/keepwarm/src/clients/options.ts';
import { root } from './check.ts';
import { section as markdownSection } from './docs/markdown.ts';

export const SCHEMA_FILE = 'packages/gateway/schema/keepwarm.schema.json';

type Schema = Record<string, unknown>;

/** Where Infinity is meant, `unlimited` stands; and any value may be a reference such as ${NAME}. */
const REFERENCE = { type: 'string', pattern: '\\$\\{' };
const TEXT = { type: 'string' };
const FLAG = { anyOf: [{ type: 'boolean' }, REFERENCE] };
const TEXTS = { type: 'array', items: TEXT };
const ANY = {};
const amount = (minimum = 0, maximum?: number, type: 'number' | 'integer' = 'number'): Schema => ({
  anyOf: [{ type, minimum, ...(maximum === undefined ? {} : { maximum }) }, { const: 'unlimited' }, REFERENCE],
});
const object = (properties: Schema, required: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  ...(required.length === 0 ? {} : { required }),
  additionalProperties: false,
});
const oneOf = (values: readonly unknown[]): Schema => ({ enum: values });

/** A group of the library's options, by its rules. */
function group(name: 'pool' | 'limits' | 'connect' | 'dns'): Schema {
  const properties = Object.entries(OPTIONS[name]).map(([option, rule]) => {
    if (rule.kind === 'choice') return [option, { enum: rule.values, default: rule.default }];
    const most = Number.isFinite(rule.max) ? rule.max : undefined;
    return [option, { ...amount(rule.min, most, rule.whole ? 'integer' : 'number'), ...defaultOf(rule.default) }];
  });
  return { type: 'object', properties: Object.fromEntries(properties), additionalProperties: false };
}

const defaultOf = (value: unknown): Schema =>
  value === undefined || (Array.isArray(value) && value.length === 0)
    ? {}
    : { default: value === Number.POSITIVE_INFINITY ? 'unlimited' : value };

/** What the library checks by itself, and may change with it. */
const OPEN = { type: ['object', 'boolean'] };
const PROXY = { anyOf: [TEXT, object({ url: TEXT, headers: { type: 'object' }, remoteDns: FLAG }, ['url'])] };
const HEADER_RULES = object({ set: { type: 'object' }, append: { type: 'object' }, remove: TEXTS });
const TLS = object({ caFile: TEXT, certFile: TEXT, keyFile: TEXT, servername: TEXT, minVersion: TEXT });
const CALLER_RATE = object(
  {
    limit: amount(1),
    ...Object.fromEntries(Object.keys(CALLER_RATE_DEFAULTS).map((name) => [name, name === 'by' ? TEXT : amount(1)])),
  },
  ['limit'],
);

const WEBSOCKET = object({
  ...Object.fromEntries(Object.keys(WEBSOCKET_DEFAULTS).map((name) => [name, amount()])),
  gaps: oneOf(GAPS),
  origins: TEXTS,
});

const SHAPES: Readonly<Record<string, Schema>> = {
  listen: { type: ['string', 'integer'] },
  admin: { type: ['string', 'integer'] },
  hosts: TEXTS,
  paths: TEXTS,
  origin: TEXT,
  socketPath: TEXT,
  proxy: PROXY,
  via: FLAG,
  forwarded: FLAG,
  upgrades: {
    anyOf: [
      { type: 'boolean' },
      object(Object.fromEntries(Object.keys(UPGRADES_DEFAULTS).map((name) => [name, amount()]))),
    ],
  },
  websocket: { anyOf: [{ type: 'boolean' }, WEBSOCKET] },
  headers: object({ request: HEADER_RULES, reply: HEADER_RULES }),
  callerRate: CALLER_RATE,
  tls: TLS,
  deadlineMs: amount(1),
  agree: { type: 'object' },
  emptyElsewhere: { anyOf: [{ type: 'integer', minimum: 0 }, { const: false }, REFERENCE] },
  methodsDenied: TEXTS,
  tokens: TEXTS,
  token: TEXT,
  target: TEXT,
  jsonrpc: oneOf(['evm', 'solana']),
  grpc: oneOf(['geyser', 'any']),
  endpoints: {
    type: 'array',
    minItems: 1,
    items: object(Object.fromEntries(RPC_ENDPOINT_NAMES.map((name) => [name, name === 'url' ? TEXT : ANY])), ['url']),
  },
  connectionRate: { anyOf: [{ const: 'unlimited' }, { type: 'object' }] },
  multiplexer: { type: 'object' },
  serverTls: object({ certFile: TEXT, keyFile: TEXT }),
  limits: group('limits'),
  connect: group('connect'),
  dns: group('dns'),
};

const ENDPOINTS = {
  type: 'array',
  minItems: 1,
  items: object(Object.fromEntries(ENDPOINT_NAMES.map((name) => [name, name === 'url' ? TEXT : ANY])), ['url']),
};

const SECTION = { $ref: '#/$defs/section' };

const ACCESS: Readonly<Record<string, Schema>> = { hosts: TEXTS, reads: oneOf(['local', 'token']) };
const LOGS: Readonly<Record<string, Schema>> = {
  level: oneOf(LOG_LEVELS),
  format: oneOf(LOG_FORMATS),
  calls: oneOf(LOG_CALLS),
  summaryMs: amount(),
};

const REDIS: Readonly<Record<string, Schema>> = {
  ...{ url: TEXT, urlFile: TEXT, prefix: TEXT, onLoss: oneOf(REDIS_LOSS), redisMs: amount(1) },
  share: { anyOf: [{ type: 'integer', minimum: 2 }, REFERENCE] },
  tls: object(Object.fromEntries(REDIS_TLS_NAMES.map((name) => [name, TEXT]))),
};

/** One kind of thing: its names, each with its shape, default and words. */
function block(
  names: readonly string[],
  defaults: object,
  words: ReadonlyMap<string, string>,
  own: Readonly<Record<string, Schema>> = {},
): Schema {
  const known: Readonly<Record<string, unknown>> = { ...defaults };
  const properties = names.map((name) => {
    const value = known[name];
    const shape = own[name] ?? SHAPES[name] ?? (typeof value === 'number' ? amount() : OPEN);
    const description = words.get(name);
    return [name, { ...shape, ...defaultOf(value), ...(description === undefined ? {} : { description }) }];
  });
  return { type: 'object', properties: Object.fromEntries(properties), additionalProperties: false };
}

/** Options and what they do, out of the tables of a page. */
function wordsOf(markdown: string): ReadonlyMap<string, string> {
  const rows = [...markdown.matchAll(/^\| `([^`]+)` \|[^|]*\| (.+) \|$/gm)];
  return new Map(
    rows.map(([, name, text]) => [name!, text!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')]),
  );
}

export function configSchema(): Schema {
  const page = readFileSync(join(root, 'docs/reference/cli.md'), 'utf8');
  const guide = readFileSync(join(root, 'docs/guide/gateway.md'), 'utf8');
  const whole = markdownSection(page, '## Configuration of the gateway');
  const [top = '', each = '', nodes = ''] = whole.split(/^Each upstream[^\n]*:$/m);
  const named = Object.fromEntries([...ACCESS_NAMES].map((name) => [name, ACCESS[name] ?? TEXT]));
  const history = block(HISTORY_NAMES, { ...HISTORY_DEFAULTS, path: undefined }, new Map(), { on: FLAG, path: TEXT });
  const own = {
    workers: { anyOf: [{ const: 'auto' }, { type: 'integer', minimum: 1, maximum: WORKERS_MAX }, REFERENCE] },
    access: object(named),
    history: { anyOf: [{ type: 'boolean' }, history] },
    redis: block(
      REDIS_NAMES,
      { ...REDIS_DEFAULTS, share: undefined },
      wordsOf(markdownSection(guide, '### Options of redis')),
      REDIS,
    ),
    logs: block(Object.keys(LOGS_DEFAULTS), LOGS_DEFAULTS, new Map(), LOGS),
    requestIds: block(
      Object.keys(REQUEST_IDS_DEFAULTS),
      { ...REQUEST_IDS_DEFAULTS },
      wordsOf(markdownSection(guide, '### Options of request ids')),
      { trust: FLAG, upstream: FLAG, replies: FLAG },
    ),
    tls: object({ certFile: TEXT, keyFile: TEXT }, ['certFile', 'keyFile']),
    upstreams: {
      type: 'object',
      propertyNames: { pattern: '^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$' },
      additionalProperties: {
        if: { required: ['jsonrpc'] },
        then: { $ref: '#/$defs/nodes' },
        else: { if: { required: ['grpc'] }, then: { $ref: '#/$defs/grpc' }, else: { $ref: '#/$defs/origin' } },
      },
    },
  };
  const pool = { pool: group('pool') };
  const sections = {
    ...block(SECTIONS_NAMES, SECTIONS_DEFAULTS, wordsOf(markdownSection(guide, '### Options of sections')), {
      ...{ by: TEXT, strip: FLAG, sectionsPerCallerMax: amount(1), each: SECTION, unlisted: oneOf(UNLISTED) },
      ...{ unnamed: oneOf(OUTCOMES), beyond: oneOf(OUTCOMES) },
      routes: { type: 'object', additionalProperties: TEXT },
      named: { type: 'object', additionalProperties: { anyOf: [{ type: 'null' }, SECTION] } },
    }),
    required: ['by'],
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'keepwarm.yaml',
    description: 'Configuration of the keepwarm gateway.',
    ...block(GATEWAY_NAMES, GATEWAY_DEFAULTS, wordsOf(top), own),
    $defs: {
      section: block(SECTION_NAMES, {}, wordsOf(each), { ...pool, requestBodyBytesMax: amount() }),
      origin: {
        ...block(UPSTREAM_NAMES, UPSTREAM_DEFAULTS, wordsOf(each), { ...pool, endpoints: ENDPOINTS, sections }),
        oneOf: [{ required: ['origin'] }, { required: ['endpoints'] }],
      },
      nodes: {
        ...block(RPC_UPSTREAM_NAMES, RPC_UPSTREAM_DEFAULTS, wordsOf(nodes), pool),
        required: ['jsonrpc', 'endpoints'],
      },
      grpc: { ...block(GRPC_UPSTREAM_NAMES, GRPC_UPSTREAM_DEFAULTS, new Map()), required: ['grpc', 'target'] },
    },
  };
}

export const schemaText = (): string => `${JSON.stringify(configSchema(), undefined, 2)}\n`;

if (import.meta.main) writeFileSync(join(root, SCHEMA_FILE), schemaText());
