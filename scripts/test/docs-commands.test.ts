/** Every command line and every configuration of the documentation is carried out, as its reader would. */
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { root } from '../check.ts';
import { inlineCommands } from '../docs/commands.ts';
import { configurationFault, settled } from '../docs/configurations.ts';
import { faultOf } from '../docs/mentioned.ts';
import { ELSEWHERE, FOLLOWED } from '../docs/not-here.ts';
import { freePlaces, installed, Lines, Reader } from '../docs/reader.ts';
import { startWorld, type World } from '../docs/world/world.ts';
import { blocks, marked, pages, runBlock } from '../docs-check.ts';

const folder = join(root, '.tmp', 'docs', `commands-${process.pid}`);
const SERVING = /status page:.*\n/;

let world: World;
let reader: Reader;
let demo: string;
/** What was typed, by page. */
const typed = new Map<string, Lines>();
const lines = (page: string): Lines => {
  const found = typed.get(page) ?? new Lines(page);
  typed.set(page, found);
  return found;
};

/** A reader of one page, who has written down its first configuration that is like this. */
async function readerOf(page: string, like: RegExp): Promise<{ own: Reader; at: Record<string, string> }> {
  const at = await freePlaces('127.0.0.1:4300', '127.0.0.1:4301', '127.0.0.1:4310');
  const own = new Reader({ ...world.places, ...at }, { ...world.env, RPC_KEY: 'key' });
  own.file('keepwarm.yaml', yamlOf(page, like));
  return { own, at };
}
function yamlOf(page: string, like: RegExp): string {
  const found = blocks().find(
    ({ where, language, text }) => language === 'yaml' && where.startsWith(`${page}:`) && like.test(text),
  );
  if (found === undefined) throw new Error(`${page} has no configuration like ${like}`);
  return found.text;
}
const flagsOf = (at: Readonly<Record<string, string>>) => [
  ...['--listen', at['127.0.0.1:4300'] ?? ''],
  ...['--admin', at['127.0.0.1:4301'] ?? ''],
];

before(async () => {
  world = await startWorld(join(folder, 'world'));
  const at = await freePlaces('127.0.0.1:4300', '127.0.0.1:4301');
  const token = Object.entries(at).map(([from, to]) => [from.replace(':', '-'), to.replace(':', '-')]);
  const probed = { 'https://example.com/': `${world.places['https://api.example.com']}/` };
  reader = new Reader({ ...world.places, ...at, ...probed, ...Object.fromEntries(token) }, { RPC_KEY: 'key' });
  reader.file('keepwarm.yaml', yamlOf('README.md', /upstreams/));
  demo = await reader.start(lines('README.md').next(/^npm start$/), /Ctrl-C/, ...flagsOf(at));
});
after(async () => {
  await reader?.close();
  await world?.close();
});

describe('who types what the pages say', { concurrency: 1 }, () => {
  it('README.md', async () => {
    assert.match(demo, /status page: +http:\/\//, "the page's address is printed");
    const page = lines('README.md');
    page.next(/^npm test$/);
    assert.match(
      await reader.type(page.next(/check keepwarm.yaml/)),
      /keepwarm.yaml is fine: [\s\S]*api {2}→[\s\S]*eth {2}→/,
    );
    const places = await freePlaces('127.0.0.1:4300', '127.0.0.1:4301');
    await reader.start(page.next(/gateway --config/), SERVING, ...flagsOf(places));
    const probed = await reader.type(page.next(/probe/));
    for (const word of ['cold', 'warm', 'lookup', 'tcp', 'tls', 'first byte', 'total']) {
      assert(probed.toLowerCase().includes(word), `${word}: ${probed}`);
    }
  });

  it('docs/reference/admin.md, beside the demo', async () => {
    const page = lines('docs/reference/admin.md');
    assert.match(await reader.type(page.next(/^curl/)), /"flaky"/);
    await reader.type(page.next(/^token=/));
    assert.match(await reader.type(page.next(/cordon/)), /"endpoint":"flaky"/);
  });

  it('docs/guide/gateway.md', async () => {
    const page = lines('docs/guide/gateway.md');
    const { own, at } = await readerOf(page.page, /jsonrpc: evm/);
    await own.start(page.next(/--upstream/), SERVING, ...flagsOf(at));
    assert.match(await own.type(page.next(/api\/info/)), /"path":"\/info"/, 'https://api.example.com/info');
    await own.stop();
    await own.start({ where: page.page, text: 'keepwarm gateway' }, SERVING, ...flagsOf(at));
    assert.match(await own.type(page.next(/eth_blockNumber/)), /"result":"0x/);
    await own.close();
  });

  it('docs/guide/monitors.md, with the official client', async () => {
    const page = lines('docs/guide/monitors.md');
    const { own, at } = await readerOf(page.page, /grpc: geyser/);
    await own.start(page.next(/gateway/), SERVING, ...flagsOf(at));
    const [client] = marked('gateway');
    assert(client !== undefined);
    assert.equal(await runBlock(client, { ...world, places: { ...world.places, ...at } }, join(folder, 'client')), '');
    await own.close();
  });

  it('docs/guide/proxies.md', async () => {
    const { files } = world;
    const cert = files['cert.pem'] ?? '';
    reader.file('cert.pem', cert);
    const key = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
    const line = lines('docs/guide/proxies.md').next(/^openssl/);
    if (!installed('openssl')) return;
    const pin = await reader.type(line);
    assert.equal(pin.trim(), createHash('sha256').update(key).digest('base64'));
  });
});

describe('command lines', () => {
  it('are all run, here or where the list says', () => {
    const here = pages().filter((page) => FOLLOWED[page] === undefined);
    const left = here.flatMap((page) => (typed.get(page) ?? new Lines(page)).left);
    assert.deepEqual(left, []);
  });

  it('of pages that another test follows are taken from the page there, and none is left', () => {
    for (const [page, where] of Object.entries(FOLLOWED)) {
      const source = readFileSync(join(root, where), 'utf8');
      assert(source.includes(page) && /new Lines\(/.test(source) && source.includes('.left, []'), where);
    }
  });

  it('of the list are on the pages', () => {
    const known = pages().flatMap((page) => new Lines(page, []).left);
    for (const { page, command, where, why } of ELSEWHERE) {
      const found = known.some((line) => line.where.startsWith(`${page}:`) && line.text === command);
      assert(found, `${page} has no ${command}`);
      assert(where !== '' && why.length > 20);
    }
  });

  it('in sentences name scripts, commands and flags that exist', () => {
    const faults = pages().flatMap((page) =>
      inlineCommands(page, readFileSync(join(root, page), 'utf8')).flatMap(faultOf),
    );
    assert.deepEqual(faults, []);
  });
});

describe('configurations', () => {
  for (const block of blocks().filter(({ language }) => /^(?:ya?ml|json|toml|ini)$/.test(language))) {
    it(`are accepted: ${block.where}`, async () => assert.equal(await configurationFault(block, folder), ''));
  }

  it('are refused when they are wrong', async () => {
    const wrong = { where: 'page.md:1', language: 'yaml', marks: [], text: 'upstreams: { a: { orign: "https://a" } }' };
    assert.match(await configurationFault(wrong, folder), /orign/);
    assert.match(settled({ ...wrong, text: 'workers: 2' }), /upstreams/);
  });
});

describe('blocks', () => {
  it('are of a kind that somebody proves', () => {
    const strange = blocks().filter(({ language }) => !/^(?:ts|js|sh|ya?ml|json|text)$/.test(language));
    assert.deepEqual(strange, []);
  });
});
