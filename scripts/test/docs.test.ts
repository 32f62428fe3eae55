/** The documentation tells the truth: its examples compile and run, its tables list what the code has. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { root } from '../check.ts';
import { lostAnchors } from '../docs/anchors.ts';
import { blocksOf, namesUnder } from '../docs/markdown.ts';
import { differences, PAIRS } from '../docs/pairs.ts';
import { startWorld, type World } from '../docs/world/world.ts';
import {
  byPage,
  examples,
  MARKS,
  marked,
  pages,
  runBesideDemo,
  runBlock,
  runTogether,
  typeErrors,
} from '../docs-check.ts';

const fence = '```';
const block = (text: string, marks = '') =>
  blocksOf('page.md', `# Page\n\n${fence}ts${marks}\n${text}\n${fence}\n`)[0]!;

/** Folders of our own, so that nothing else that checks the docs at this moment is disturbed. */
const folder = (name: string) => join(root, '.tmp', 'docs', `test-${process.pid}-${name}`);

let world: World;
before(async () => {
  world = await startWorld(folder('world'));
});
after(() => world.close());

/** Two at a time: many of them wait for a clock, not for a processor. */
describe('examples', { concurrency: 2 }, () => {
  it('compile', () => assert.equal(typeErrors(examples(), folder('all')), ''));

  it('say how they are run, each in one way', () => {
    const ways = examples().map(({ where, marks }) => `${where} ${marks.filter((mark) => MARKS.includes(mark))}`);
    assert.deepEqual(
      ways.filter((way) => !/ \w+$/.test(way)),
      [],
    );
    const declared = marked('types').map(({ where }) => where);
    assert.equal(declared.length, 2, `what only declares is not run: ${declared.join(', ')}`);
  });

  it('parse, where they need a package that is not among ours', () => {
    const parsed = marked('parsed');
    assert.deepEqual(
      parsed.map(({ where }) => where.split(':')[0]),
      ['docs/guide/opentelemetry.md'],
      "its SDK is the application's to choose",
    );
    for (const { text } of parsed) {
      const options = { input: text, encoding: 'utf8' } as const;
      const { stderr } = spawnSync(process.execPath, ['--check', '--input-type=module', '-'], options);
      assert.equal(stderr, '');
    }
  });

  for (const [i, blocks] of byPage(marked('run')).entries()) {
    const lines = blocks.map(({ where }) => where.split(':')[1]).join(', ');
    it(`run: ${blocks[0]?.where.split(':')[0]}, lines ${lines}`, async () => {
      assert.equal(await runTogether(blocks, world, folder(`page-${i}`)), '');
    });
  }

  for (const [i, example] of ['serve', 'throws'].flatMap((mark) => marked(mark)).entries()) {
    it(`run: ${example.where}`, async () => assert.equal(await runBlock(example, world, folder(`run-${i}`)), ''));
  }

  it('run beside the demo, where they are written for it', async () => {
    const beside = marked('demo');
    assert(beside.length > 0);
    assert.equal(await runBesideDemo(beside, world, folder('demo')), '');
  });
});

describe('links', () => {
  for (const page of pages()) {
    it(`lead to headings that exist: ${page}`, () => {
      assert.deepEqual(lostAnchors(page, readFileSync(join(root, page), 'utf8')), []);
    });
  }
});

describe('code and page list the same', () => {
  for (const pair of PAIRS) {
    it(pair.what, () => assert.deepEqual(differences(pair), []));
  }
});

describe('the documentation checks', () => {
  it('find a type error and name its page and line', () => {
    const errors = typeErrors([block('const a = 1;\nconst b: string = a;')], folder('types'));
    assert.match(errors, /^page\.md:5: error TS2322/m);
  });

  it('find an example that fails when it runs', async () => {
    assert.match(
      await runBlock(block("throw new Error('broken');", ' run'), world, folder('fails')),
      /page\.md:4 ended with code 1[\s\S]*broken/,
    );
  });

  it('run those of a page together, and by itself each of those where one fails, to know which', async () => {
    const [first, second] = [block("import 'keepwarm';", ' run'), { ...block('', ' run'), where: 'page.md:9' }];
    assert.equal(await runTogether([first, second], world, folder('together')), '');
    for (const text of ["throw new Error('broken');", 'process.exitCode = 3;', 'await new Promise(() => {});']) {
      const failure = await runTogether([{ ...first, text }, second], world, folder('one-of-them'));
      assert.match(failure, /^page\.md:4 ended with code [1-9]/);
      assert.doesNotMatch(failure, /page\.md:9/);
    }
    // One that ends the process ends well by itself, and must not hide what comes after it.
    const broken = { ...second, text: "throw new Error('broken');" };
    const hidden = await runTogether([{ ...first, text: 'process.exit(0);' }, broken], world, folder('hidden'));
    assert.match(hidden, /^page\.md:9 ended with code 1/);
  });

  it('find one that fails beside the demo, and leave no demo behind', async () => {
    const text =
      "const { status } = await fetch('http://127.0.0.1:4300/nobody/');\nprocess.exitCode = status === 404 ? 3 : 4;";
    assert.match(await runBesideDemo([block(text, ' demo')], world, folder('beside')), /page\.md:4 ended with code 3/);
  });

  it('lead examples to a server on loopback', async () => {
    const text = [
      "const reply = await fetch('https://api.example.com/x');",
      "if ((await reply.json()).path !== '/x') process.exitCode = 1;",
    ].join('\n');
    assert.equal(await runBlock(block(text, ' run'), world, folder('runs')), '');
  });

  it('find a link to a heading that is not there', () => {
    const links = '[a](#one) [b](#two) [c](#http11) [d](https://a.example#x)\n\n# One\n\n## `HTTP/1.1`\n';
    assert.deepEqual(lostAnchors('docs/page.md', links), ['docs/page.md:1: #two']);
  });

  it('read names from the tables of one section only', () => {
    const page = '## A\n\n| `a` | x |\n| no | `b` |\n### More\n| `c` |\n## B\n| `d` |\n';
    assert.deepEqual(namesUnder(page, '## A'), ['a', 'c']);
    assert.deepEqual(namesUnder('## A\n| `a` | `1` | x |\n| `b` | 2 |\n', '## A', 2), ['a 1']);
    assert.deepEqual(namesUnder(page, '## C'), []);
  });

  it('see what only one of the two sides has', () => {
    const [codes] = PAIRS;
    assert.ok(codes);
    const found = differences({ ...codes, code: () => [...codes.code(), 'NEWER'].filter((code) => code !== 'DNS') });
    assert.match(found.join('\n'), /^NEWER is missing from .*\nDNS of .* does not exist$/);
  });
});
