import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { AdminClient } from '../src/admin/client.ts';
import { readKey } from '../src/admin/key-file.ts';
import { COMMANDS } from '../src/command/commands.ts';
import { completion, SHELLS } from '../src/command/completion.ts';
import { help } from '../src/command/help.ts';
import { bare, paintFor, plain } from '../src/command/paint.ts';
import { length, ms, printable, table } from '../src/command/table.ts';
import { socketRows } from '../src/command/views.ts';
import {
  COMMAND_LINE,
  command,
  commandHere,
  type GatewayProcess,
  gatewayProcess,
  type Ran,
} from './command-process.ts';
import { ask, httpServer, Opened } from './fixtures.ts';

function tokenOf({ admin, folder }: GatewayProcess): string | undefined {
  const [host = '', port] = admin.split(':');
  return readKey(folder, { host, port: Number(port) });
}

describe('commands that ask a gateway, and act on it', () => {
  const opened = new Opened();
  let gateway: GatewayProcess;

  const run = (...args: string[]): Promise<Ran> => commandHere([...args, '--admin', gateway.admin]);

  before(async () => {
    const node = opened.add(
      await httpServer((request, response) => {
        request.resume();
        request.on('end', () => response.end('{"jsonrpc":"2.0","id":1,"result":"0x10"}'));
      }),
    );
    const rateLimit = { limit: 100, windowMs: 60_000 };
    gateway = opened.add(
      await gatewayProcess({
        api: { origin: node.origin },
        chain: {
          jsonrpc: 'evm',
          endpoints: [
            { url: node.origin, name: 'a', rateLimit },
            { url: node.origin, name: 'b' },
          ],
        },
      }),
    );
    Object.assign(process.env, gateway.env);
    for (let i = 0; i < 5; i++) await ask(`${gateway.data}/api/`);
    await ask(`${gateway.data}/chain`, { method: 'POST', body: '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}' });
  });
  after(() => opened.closeAll());

  it('print tables for people, and JSON for programs', async () => {
    const cases: [string[], RegExp, (told: never) => unknown][] = [
      [
        ['stats'],
        /^ready for .*\n\nupstream +origin +calls\/s.*\napi .*\nchain /,
        ({ upstreams }: { upstreams: [] }) => upstreams.length,
      ],
      [
        ['sockets', '--upstream', 'api', '--order', 'busiest'],
        /id +upstream.*\n +\d+ +api +http:/,
        ({ total }) => total,
      ],
      [
        ['endpoints'],
        /upstream +endpoint.*\nchain +a .*\nchain +b /,
        ({ endpoints }: { endpoints: [] }) => endpoints.length,
      ],
      [['limits'], /upstream +endpoint +limit +used.*\nchain +a .* of 100 /, ({ rate }: { rate: [] }) => rate.length],
      [['calls', '--upstream', 'api'], /at +id .*\n.* api +GET .* 200 /, ({ calls }: { calls: [] }) => calls.length],
      [
        ['calls', '--explain', '--limit', '1'],
        /(?:GET|POST eth_chainId) to .*: answered 200/,
        ({ calls }: { calls: [] }) => calls.length,
      ],
      [
        ['calls', '--explain', '--upstream', 'api'],
        /GET to .*: answered 200.*\n {2}its request has the id [0-9a-f]{32}\n/,
        ({ calls }: { calls: [] }) => calls.length,
      ],
    ];
    for (const [args, pattern, size] of cases) {
      const [people, program] = await Promise.all([run(...args), run(...args, '--json')]);
      assert.deepEqual([people.code, people.err], [0, ''], args.join(' '));
      assert.match(people.out, pattern);
      assert.ok(Number(size(JSON.parse(program.out) as never)) > 0, args.join(' '));
    }
  });

  it('say what there is none of, and where others may be', () => {
    const rows = (upstream?: string, state?: string) =>
      socketRows({ total: 0, offset: 0, sockets: [] }, { upstream, state }, paintFor(false, {})).join('\n');
    assert.match(rows(), /no connection is open now; --state all lists those that were closed, too$/);
    assert.match(rows('api', 'in use'), /no connection of api is in use now; --state all/);
    assert.match(rows('api', 'all'), /no connection of api has been opened yet$/);
  });

  it('act, and say what came of it', async () => {
    assert.match(
      (await run('cordon', 'b', '--upstream', 'chain')).out,
      /^chain\/b is cordoned: it gets no more calls\n$/,
    );
    assert.match((await run('uncordon', 'b', '--upstream', 'chain')).out, /^chain\/b is back: /);
    assert.match((await run('warm-up', '--upstream', 'api', '--count', '3')).out, /^api: \d+ connections are open \(/);
    assert.match((await run('close-idle', '--upstream', 'api')).out, /^api: \d+ idle connections closed\n$/);
    assert.match((await run('reset-breaker', '--upstream', 'chain')).out, /^chain: \d+ breakers closed\n$/);
    assert.match((await run('reload')).out, /^reloaded: api, chain unchanged; none begun; none ended\n$/);
    const { closed, ...told } = JSON.parse((await run('close-idle', '--upstream', 'api', '--json')).out);
    assert.deepEqual([told, typeof closed], [{ action: 'close-idle', upstream: 'api' }, 'number']);
    const url = (await run('open')).out.trim();
    assert.match(url, new RegExp(`^http://${gateway.admin}/#key=[\\w-]{43}$`));
  });

  it('say in words what cannot be done, and with which code they end', async () => {
    const [nobody, endpoint, upstream, number, drain, token] = await Promise.all([
      command(['stats', '--admin', '127.0.0.1:1'], { NO_COLOR: '1' }),
      run('cordon', 'c', '--upstream', 'chain'),
      run('stats', '--upstream', 'apo'),
      run('warm-up', '--count', 'many', '--upstream', 'api'),
      run('drain'),
      command(['close-idle', '--upstream', 'api', '--admin', gateway.admin], { KEEPWARM_RUNTIME_DIR: '/nonexistent' }),
    ]);
    assert.equal(nobody.code, 3);
    assert.match(nobody.err, /no gateway answers at 127\.0\.0\.1:1 .*\nstart one with keepwarm gateway/);
    assert.equal(endpoint.code, 1);
    assert.match(endpoint.err, /"c".*a, b/);
    assert.equal(upstream.code, 2);
    assert.match(upstream.err, /there is no upstream "apo"; there are: api, chain/);
    assert.deepEqual([number.code, /--count is many; allowed: a whole number/.test(number.err)], [2, true]);
    assert.deepEqual([drain.code, /nothing was drained; --yes says that you mean it/.test(drain.err)], [2, true]);
    assert.equal(token.code, 1);
    assert.match(token.err, /token.*\nrun this as the user of the gateway, or with KEEPWARM_ADMIN_TOKEN set/s);
  });

  it('follow events until they are told to stop', async () => {
    const args = [...COMMAND_LINE, 'events', '--json', '--kinds', 'action', '--admin', gateway.admin];
    const child = spawn(process.execPath, args, { env: { ...process.env, ...gateway.env } });
    let out = '';
    child.stdout.on('data', (text) => (out += text));
    const [host = '', port] = gateway.admin.split(':');
    const admin = opened.add(new AdminClient({ address: { host, port: Number(port) }, token: tokenOf(gateway) }));
    while ((await admin.stats()).events.readers === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    const heard = once(child.stdout, 'data');
    await admin.act('close-idle', { upstream: 'api' });
    await heard;
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'close'), [0, null]);
    const [first] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual([first.kind, first.action, first.outcome], ['action', 'close-idle', 'done']);
  });

  it('drain for good when it is meant', async () => {
    const other = opened.add(await gatewayProcess({ api: { origin: 'http://127.0.0.1:1' } }));
    const { code, out } = await command(['drain', '--yes', '--deadline', '100', '--admin', other.admin], other.env);
    assert.equal(code, 0);
    assert.match(out, /^draining: no new callers; 0 requests under way may take 100 ms/);
    assert.match((await commandHere(['stats', '--admin', other.admin])).out, /^draining for /);
  });
});

describe('what commands print', () => {
  it('is aligned, and nothing that others have named can steer the terminal', () => {
    const rows = [
      { name: 'a\u001b[2Jb', n: 5 },
      { name: 'longer', n: 1_000 },
    ];
    const lines = table(
      [
        { title: 'name', of: ({ name }) => name },
        { title: 'n', of: ({ n }) => `${n}`, right: true, style: () => 'red' },
      ],
      rows,
      paintFor(true, { TERM: 'xterm' }),
      'none',
    );
    assert.deepEqual(lines.map(bare), ['name       n', 'a·[2Jb     5', 'longer  1000']);
    assert.ok(lines[1]!.includes('\u001b[31m'));
    assert.deepEqual(table([], [], plain, 'none'), ['none']);
    assert.equal(printable('\u0007\u009b'), '··');
    assert.deepEqual([0, 1.234, 12.34, 1_234.5].map(ms), ['–', '1.23', '12.3', '1235']);
    assert.deepEqual([999, 61_000, 3_700_000, 200_000_000].map(length), ['0 s', '1 min 1 s', '1 h 1 min', '2 d 7 h']);
  });

  it('has colours only where somebody sees them and nobody minds', () => {
    const coloured = (terminal: boolean, env: NodeJS.ProcessEnv): boolean =>
      paintFor(terminal, env)('x', 'red') !== 'x';
    assert.deepEqual(
      [coloured(true, {}), coloured(false, {}), coloured(true, { NO_COLOR: '1' }), coloured(true, { TERM: 'dumb' })],
      [true, false, false, false],
    );
    assert.deepEqual(
      [coloured(false, { FORCE_COLOR: '1' }), coloured(true, { NO_COLOR: '', FORCE_COLOR: '0' })],
      [true, true],
    );
  });

  it('explains each command, with its flags, examples and exit codes', () => {
    for (const [name, { flags, summary, examples }] of Object.entries(COMMANDS)) {
      const text = help(name as keyof typeof COMMANDS);
      assert.ok(text.includes(summary) && text.includes('Exit codes: 0'), name);
      for (const each of [...Object.keys(flags).map((flag) => `--${flag}`), ...examples])
        assert.ok(text.includes(each), each);
    }
  });

  it('completes in shells that are here, and knows every command in all three', () => {
    for (const shell of SHELLS) {
      const script = completion(shell);
      for (const [name, { flags }] of Object.entries(COMMANDS)) {
        assert.ok(script.includes(name), `${shell}: ${name}`);
        for (const flag of Object.keys(flags)) assert.ok(script.includes(flag), `${shell}: ${name} --${flag}`);
      }
      if (shell === 'bash' || spawnSync('which', [shell]).status === 0) {
        const { status, stderr } = spawnSync(shell, ['-n'], { input: script });
        assert.equal(status, 0, String(stderr));
      }
    }
    const words = (line: string, at: number): string[] => {
      const input =
        `${completion('bash')}\nCOMP_WORDS=(${line}) COMP_CWORD=${at}\n_keepwarm\nprintf ` +
        `'%s\\n' "\${COMPREPLY[@]}"`;
      return String(spawnSync('bash', { input }).stdout).trim().split('\n');
    };
    assert.deepEqual(words('keepwarm so', 1), ['sockets']);
    assert.deepEqual(words('keepwarm calls --s', 2), ['--slower-than']);
    assert.deepEqual(words('keepwarm completion z', 2), ['zsh']);
    assert.throws(() => completion('tcsh'), /there is no completion for "tcsh"; there is: bash, zsh, fish/);
  });
});
