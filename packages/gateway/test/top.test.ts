import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { AdminClient } from '../src/admin/client.ts';
import { bare, paintFor, plain } from '../src/command/paint.ts';
import { wished } from '../src/top/command.ts';
import { frame, type Known, sparks, type Wishes } from '../src/top/frame.ts';
import { keysOf } from '../src/top/keys.ts';
import { rowsOf, SORTS } from '../src/top/rows.ts';
import { COMMAND_LINE, command, commandHere, type GatewayProcess, gatewayProcess } from './command-process.ts';
import { ask, httpServer, Opened } from './fixtures.ts';

const TERMINAL = new URL('terminal.py', import.meta.url).pathname;
const WISHES: Wishes = { sort: 'rate', reversed: false, selected: undefined, paused: false };

interface Played {
  readonly code: number | null;
  readonly parts: readonly string[];
  readonly restored: boolean;
}

describe('keepwarm top', () => {
  const opened = new Opened();
  let gateway: GatewayProcess;
  let known: Known;

  /** A script whose first step is `deaf` is played where nothing can be typed. */
  async function play(script: readonly (readonly (string | number)[])[], ...flags: string[]): Promise<Played> {
    const deaf = script[0]?.[0] === 'deaf' ? ['sh', '-c', 'exec "$@" </dev/null', 'sh'] : [];
    const args = [TERMINAL, '24', '80', JSON.stringify(script), ...deaf, process.execPath, ...COMMAND_LINE];
    const child = spawn('python3', [...args, 'top', '--admin', gateway.admin, '--interval', '250', ...flags], {
      env: { ...process.env, ...gateway.env, TERM: 'xterm-256color' },
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (text) => (out += text));
    child.stderr.on('data', (text) => (err += text));
    await once(child, 'close');
    assert.equal(err, '');
    return JSON.parse(out);
  }

  before(async () => {
    const api = opened.add(
      await httpServer((request, response) => {
        request.resume();
        request.on('end', () => response.end('{"jsonrpc":"2.0","id":1,"result":"0x10"}'));
      }),
    );
    const rateLimit = { limit: 100, windowMs: 60_000 };
    gateway = opened.add(
      await gatewayProcess({
        alpha: { origin: api.origin },
        beta: { origin: api.origin },
        chain: {
          jsonrpc: 'evm',
          endpoints: [
            { url: api.origin, name: 'node-a', rateLimit },
            { url: api.origin, name: 'b' },
          ],
        },
      }),
    );
    for (let i = 0; i < 20; i++) await ask(`${gateway.data}/beta/`);
    await ask(`${gateway.data}/chain`, { method: 'POST', body: '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}' });
    const [host = '', port] = gateway.admin.split(':');
    const admin = opened.add(new AdminClient({ address: { host, port: Number(port) } }));
    known = { stats: await admin.stats(), limits: await admin.limits() };
  });
  after(() => opened.closeAll());

  it('draws frames that are never wider nor higher than the terminal, whatever its size', () => {
    fc.assert(
      fc.property(
        fc.record({ columns: fc.integer({ min: 1, max: 300 }), rows: fc.integer({ min: 1, max: 100 }) }),
        fc.constantFrom(...SORTS),
        fc.constantFrom(undefined, 'alpha', 'chain', 'gone'),
        fc.option(fc.string(), { nil: undefined }),
        (size, sort, selected, trouble) => {
          const lines = frame(
            'x',
            known,
            trouble,
            { ...WISHES, sort, selected },
            size,
            paintFor(true, { FORCE_COLOR: '1' }),
          );
          assert.equal(lines.length, size.rows);
          for (const line of lines) assert.ok(bare(line).length <= size.columns, line);
        },
      ),
    );
  });

  it('tells what became of answers of nodes that were not taken as they came, once there is something to tell', () => {
    const told = (answers: object, differed: { lacked: number; disagreed: number }) => {
      const upstreams = known.stats.upstreams.map((each) => {
        if (each.jsonrpc === undefined) return each;
        const endpoints = each.jsonrpc.endpoints.map((endpoint) => ({ ...endpoint, differed }));
        return { ...each, jsonrpc: { ...each.jsonrpc, endpoints, answers: { ...each.jsonrpc.answers, ...answers } } };
      });
      const wishes = { ...WISHES, selected: 'chain' };
      const now = { ...known, stats: { ...known.stats, upstreams } };
      return bare(frame('x', now, undefined, wishes, { columns: 100, rows: 30 }, paintFor(false, {})).join('\n'));
    };
    assert.doesNotMatch(told({}, { lacked: 0, disagreed: 0 }), /answers:/);
    const all = told(
      { agreed: 4, disagreed: 1, emptyAsked: 3, emptyFound: 2, split: 1, splitParts: 9 },
      { lacked: 5, disagreed: 2 },
    );
    assert.match(
      all,
      /answers: 4 agreed upon, 3 empty, asked elsewhere, 2 found, 1 searches split in 9 {3}1 DISAGREED/,
    );
    assert.match(all, /node-a .* 7$/m);
    assert.match(told({ disagreed: 1 }, { lacked: 0, disagreed: 1 }), /answers: none agreed upon {3}1 DISAGREED/);
  });

  it('has everything on 80 columns and 24 rows', () => {
    const lines = frame(
      '127.0.0.1:4301',
      known,
      undefined,
      { ...WISHES, selected: 'chain' },
      { columns: 80, rows: 24 },
      plain,
    );
    const text = lines.join('\n');
    assert.match(text, /keepwarm top {2}127\.0\.0\.1:4301 {2}ready/);
    assert.match(text, /upstream +▾rate\/s +p50 +p95 +p99 +err\/m +reuse +open +busy +wait +sat\n/);
    assert.match(text, /▸ chain/);
    assert.match(text, /node-a +healthy/);
    assert.match(text, /node-a .*[█░]{20} {2}\d of 100 in 60000 ms/);
    assert.match(text, / q quit .*select .*sort: rate/);
    const gone = frame('x', known, 'no gateway answers', WISHES, { columns: 80, rows: 24 }, plain);
    assert.match(gone[0]!, /disconnected: no gateway answers/);
    assert.match(gone.join('\n'), /beta/, 'what was known last is still shown');
  });

  it('keeps what is selected in view among many', () => {
    const [one] = known.stats.upstreams;
    const upstreams = Array.from({ length: 100 }, (_, i) => ({ ...one!, name: `u${String(i).padStart(3, '0')}` }));
    const many: Known = { ...known, stats: { ...known.stats, upstreams } };
    for (const selected of ['u000', 'u050', 'u099']) {
      const wishes: Wishes = { ...WISHES, sort: 'name', selected };
      const text = frame('x', many, undefined, wishes, { columns: 80, rows: 24 }, plain).join('\n');
      assert.match(text, new RegExp(`▸ ${selected}`));
      assert.match(text, /and \d+ more/);
    }
  });

  it('sorts, turns round and selects by keys', () => {
    assert.deepEqual(keysOf('\u001b[Ajq\u001b[5~x\u0003'), ['up', 'down', 'quit', 'quit']);
    assert.equal(wished(WISHES, 'sort', known).sort, 'p99Ms');
    assert.equal(wished({ ...WISHES, sort: 'name' }, 'sort', known).sort, 'rate');
    const byName: Wishes = { ...WISHES, sort: 'name' };
    const down = wished(byName, 'down', known);
    assert.equal(down.selected, 'beta');
    assert.equal(wished(wished(down, 'down', known), 'down', known).selected, 'chain', 'the last one stays');
    assert.equal(wished(down, 'up', known).selected, 'alpha');
    assert.equal(wished(WISHES, 'down', undefined).selected, undefined);
    assert.deepEqual(
      rowsOf(known.stats, 'name', true).map(({ name }) => name),
      ['chain', 'beta', 'alpha'],
    );
    assert.equal(sparks([0, 4, 8]), '▁▄█');
  });

  it('takes a terminal, follows its size and keys, and gives it back as it was', async () => {
    const { code, parts, restored } = await play([
      ['wait', 'beta'],
      ['send', 's'],
      ['wait', 'sort: p99Ms'],
      ['mark'],
      ['size', 10, 40],
      ['wait', 'keepwarm top'],
      ['mark'],
      ['size', 24, 80],
      ['send', 'j '],
      ['wait', 'paused'],
      ['send', 'q'],
    ]);
    assert.deepEqual([code, restored], [0, true], parts.join('\n'));
    assert.ok(parts[0]!.includes('\u001b[?1049h') && parts.at(-1)!.endsWith('\u001b[?25h\u001b[?1049l'));
    const drawn = parts
      .slice(1)
      .join('')
      .split('\u001b[H')
      .filter((each) => each.includes('\u001b[?2026l'));
    assert.ok(
      drawn.some((each) => each.split('\r\n').length === 10),
      'as many lines as the terminal has then',
    );
  });

  it('gives the terminal back when it is told to end by a signal', async () => {
    for (const [name, step] of [
      ['SIGTERM', ['signal', 'SIGTERM']],
      ['Ctrl-C', ['send', '\u0003']],
      ['SIGHUP', ['signal', 'SIGHUP']],
    ] as const) {
      const { code, parts, restored } = await play([['wait', 'beta'], step]);
      assert.deepEqual([name, code, restored], [name, 0, true]);
      assert.ok(parts.at(-1)!.endsWith('\u001b[?1049l'), name);
    }
  });

  it('goes on where nothing can be typed, until it is told to end', async () => {
    const script = [
      ['deaf'],
      ['wait', 'beta'],
      ['mark'],
      ['wait', 'beta'],
      ['mark'],
      ['wait', 'beta'],
      ['signal', 'SIGTERM'],
    ];
    const { code, parts, restored } = await play(script);
    assert.deepEqual([code, restored], [0, true]);
    assert.ok(parts.at(-1)!.endsWith('\u001b[?1049l'));
  });

  it('prints one frame with --once, and plain lines where there is no terminal', async () => {
    const { code, parts } = await play([], '--once');
    assert.equal(code, 0);
    assert.ok(!parts[0]!.includes('\u001b[?1049h') && parts[0]!.includes('beta'));
    const { out } = await command(['top', '--once', '--admin', gateway.admin], gateway.env);
    assert.equal(out.trim().split('\n').length, 3);
    assert.match(out, /Z beta rate=[\d.]+ p50Ms=[\d.]+ .*waiting=0 saturation=[\d.]+\n/);
    const json = await commandHere(['top', '--json', '--admin', gateway.admin]);
    assert.equal(JSON.parse(json.out).stats.upstreams.length, 3);
  });

  it('says so when no gateway answers, and what it cannot do', async () => {
    const { code, err } = await commandHere(['top', '--once', '--admin', '127.0.0.1:1']);
    assert.equal(code, 3);
    assert.match(err, /no gateway answers at 127\.0\.0\.1:1/);
    assert.equal((await commandHere(['top', '--interval', '1'])).code, 2);
    const bad = await commandHere(['top', '--sort', 'size']);
    assert.match(bad.err, /--sort is size; allowed: rate, p99Ms, errors, saturation, name/);
  });
});
