/** Rows of the table of commands that ask a running gateway, or act on it. */
import type { Command, Flag } from './commands.ts';

export const ASKED: Flag = {
  value: 'HOST:PORT',
  help: 'admin address of the gateway that is asked; default 127.0.0.1:4301',
};
const JSON_FLAG: Flag = { help: 'print what the admin API answers, as JSON' };
const UPSTREAM: Flag = { value: 'NAME', help: 'of one upstream only' };
const WHOSE: Flag = { value: 'NAME', help: 'the upstream; may be left out where there is only one' };
const READS = { admin: ASKED, upstream: UPSTREAM, json: JSON_FLAG };
const ACTS = { admin: ASKED, upstream: WHOSE, json: JSON_FLAG };

export const ASKING_COMMANDS = {
  top: {
    summary: 'a live view of a running gateway: upstreams, endpoints, limits',
    more:
      'Keys: q or Ctrl-C quits, ↑ ↓ (k j) select the upstream whose endpoints and limits are shown, s ' +
      'changes the order, ' +
      'r turns it round, space pauses. Where standard output is no terminal it prints a line per upstream and round.',
    flags: {
      admin: ASKED,
      interval: { value: 'MS', help: 'how often it asks; 250 to 60000, default 1000' },
      sort: { value: 'WHAT', help: 'rate, p99Ms, errors, saturation or name; default rate' },
      once: { help: 'print one frame and end' },
      json: { help: 'print what is known once, as JSON' },
    },
    examples: ['keepwarm top', 'keepwarm top --once', 'keepwarm top --interval 5000 >> figures.log'],
  },
  stats: {
    summary: 'how each upstream is doing: rate, latency, reuse, connections',
    flags: READS,
    examples: ['keepwarm stats', 'keepwarm stats --json --upstream api'],
  },
  sockets: {
    summary: 'the life of each connection: phases, calls served, why it ended',
    flags: {
      ...READS,
      state: { value: 'STATE', help: 'open, idle, "in use", closed or all; default open' },
      order: { value: 'ORDER', help: 'newest, oldest or busiest; default newest' },
      limit: { value: 'N', help: 'how many; 1 to 500, default 100' },
    },
    examples: ['keepwarm sockets', 'keepwarm sockets --state closed --limit 20'],
  },
  endpoints: {
    summary: 'endpoints of upstreams that have several, and breakers',
    flags: READS,
    examples: ['keepwarm endpoints --upstream chain'],
  },
  limits: {
    summary: 'limits, how much of them is used, and who waits',
    flags: READS,
    examples: ['keepwarm limits'],
  },
  calls: {
    summary: 'the last calls, and where their milliseconds went',
    flags: {
      ...READS,
      notable: { help: 'only those that failed, were repeated, or were slow' },
      'slower-than': { value: 'MS', help: 'only those that took at least so long' },
      limit: { value: 'N', help: 'how many; 1 to 500, default 50' },
      explain: { help: 'in words, with what to do about each' },
    },
    examples: ['keepwarm calls --slower-than 200', 'keepwarm calls --notable --explain --limit 3'],
  },
  events: {
    summary: 'what happens, as it happens, until Ctrl-C',
    flags: {
      admin: ASKED,
      upstream: UPSTREAM,
      kinds: { value: 'KIND[,KIND]', help: 'only these, such as socketClosed,retried,action' },
      json: { help: 'one JSON object per line' },
    },
    examples: ['keepwarm events', 'keepwarm events --json --kinds socketClosed | jq .reason'],
  },
  cordon: {
    operand: 'ENDPOINT',
    summary: 'send an endpoint nothing more; what is in flight goes on',
    flags: ACTS,
    examples: ['keepwarm cordon node-a --upstream chain'],
  },
  uncordon: {
    operand: 'ENDPOINT',
    summary: 'put an endpoint back',
    flags: ACTS,
    examples: ['keepwarm uncordon node-a --upstream chain'],
  },
  drain: {
    summary: 'take no new callers from now on; those under way may end',
    more: 'It is for good: the process serves nobody any more and ends when it is told to. Asks first at a terminal.',
    flags: {
      admin: ASKED,
      deadline: { value: 'MS', help: 'how long those under way may take; default drainMs of the configuration' },
      yes: { help: 'do not ask' },
      json: JSON_FLAG,
    },
    examples: ['keepwarm drain --yes --deadline 30000'],
  },
  'warm-up': {
    summary: 'open connections ahead of calls, without a request',
    flags: { ...ACTS, count: { value: 'N', help: 'until so many are open at each origin; 1 to 1000, default 1' } },
    examples: ['keepwarm warm-up --upstream api --count 10'],
  },
  'close-idle': {
    summary: 'close connections that are idle, never one in use',
    flags: ACTS,
    examples: ['keepwarm close-idle --upstream api'],
  },
  'reset-breaker': {
    summary: 'close a breaker: you know that the peer is well',
    flags: { ...ACTS, breaker: { value: 'KEY', help: 'one of them, as endpoints lists it; default all' } },
    examples: ['keepwarm reset-breaker --upstream api'],
  },
  reload: {
    summary: 'have the gateway read its configuration again',
    flags: { admin: ASKED, json: JSON_FLAG },
    examples: ['keepwarm reload'],
  },
  open: {
    summary: 'print an address of the status page that lets one browser act, once, within ten minutes',
    flags: { admin: ASKED, json: { help: 'print it as JSON' } },
    examples: ['keepwarm open', 'xdg-open "$(keepwarm open)"'],
  },
} as const satisfies Record<string, Command>;
