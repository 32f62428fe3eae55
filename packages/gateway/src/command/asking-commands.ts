/** Rows of the table of commands that ask a running gateway, or act on it. */
import type { Command, Flag } from './commands.ts';

export const ASKED: Flag = {
  value: 'HOST:PORT',
  help: 'admin address of the running gateway; default 127.0.0.1:4301',
};
const JSON_FLAG: Flag = { help: 'print the answer of the admin API as JSON' };
const UPSTREAM: Flag = { value: 'NAME', help: 'only this upstream' };
const WHOSE: Flag = { value: 'NAME', help: 'the upstream; optional if there is only one' };
const READS = { admin: ASKED, upstream: UPSTREAM, json: JSON_FLAG };
const ACTS = { admin: ASKED, upstream: WHOSE, json: JSON_FLAG };

export const ASKING_COMMANDS = {
  top: {
    summary: 'watch a running gateway live: upstreams, endpoints, limits',
    more:
      'Keys: q or Ctrl-C quits, ↑ ↓ (k j) select the upstream whose endpoints and limits are shown, s changes the ' +
      'sort order, r reverses it, space pauses. Without a terminal it prints one line per upstream and interval.',
    flags: {
      admin: ASKED,
      interval: { value: 'MS', help: 'refresh interval, 250 to 60000; default 1000' },
      sort: { value: 'WHAT', help: 'sort by rate, p99Ms, errors, saturation or name; default rate' },
      once: { help: 'print one frame and exit' },
      json: { help: 'print all figures once, as JSON' },
    },
    examples: ['keepwarm top', 'keepwarm top --once', 'keepwarm top --interval 5000 >> figures.log'],
  },
  stats: {
    summary: 'show how each upstream is doing: rate, latency, reuse, connections',
    flags: READS,
    examples: ['keepwarm stats', 'keepwarm stats --json --upstream api'],
  },
  sockets: {
    summary: 'list open connections, or closed ones: phases, calls served, why each was closed',
    flags: {
      ...READS,
      state: { value: 'STATE', help: 'open, idle, "in use", closed or all; default open' },
      order: { value: 'ORDER', help: 'newest, oldest or busiest; default newest' },
      limit: { value: 'N', help: 'how many, 1 to 500; default 100' },
    },
    examples: ['keepwarm sockets', 'keepwarm sockets --state closed --limit 20'],
  },
  endpoints: {
    summary: 'list endpoints and breakers, with their state',
    flags: READS,
    examples: ['keepwarm endpoints --upstream chain'],
  },
  limits: {
    summary: 'list limits: how much is used, and who waits',
    flags: READS,
    examples: ['keepwarm limits'],
  },
  calls: {
    summary: 'list recent calls, and where their milliseconds went',
    flags: {
      ...READS,
      notable: { help: 'only calls that failed, were repeated, or were slow' },
      'slower-than': { value: 'MS', help: 'only calls that took at least this long' },
      limit: { value: 'N', help: 'how many, 1 to 500; default 50' },
      explain: { help: 'explain each call in words, and what to do about it' },
    },
    examples: ['keepwarm calls --slower-than 200', 'keepwarm calls --notable --explain --limit 3'],
  },
  events: {
    summary: 'follow events live, until Ctrl-C',
    flags: {
      admin: ASKED,
      upstream: UPSTREAM,
      kinds: { value: 'KIND[,KIND]', help: 'only these kinds, such as socketClosed,retried,action' },
      json: { help: 'one JSON object per line' },
    },
    examples: ['keepwarm events', 'keepwarm events --json --kinds socketClosed | jq .reason'],
  },
  cordon: {
    operand: 'ENDPOINT',
    summary: 'stop sending calls to an endpoint; calls in flight finish',
    flags: ACTS,
    examples: ['keepwarm cordon node-a --upstream chain'],
  },
  uncordon: {
    operand: 'ENDPOINT',
    summary: 'put an endpoint back into rotation',
    flags: ACTS,
    examples: ['keepwarm uncordon node-a --upstream chain'],
  },
  drain: {
    summary: 'stop accepting callers; calls in flight may finish',
    more:
      'This cannot be undone: the process accepts no more callers, but keeps running until it is stopped. ' +
      'Asks first at a terminal.',
    flags: {
      admin: ASKED,
      deadline: { value: 'MS', help: 'how long calls in flight may take; default drainMs of the configuration' },
      yes: { help: 'do not ask for confirmation' },
      json: JSON_FLAG,
    },
    examples: ['keepwarm drain --yes --deadline 30000'],
  },
  'warm-up': {
    summary: 'open connections ahead of calls, without sending a request',
    flags: { ...ACTS, count: { value: 'N', help: 'open connections wanted per origin, 1 to 1000; default 1' } },
    examples: ['keepwarm warm-up --upstream api --count 10'],
  },
  'close-idle': {
    summary: 'close idle connections, never one in use',
    flags: ACTS,
    examples: ['keepwarm close-idle --upstream api'],
  },
  'reset-breaker': {
    summary: 'close an open breaker, when you know the peer has recovered',
    flags: { ...ACTS, breaker: { value: 'KEY', help: 'only this one, by its key in keepwarm endpoints; default all' } },
    examples: ['keepwarm reset-breaker --upstream api'],
  },
  reload: {
    summary: 'make the gateway read its configuration again',
    flags: { admin: ASKED, json: JSON_FLAG },
    examples: ['keepwarm reload'],
  },
  open: {
    summary: 'print a one-time dashboard address that lets a browser act; valid for ten minutes',
    flags: { admin: ASKED, json: { help: 'print it as JSON' } },
    examples: ['keepwarm open', 'xdg-open "$(keepwarm open)"'],
  },
} as const satisfies Record<string, Command>;
