import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Family } from '../../src/net/dns.ts';
import { addressesIn, HostsFile } from '../../src/net/hosts.ts';
import { systemResolver } from '../../src/net/resolver.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { a, aNameServer } from './dns-server.ts';
import { texts } from './dns-setup.ts';

const never = new AbortController().signal;

const FILE = `# local names
127.0.0.1	localhost
192.0.2.1   api.test  api   # the old one is 192.0.2.99 old.test
2001:db8::1 api.test
192.0.2.2 api.test
192.0.2.1 api.test
fe80::1%eth0 zone.test
  192.0.2.3 indented.test
not-an-address wrong.test
192.0.2.4 crlf.test\r
192.0.2.5 glued.test#comment
192.0.2.6 last.test`;

describe('the hosts file', () => {
  for (const [name, family, expected] of [
    ['api.test', 0, ['192.0.2.1', '2001:db8::1', '192.0.2.2']],
    ['api.test', 4, ['192.0.2.1', '192.0.2.2']],
    ['api.test', 6, ['2001:db8::1']],
    ['api', 0, ['192.0.2.1']],
    ['zone.test', 0, ['fe80::1%eth0']],
    ['indented.test', 0, ['192.0.2.3']],
    ['crlf.test', 0, ['192.0.2.4']],
    ['glued.test', 0, ['192.0.2.5']],
    ['last.test', 0, ['192.0.2.6']],
    ['old.test', 0, []],
    ['wrong.test', 0, []],
    ['pi.test', 0, []],
    ['test', 0, []],
    ['ap', 0, []],
    ['192.0.2.1', 0, []],
    ['', 0, []],
  ] as const satisfies readonly (readonly [string, Family, readonly string[]])[]) {
    it(`gives ${name || 'the empty name'} (family ${family}) ${expected.length} addresses`, () => {
      assert.deepEqual(texts(addressesIn(FILE, name, family)), expected);
    });
  }

  async function aFile(t: TestContext, text: string) {
    const folder = await mkdtemp(join(tmpdir(), 'keepwarm-hosts-'));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 'hosts');
    await writeFile(path, text);
    const clock = new FakeClock();
    const hosts = new HostsFile(path, clock);
    return { path, clock, find: async (name: string) => texts(await hosts.lookup(name, 0)) };
  }

  it('is read again when it has changed, but looked at no more than once in 5 s', async (t) => {
    const { path, clock, find } = await aFile(t, '192.0.2.1 A.TEST\n');
    assert.deepEqual(await find('a.test'), ['192.0.2.1'], 'names know no case');
    await writeFile(path, '192.0.2.22 a.test\n');
    clock.advance(4_999);
    assert.deepEqual(await find('a.test'), ['192.0.2.1']);
    clock.advance(1);
    const found = await Promise.all([find('a.test'), find('a.test')]);
    assert.deepEqual(found, [['192.0.2.22'], ['192.0.2.22']], 'whoever asks meanwhile waits for it');
  });

  it('is read again when only its time has changed, and when another file takes its place', async (t) => {
    const { path, clock, find } = await aFile(t, '192.0.2.1 a.test\n');
    await find('a.test');
    await writeFile(path, '192.0.2.2 a.test\n');
    await utimes(path, 1, 1);
    clock.advance(5_000);
    assert.deepEqual(await find('a.test'), ['192.0.2.2']);
    await writeFile(`${path}.new`, '192.0.2.3 a.test\n');
    await utimes(`${path}.new`, 1, 1);
    await rename(`${path}.new`, path);
    clock.advance(5_000);
    assert.deepEqual(await find('a.test'), ['192.0.2.3']);
  });

  it('may vanish, be a folder, and come back', async (t) => {
    const { path, clock, find } = await aFile(t, '192.0.2.1 a.test\n');
    await find('a.test');
    await rm(path);
    clock.advance(5_000);
    assert.deepEqual(await find('a.test'), []);
    await writeFile(path, '192.0.2.1 a.test\n');
    clock.advance(5_000);
    assert.deepEqual(await find('a.test'), ['192.0.2.1']);
    const folder = new HostsFile(tmpdir(), clock);
    assert.deepEqual(await folder.lookup('a.test', 0), []);
  });

  it('comes before name servers; a family it does not list is asked of them', async (t) => {
    const { path } = await aFile(t, '2001:db8::1 a.test\n');
    const server = await aNameServer(t);
    server.say('A a.test', [a('192.0.2.7')]);
    const resolver = systemResolver({ hostsPath: path, servers: [server.address] });
    assert.deepEqual(await resolver('a.test.', 0, never), {
      addresses: [{ address: '2001:db8::1', family: 6 }],
      ttlMs: undefined,
    });
    assert.deepEqual(server.asked, []);
    assert.deepEqual(texts((await resolver('a.test', 4, never)).addresses), ['192.0.2.7']);
  });
});
