import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { COMMANDS } from '../src/command/commands.ts';
import { help } from '../src/command/help.ts';
import { parseCommandLine } from '../src/command/parse.ts';
import { configOf } from '../src/command/serve.ts';
import { parseAddress } from '../src/config/address.ts';
import {
  GATEWAY_DEFAULTS,
  GATEWAY_NAMES,
  parseConfig,
  UPSTREAM_DEFAULTS,
  UPSTREAM_NAMES,
  type UpstreamConfig,
} from '../src/config/config.ts';
import { RPC_UPSTREAM_DEFAULTS, RPC_UPSTREAM_NAMES } from '../src/config/rpc-upstream.ts';
import { Gateway } from '../src/gateway.ts';

const upstream = (more: object = {}) => ({ upstreams: { api: { origin: 'https://api.example.com/v1', ...more } } });

describe('the configuration', () => {
  it('fills in what is left out', () => {
    const { listen, admin, drainMs, upstreams } = parseConfig(upstream(), '.');
    assert.deepEqual(
      [listen, admin, drainMs],
      [{ host: '127.0.0.1', port: 4300 }, { host: '127.0.0.1', port: 4301 }, 10_000],
    );
    const { via, forwarded, hosts, requestBodyBytesMax } = upstreams.get('api') as UpstreamConfig;
    assert.deepEqual([via, forwarded, hosts, requestBodyBytesMax], [true, false, [], 64 * 1024 * 1024]);
  });

  it('hands the options of a client on, and writes Infinity as "unlimited"', () => {
    const config = parseConfig(upstream({ deadlineMs: 5_000, pool: { idleMin: 3, requestsMax: 'unlimited' } }), '.');
    const { client } = config.upstreams.get('api') as UpstreamConfig;
    assert.equal(client.deadlineMs, 5_000);
    assert.deepEqual(client.pool, { idleMin: 3, requestsMax: Number.POSITIVE_INFINITY });
  });

  for (const [what, config, message] of [
    ['a wrong type', { listen: 4300 }, /^listen is 4300; allowed: text/],
    ['a wrong address', { listen: 'nowhere' }, /^listen is "nowhere"; allowed: HOST:PORT/],
    ['an unknown option', { upstream: {} }, /^upstream is not an option; did you mean upstreams\?/],
    [
      'an unknown option of an upstream',
      upstream({ orgin: 'x' }),
      /^upstreams\.api\.orgin is not an option; did you mean origin\?/,
    ],
    [
      'an unknown option of the library',
      upstream({ pool: { socketMax: 3 } }),
      /^upstreams\.api cannot be used: .*pool\.socketMax; did you mean socketsMax\?/,
    ],
    ['a value the library does not take', upstream({ pool: { socketsMax: 0 } }), /pool\.socketsMax is 0; allowed/],
    ['a list for an object', { upstreams: [] }, /^upstreams is \[\]; allowed: an object/],
    ['a name that is no name', { upstreams: { 'a/b': { origin: 'http://x' } } }, /^upstreams\.a\/b is not a name/],
    ['no origin', { upstreams: { api: {} } }, /^upstreams\.api\.origin is undefined; allowed: an http: or https: URL/],
    ['another scheme', upstream({ origin: 'ftp://x' }), /origin is "ftp:\/\/x"; allowed/],
    ['a query', upstream({ origin: 'http://x/?a' }), /allowed: an http: or https: URL without credentials, query/],
    ['hosts that are no list', upstream({ hosts: 'x' }), /hosts is "x"; allowed: a list/],
    ['a file that is not there', upstream({ tls: { caFile: 'no.pem' } }), /tls\.caFile cannot be read/],
    ['a negative time', { drainMs: -1 }, /^drainMs is -1; allowed: a number of at least 0/],
    ['no time at all', { requestMs: 0 }, /^requestMs is 0; allowed: a number of at least 1/],
    ['one address for two', { listen: ':4301' }, /^admin is 127\.0\.0\.1:4301, where listen listens already/],
    [
      'an address that another covers',
      { listen: '0.0.0.0:4310', upstreams: { rpc: { grpc: 'any', target: 'http://x' } } },
      /^upstreams\.rpc\.listen is 127\.0\.0\.1:4310, where listen listens already; allowed: another port/,
    ],
    [
      'two upstreams with the default listener',
      { upstreams: { a: { grpc: 'any', target: 'http://x' }, b: { grpc: 'any', target: 'http://y' } } },
      /^upstreams\.b\.listen is 127\.0\.0\.1:4310, where upstreams\.a\.listen listens already/,
    ],
    ['room for nobody', { callersMax: 0 }, /^callersMax is 0; allowed: a whole number from 1/],
    ['parts of a caller', { callersMax: 1.5 }, /^callersMax is 1\.5; allowed: a whole number from 1/],
  ] as const) {
    it(`refuses ${what}, naming place, value and what is allowed`, () => {
      assert.throws(() => parseConfig(config, '.'), { name: 'ConfigError', message });
    });
  }

  it('takes times that no timer takes for the longest there is', async () => {
    for (const forEver of ['unlimited', Number.POSITIVE_INFINITY, 1e300, 2 ** 31]) {
      const config = parseConfig({ drainMs: forEver, callerStallMs: forEver, logs: { summaryMs: forEver } }, '.');
      for (const ms of [config.drainMs, config.callerStallMs, config.logs?.summaryMs ?? 0]) {
        assert.ok(ms > 20 * 86_400_000 && ms < 2 ** 31, `${ms}`);
      }
    }
    assert.equal(parseConfig({ callerIdleMs: 1.5 }, '.').callerIdleMs, 2);
  });

  it('never repeats a password', () => {
    const config = upstream({ origin: 'https://me:hunter2@api.example.com' });
    assert.throws(
      () => parseConfig(config, '.'),
      (error: Error) => /credentials/.test(error.message) && !/hunter2/.test(error.message),
    );
  });

  it('keeps the status page on this machine', () => {
    const config = parseConfig({ ...upstream(), admin: '0.0.0.0:4301' }, '.');
    assert.throws(
      () => new Gateway(config),
      /admin is 0\.0\.0\.0:4301; allowed: an address of this machine only, or any with access\.token/,
    );
  });

  it('reads addresses as people write them', () => {
    assert.deepEqual(parseAddress('[::1]:80', 'x'), { host: '::1', port: 80 });
    assert.deepEqual(parseAddress(':80', 'x'), { host: '127.0.0.1', port: 80 });
    assert.deepEqual(parseAddress('80', 'x'), { host: '127.0.0.1', port: 80 });
    for (const text of ['', 'x', '::1:80', 'x:99999', 'x:y', '1.2.3.4']) assert.throws(() => parseAddress(text, 'x'));
  });
});

describe('the command line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-'));
  after(() => rmSync(folder, { recursive: true }));

  it('puts flags on top of the file', () => {
    const file = join(folder, 'keepwarm.json');
    writeFileSync(file, JSON.stringify({ ...upstream(), listen: '127.0.0.1:1' }));
    const config = configOf({ config: file, admin: '127.0.0.1:2', upstream: ['b=http://b,c=http://c', 'd=http://d'] });
    assert.equal(config.listen.port, 1);
    assert.equal(config.admin.port, 2);
    assert.deepEqual([...config.upstreams.keys()], ['api', 'b', 'c', 'd']);
  });

  it('says what is wrong with a file, or that there is no upstream at all', () => {
    assert.throws(() => configOf({}), /there is no upstream: name one with --upstream NAME=URL/);
    assert.throws(() => configOf({ config: join(folder, 'none.json') }), /none\.json cannot be read/);
    assert.throws(() => configOf({ upstream: ['http://x'] }), /--upstream is "http:\/\/x"; allowed: NAME=URL/);
  });

  it('knows its commands and flags, and guesses what was meant', () => {
    const parsed = parseCommandLine(['probe', '--json', 'http://x', '--count', '3']);
    assert.deepEqual(parsed, {
      kind: 'run',
      command: 'probe',
      flags: Object.assign(Object.create(null), { json: true, count: '3' }),
      operand: 'http://x',
    });
    for (const [args, message] of [
      [['gatway'], /there is no command "gatway"; did you mean gateway\?/],
      [['gateway', '--lisen', 'x'], /gateway has no flag --lisen; did you mean --listen\?/],
      [['gateway', 'x'], /gateway does not know what to do with "x"/],
      [['probe'], /probe needs URL/],
      [['probe', 'a', 'b'], /does not know what to do with "b"/],
      [['gateway', '--listen'], /--listen/],
    ] as const) {
      assert.throws(() => parseCommandLine(args), { name: 'UsageError', message });
    }
  });

  it('explains itself', () => {
    assert.deepEqual(parseCommandLine([]), { kind: 'help', command: undefined });
    assert.deepEqual(parseCommandLine(['probe', '--help', 'x']), { kind: 'help', command: 'probe' });
    for (const name of Object.keys(COMMANDS)) assert.ok(help(undefined).includes(name));
    for (const flag of Object.keys(COMMANDS.gateway.flags)) assert.ok(help('gateway').includes(`--${flag}`));
  });
});

describe('docs/reference/cli.md', () => {
  const page = readFileSync(new URL('../../../docs/reference/cli.md', import.meta.url), 'utf8');
  /** First cells of the rows below a heading or line, up to the next heading, with the second cell. */
  const rows = (heading: string): Map<string, string> => {
    const [, rest = ''] = `\n${page}`.split(`\n${heading}\n`);
    const [part = ''] = rest.split(/\n(?:#+ |Each upstream)/);
    return new Map([...part.matchAll(/^\| `([^`]+)` \| `?([^|`]+)/gm)].map(([, name, next]) => [name!, next!.trim()]));
  };

  it('lists every command and every flag, and no other', () => {
    assert.deepEqual([...rows('# The command line').keys()], Object.keys(COMMANDS));
    for (const [name, { flags }] of Object.entries(COMMANDS)) {
      const typed = Object.entries(flags).map(([flag, { value }]: [string, { value?: string }]) =>
        value === undefined ? `--${flag}` : `--${flag} ${value}`,
      );
      const listed = [...rows(`## ${name}`).keys()].filter((first) => first.startsWith('--'));
      assert.deepEqual(listed.sort(), typed.sort(), name);
    }
  });

  it('lists every option of the configuration with its default, and no other', () => {
    const gateway = rows('## Configuration of the gateway');
    assert.deepEqual([...gateway.keys()].sort(), [...GATEWAY_NAMES].sort());
    for (const [name, value] of Object.entries(GATEWAY_DEFAULTS)) assert.equal(gateway.get(name), String(value), name);
    const each = rows('Each upstream that forwards HTTP:');
    assert.deepEqual([...each.keys()].sort(), [...UPSTREAM_NAMES].sort());
    for (const [name, value] of Object.entries(UPSTREAM_DEFAULTS)) assert.equal(each.get(name), String(value), name);
    const rpc = rows('Each upstream that is a pool of JSON-RPC nodes:');
    assert.deepEqual([...rpc.keys()].sort(), [...RPC_UPSTREAM_NAMES].sort());
    for (const name of ['requestBodyBytesMax', 'requestsMax'] as const) {
      assert.equal(rpc.get(name), String(RPC_UPSTREAM_DEFAULTS[name]), name);
    }
  });
});
