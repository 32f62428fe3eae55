/** The pages about moving a JSON-RPC client over to ours: every example runs, against a real node of its chain. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SolanaChain } from '../../packages/keepwarm/test/partners/a-solana-node.ts';
import { Anvil } from '../../packages/keepwarm/test/partners/an-anvil.ts';
import { root } from '../check.ts';
import { blocksOf } from '../docs/markdown.ts';

/** What the pages call the node; reserved by RFC 2606 § 3. */
const NODE = 'https://rpc.example.com';
const RUN_MS = 120_000;
const FOLDER = join(root, '.tmp', 'migrations');

/** Executes an example against the node. Resolves with what it printed. */
async function run(name: string, text: string, url: string): Promise<string> {
  const file = join(FOLDER, `${name}.ts`);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, `${text.replaceAll(NODE, url)}\nexport {};\n`);
  const child = spawn(process.execPath, ['--conditions=keepwarm-source', file], { timeout: RUN_MS, cwd: root });
  let printed = '';
  child.stdout.on('data', (chunk) => (printed += chunk));
  child.stderr.on('data', (chunk) => (printed += chunk));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, printed);
  return printed;
}

function runsAll(page: string, urlOf: () => string): void {
  const path = `docs/guide/${page}.md`;
  const blocks = blocksOf(path, readFileSync(join(root, path), 'utf8')).filter(({ language }) => language === 'ts');
  assert(blocks.length >= 2, `${path} shows before and after`);
  for (const [i, { where, text }] of blocks.entries()) {
    it(`${where} runs`, async () => {
      assert.match(await run(`${page}-${i}`, text, urlOf()), /\d/, 'it prints what the node said');
    });
  }
}

after(() => rmSync(FOLDER, { recursive: true, force: true }));

describe('on an EVM chain', () => {
  let anvil: Anvil;
  before(async () => {
    anvil = await Anvil.start();
  });
  after(() => anvil.stop());
  for (const page of ['migrate-viem', 'migrate-ethers']) runsAll(page, () => anvil.url);
});

describe('on a Solana chain', () => {
  let chain: SolanaChain;
  before(async () => {
    chain = await SolanaChain.start('a');
    await chain.tick(3);
  });
  after(() => chain.stop());
  for (const page of ['migrate-web3js', 'migrate-kit']) runsAll(page, () => chain.nodes[0]!.url);
});
