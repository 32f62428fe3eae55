/**
 * Every command and flag of `keepwarm`: what the parser accepts, what `--help` prints, and what docs/reference/cli.md
 * repeats (a check keeps the two equal).
 */
import { ASKED, ASKING_COMMANDS } from './asking-commands.ts';

export interface Flag {
  /** What stands after it, as `--help` shows it; a flag without one is a switch. */
  readonly value?: string;
  /** It may be given more than once. */
  readonly multiple?: true;
  readonly help: string;
}

export interface Command {
  /** What follows the command's name. */
  readonly operand?: string;
  readonly summary: string;
  /** A few sentences more, for its help. */
  readonly more?: string;
  readonly flags: Readonly<Record<string, Flag>>;
  /** Shown at the end of its help. */
  readonly examples: readonly string[];
}

const LISTEN = { value: 'HOST:PORT', help: 'address for callers; default 127.0.0.1:4300' };
const ADMIN = { value: 'HOST:PORT', help: 'address of the status page, on this machine only; default 127.0.0.1:4301' };

export const COMMANDS = {
  gateway: {
    summary: 'forward calls to upstreams over warm connections, with a status page',
    flags: {
      config: {
        value: 'FILE',
        help: 'configuration in YAML or JSON; default keepwarm.yaml; flags below come on top of it',
      },
      listen: LISTEN,
      admin: ADMIN,
      upstream: {
        value: 'NAME=URL[,NAME=URL]',
        multiple: true,
        help: 'forward /NAME/… to URL; may be repeated',
      },
      workers: { value: 'N', help: 'processes that share the port and all limits, or auto: one per core; default 1' },
      demo: { help: 'the same as the command demo' },
    },
    examples: [
      'keepwarm gateway --upstream api=https://api.example.com',
      'keepwarm gateway --config keepwarm.yaml --listen 127.0.0.1:8080',
    ],
  },
  check: {
    operand: 'FILE',
    summary: 'say what is wrong with a configuration, or what is in it',
    flags: {},
    examples: ['keepwarm check keepwarm.yaml'],
  },
  demo: {
    summary: 'the gateway with an upstream and a little load of its own, to look at',
    flags: {
      listen: { ...LISTEN, help: `${LISTEN.help}, or the next free port` },
      admin: { ...ADMIN, help: `${ADMIN.help}, or the next free port` },
    },
    examples: ['keepwarm demo'],
  },
  probe: {
    operand: 'URL',
    summary: 'where do the milliseconds of a call go: cold, warm, and cold again with TLS resumed',
    flags: {
      count: { value: 'N', help: 'warm calls; 1 to 1000, default 5' },
      method: { value: 'METHOD', help: 'GET, HEAD or OPTIONS; default GET' },
      ca: { value: 'FILE', help: 'trusted roots, PEM, in place of the usual ones' },
      proxy: { value: 'URL', help: 'go through this proxy, or none; default: what the environment says' },
      json: { help: 'print the result as JSON' },
    },
    examples: [
      'keepwarm probe https://api.example.com/health',
      'keepwarm probe --json --count 20 https://api.example.com/',
    ],
  },
  mcp: {
    summary: 'tools for an assistant (Model Context Protocol, over standard input and output)',
    flags: {
      admin: ASKED,
      'allow-actions': { help: 'offer tools that act: cordon, uncordon, close-idle, warm-up, reset-breaker' },
      'allow-probe-anywhere': { help: 'let probe go to any URL, not just to upstreams of the gateway' },
    },
    examples: ['keepwarm mcp', 'keepwarm mcp --admin 127.0.0.1:4301 --allow-actions'],
  },
  init: {
    summary: 'write a configuration with comments, from a few answers or flags',
    more: 'Asks at a terminal; with --url it asks nothing. A file that is there is never written over without --force.',
    flags: {
      file: { value: 'FILE', help: 'where to; default keepwarm.yaml' },
      kind: { value: 'KIND', help: 'http, evm, solana or geyser; default http' },
      name: { value: 'NAME', help: 'of the upstream; default by its kind' },
      url: { value: 'URL', multiple: true, help: 'of the upstream; of nodes it may be repeated' },
      limit: { value: 'N', help: 'connections (http), requests a second (nodes), new connections a minute (geyser)' },
      listen: LISTEN,
      admin: ADMIN,
      redis: {
        value: 'URL',
        help: 'counts limits for several gateways; with a password only by reference; default none',
      },
      force: { help: 'write over a file that is there' },
    },
    examples: ['keepwarm init', 'keepwarm init --kind evm --url https://node-a.example.com --limit 100'],
  },
  schema: {
    summary: 'print the JSON Schema of the configuration, for editors',
    flags: {},
    examples: ['keepwarm schema > keepwarm.schema.json'],
  },
  bench: {
    summary: 'this client against fetch of Node, and undici where it is installed, on your own endpoint',
    more:
      'Sends GETs. Rounds are interleaved; the first opens connections and counts for nobody. Ctrl-C ' +
      'tells what there is.',
    flags: {
      url: { value: 'URL', help: 'what is asked for; use one of your own, it gets some thousand requests' },
      requests: { value: 'N', help: 'of each client in each round; 1 to 10000, default 100' },
      rounds: { value: 'N', help: '1 to 50, default 5' },
      connections: { value: 'N', help: 'calls at once; 1 to 200, default 10' },
      json: { help: 'print the result as JSON' },
    },
    examples: ['keepwarm bench --url http://127.0.0.1:8080/health --requests 1000'],
  },
  completion: {
    operand: 'SHELL',
    summary: 'print a script by which bash, zsh or fish completes commands and flags',
    flags: {},
    examples: [
      'source <(keepwarm completion bash)',
      'keepwarm completion fish > ' + '~/.config/fish/completions/keepwarm.fish',
    ],
  },
  ...ASKING_COMMANDS,
} as const satisfies Record<string, Command>;

export type CommandName = keyof typeof COMMANDS;

/** What the exit code says. */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** It was tried and failed: an address could not be had, a probed call failed. */
  failed: 1,
  /** The command line or the configuration cannot be used; nothing was tried. */
  usage: 2,
  /** No gateway answers at the admin address. */
  unreachable: 3,
  // 4 is main.ts': this Node.js is too old to load any of this.
} as const;
