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
const ADMIN = {
  value: 'HOST:PORT',
  help: 'address of the status page; off this machine only with a token; default 127.0.0.1:4301',
};

export const COMMANDS = {
  gateway: {
    summary: 'forward calls to upstreams over warm connections, with a dashboard',
    flags: {
      config: {
        value: 'FILE',
        help: 'configuration in YAML or JSON; default keepwarm.yaml; the flags below override it',
      },
      listen: LISTEN,
      admin: ADMIN,
      upstream: {
        value: 'NAME=URL[,NAME=URL]',
        multiple: true,
        help: 'forward /NAME/… to URL; may be repeated',
      },
      workers: {
        value: 'N',
        help: 'processes that share the port and all limits, or auto for one per core; default 1',
      },
      demo: { help: 'the same as the command demo' },
    },
    examples: [
      'keepwarm gateway --upstream api=https://api.example.com',
      'keepwarm gateway --config keepwarm.yaml --listen 127.0.0.1:8080',
    ],
  },
  check: {
    operand: 'FILE',
    summary: 'validate a configuration and list what is in it',
    flags: {},
    examples: ['keepwarm check keepwarm.yaml'],
  },
  demo: {
    summary: 'try the gateway: with demo upstreams and light load',
    flags: {
      listen: { ...LISTEN, help: `${LISTEN.help}, or the next free port` },
      admin: { ...ADMIN, help: `${ADMIN.help}, or the next free port` },
    },
    examples: ['keepwarm demo'],
  },
  probe: {
    operand: 'URL',
    summary: 'show where the milliseconds of a call go: cold, warm, and with TLS resumed',
    flags: {
      count: { value: 'N', help: 'number of warm calls, 1 to 1000; default 5' },
      method: { value: 'METHOD', help: 'GET, HEAD or OPTIONS; default GET' },
      ca: { value: 'FILE', help: 'PEM file of trusted roots, instead of the default ones' },
      proxy: { value: 'URL', help: 'proxy to use, or none; default from the environment' },
      json: { help: 'print the result as JSON' },
    },
    examples: [
      'keepwarm probe https://api.example.com/health',
      'keepwarm probe --json --count 20 https://api.example.com/',
    ],
  },
  mcp: {
    summary: 'serve tools to an AI assistant (Model Context Protocol over stdin and stdout)',
    flags: {
      admin: ASKED,
      'allow-actions': { help: 'also offer tools that act: cordon, uncordon, close-idle, warm-up, reset-breaker' },
      'allow-probe-anywhere': { help: 'let probe call any URL, not just upstreams of the gateway' },
    },
    examples: ['keepwarm mcp', 'keepwarm mcp --admin 127.0.0.1:4301 --allow-actions'],
  },
  init: {
    summary: 'write a commented configuration from a few answers or flags',
    more: 'Asks questions at a terminal; with --url it asks none. Never overwrites an existing file without --force.',
    flags: {
      file: { value: 'FILE', help: 'file to write; default keepwarm.yaml' },
      kind: { value: 'KIND', help: 'http, evm, solana or geyser; default http' },
      name: { value: 'NAME', help: 'name of the upstream; default by its kind' },
      url: { value: 'URL', multiple: true, help: 'URL of the upstream; may be repeated for nodes' },
      limit: { value: 'N', help: 'connections (http), requests a second (nodes), new connections a minute (geyser)' },
      listen: LISTEN,
      admin: ADMIN,
      redis: {
        value: 'URL',
        help: 'share limits with other gateways through this Redis; keep its password in the environment; default none',
      },
      force: { help: 'overwrite an existing file' },
    },
    examples: ['keepwarm init', 'keepwarm init --kind evm --url https://node-a.example.com --limit 100'],
  },
  schema: {
    summary: 'print the JSON Schema of the configuration, for editors',
    flags: {},
    examples: ['keepwarm schema > keepwarm.schema.json'],
  },
  bench: {
    summary: "compare this client with Node's fetch, and undici where installed, on your own endpoint",
    more:
      'Sends GETs in interleaved rounds; the first opens connections and is not counted. Ctrl-C stops early ' +
      'and prints the results so far.',
    flags: {
      url: { value: 'URL', help: 'endpoint to call; use your own, it gets thousands of requests' },
      requests: { value: 'N', help: 'requests per client and round, 1 to 10000; default 100' },
      rounds: { value: 'N', help: 'number of rounds, 1 to 50; default 5' },
      connections: { value: 'N', help: 'calls in flight, 1 to 200; default 10' },
      json: { help: 'print the result as JSON' },
    },
    examples: ['keepwarm bench --url http://127.0.0.1:8080/health --requests 1000'],
  },
  completion: {
    operand: 'SHELL',
    summary: 'print a completion script for bash, zsh or fish',
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
