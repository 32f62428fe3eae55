import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import { parse } from 'yaml';
import { configText, KINDS } from '../src/command/init-text.ts';
import { parseConfig, readConfig } from '../src/config/config.ts';
import { COMMAND_LINE, commandHere } from './command-process.ts';

const TERMINAL = new URL('terminal.py', import.meta.url).pathname;
const SCHEMA = new URL('../schema/keepwarm.schema.json', import.meta.url);

const validate = new AjvJsonSchemaValidator().getValidator(JSON.parse(readFileSync(SCHEMA, 'utf8')));

describe('the schema of the configuration', () => {
  it('allows what the gateway allows, and refuses what it refuses', () => {
    const endpoints = [{ url: 'http://x', rateLimit: { limit: 1, windowMs: 1 } }];
    const cases: [boolean, object][] = [
      [
        true,
        {
          listen: '127.0.0.1:0',
          upstreams: { api: { origin: 'http://x', pool: { idleMin: 2, requestsMax: 'unlimited' } } },
        },
      ],
      [true, { upstreams: { api: { origin: 'http://x', headers: { request: { set: { a: 'b' }, remove: ['c'] } } } } }],
      [true, { upstreams: { api: { origin: 'http://x', callerRate: { limit: 5 }, upgrades: false, paths: ['/v1'] } } }],
      [true, { upstreams: { eth: { jsonrpc: 'evm', endpoints, hedge: true, retry: { attemptsMax: 2 } } } }],
      [
        true,
        { upstreams: { g: { grpc: 'geyser', target: 'http://x', connectionRate: { limit: 60, windowMs: 60_000 } } } },
      ],
      [true, { history: false, logs: { level: 'warn', summaryMs: 5_000 }, access: { reads: 'token' } }],
      [false, { lisen: 'x' }],
      [false, { upstreams: { api: { origin: 'http://x', pol: {} } } }],
      [false, { upstreams: { api: { origin: 'http://x', pool: { idleMn: 2 } } } }],
      [false, { upstreams: { api: { origin: 'http://x', pool: { socketsMax: 0 } } } }],
      [false, { upstreams: { api: {} } }],
      [false, { upstreams: { eth: { jsonrpc: 'bitcoin', endpoints } } }],
      [false, { upstreams: { eth: { jsonrpc: 'evm', endpoints: [] } } }],
      [false, { upstreams: { 'a/b': { origin: 'http://x' } } }],
      [false, { logs: { level: 'loud' } }],
      [false, { access: { reads: 'all' } }],
      [false, { drainMs: -1 }],
    ];
    for (const [allowed, config] of cases) {
      const { valid, errorMessage } = validate(config);
      assert.equal(valid, allowed, `${JSON.stringify(config)}: ${errorMessage}`);
      if (allowed) parseConfig(config, '.');
      else assert.throws(() => parseConfig(config, '.'), { name: 'ConfigError' }, JSON.stringify(config));
    }
  });

  it('is printed by the command, and says what each option does', async () => {
    const { out } = await commandHere(['schema']);
    assert.equal(out, readFileSync(SCHEMA, 'utf8'));
    const { properties, $defs } = JSON.parse(out);
    assert.match(properties.drainMs.description, /when the gateway stops/);
    assert.match($defs.origin.properties.via.description, /\w/);
    assert.equal($defs.origin.properties.pool.properties.idleMs.default, 30_000);
  });
});

describe('keepwarm init', () => {
  const folder = mkdtempSync(join(tmpdir(), 'keepwarm-init-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('writes what check and the schema accept, for each kind, and with every comment taken in', async () => {
    for (const kind of KINDS) {
      for (const limit of ['none', '60']) {
        const file = join(folder, `${kind}-${limit}.yaml`);
        const args = ['--file', file, '--kind', kind, '--url', 'https://a.example.com/key', '--limit', limit];
        const { code, out } = await commandHere(['init', ...args]);
        assert.deepEqual([code, out.startsWith(`wrote ${file}\n`)], [0, true]);
        assert.equal(statSync(file).mode & 0o777, 0o600);
        assert.match((await commandHere(['check', file])).out, /is fine/);
        const text = readFileSync(file, 'utf8');
        assert.match(text, /^# yaml-language-server: \$schema=/);
        assert.equal(validate(parse(text)).valid, true, validate(parse(text)).errorMessage);
        const all = text.replaceAll(/^( *)# ?((?: *)[a-z][A-Za-z]+:.*)$/gm, '$1$2').replace(/^yaml-language.*$/m, '');
        const open = join(folder, 'open.yaml');
        process.env['X_TOKEN'] = 'x'.repeat(20);
        writeFileSync(open, all);
        readConfig(open);
      }
    }
  });

  it('writes where limits are counted together, and takes no password for it', async () => {
    const url = ['--url', 'https://a.example.com'];
    const reference = '$' + '{KEEPWARM_INIT_REDIS}';
    for (const [i, redis] of ['redis://127.0.0.1', 'rediss://redis.example.com:6380/2', reference].entries()) {
      process.env['KEEPWARM_INIT_REDIS'] = 'rediss://operator:hunter2@redis.example.com';
      const file = join(folder, `redis-${i}.yaml`);
      assert.equal((await commandHere(['init', '--file', file, ...url, '--redis', redis])).code, 0);
      assert.equal(parse(readFileSync(file, 'utf8')).redis.url, redis);
      assert.ok(!readFileSync(file, 'utf8').includes('hunter2'));
      const { out } = await commandHere(['check', file]);
      assert.match(out, /limits are counted in Redis at (127\.0\.0\.1|redis\.example\.com):/);
      assert.ok(!out.includes('hunter2') && !out.includes('operator'), out);
    }
    for (const [redis, message] of [
      ['redis://:hunter2@127.0.0.1', /--redis holds a password; write/],
      ['rediss://operator:hunter2@127.0.0.1/1', /--redis holds a password; write/],
      ['http://127.0.0.1', /nothing was written: .*redis\.url begins with http:/],
      ['redis: //x', /--redis must be a URL without spaces/],
    ] as const) {
      const { code, err } = await commandHere(['init', '--file', join(folder, 'none.yaml'), ...url, '--redis', redis]);
      assert.deepEqual([code, message.test(err), err.includes('hunter2')], [2, true, false], err);
    }
  });

  it('quotes what it is given, so that nothing in it is taken for YAML', () => {
    const given = {
      kind: 'http',
      name: 'a',
      urls: ['https://x/#: ' + '{'],
      limit: undefined,
      listen: '4300',
      admin: '4301',
    } as const;
    assert.equal(parse(configText(given)).upstreams.a.origin, 'https://x/#: {');
  });

  it('never writes over a file without --force, and leaves none that is wrong', async () => {
    const file = join(folder, 'mine.yaml');
    writeFileSync(file, 'mine');
    const url = 'https://a.example.com';
    const refused = await commandHere(['init', '--file', file, '--url', url]);
    assert.deepEqual([refused.code, /is there already; --force writes over it/.test(refused.err)], [2, true]);
    assert.equal(readFileSync(file, 'utf8'), 'mine');
    assert.equal((await commandHere(['init', '--file', file, '--url', url, '--force'])).code, 0);
    const bad = await commandHere(['init', '--file', file, '--url', url, '--force', '--name', 'a/b']);
    assert.equal(bad.code, 2);
    readConfig(file);
    const wrong = join(folder, 'wrong.yaml');
    const cases: [string[], RegExp][] = [
      [['--url', url, '--name', 'a/b'], /nothing was written: .*is not a name for an upstream/],
      [['--url', 'ftp://x'], /--url must be an http: or https: URL/],
      [['--url', url, '--kind', 'evn'], /--kind is "evn"; allowed: http, evm, solana, geyser/],
      [['--url', url, '--limit', '0'], /--limit is "0"; allowed: a whole number/],
      [['--url', url, '--listen', 'x'], /--listen is "x"/],
      [[], /--url is left out and nobody is there to be asked/],
    ];
    for (const [args, message] of cases) {
      const { code, err } = await commandHere(['init', '--file', wrong, ...args]);
      assert.deepEqual([code, message.test(err)], [2, true], err);
      assert.throws(() => statSync(wrong), { code: 'ENOENT' });
    }
    assert.equal((await commandHere(['init', '--file', join(folder, 'no/such.yaml'), '--url', url])).code, 2);
  });

  it('asks at a terminal, with an answer ready for each question', async () => {
    const file = join(folder, 'asked.yaml');
    const script = [
      ['wait', 'what is upstream'],
      ['send', 'evm\r'],
      ['wait', 'its name'],
      ['send', '\r'],
      ['wait', 'its URL'],
      ['send', 'https://a.example.com, https://b.example.com\r'],
      ['wait', 'requests a second'],
      ['send', '25\r'],
      ['wait', 'reach the gateway'],
      ['send', '\r'],
      ['wait', 'Redis that counts limits'],
      ['send', 'redis://127.0.0.1:6380\r'],
    ];
    const args = [
      TERMINAL,
      '24',
      '80',
      JSON.stringify(script),
      process.execPath,
      ...COMMAND_LINE,
      'init',
      '--file',
      file,
    ];
    const child = spawn('python3', args);
    let out = '';
    child.stdout.on('data', (text) => (out += text));
    await once(child, 'close');
    assert.equal(JSON.parse(out).code, 0, out);
    const { upstreams, redis } = parse(readFileSync(file, 'utf8'));
    assert.deepEqual(redis, { url: 'redis://127.0.0.1:6380' });
    assert.deepEqual(
      upstreams.eth.endpoints.map(({ url, rateLimit }: { url: string; rateLimit: object }) => [url, rateLimit]),
      ['a', 'b'].map((node) => [`https://${node}.example.com`, { limit: 25, windowMs: 1_000 }]),
    );
  });
});
