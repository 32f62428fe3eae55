/**
 * The quick start from its first line to its last, as somebody does who has a clone and nothing else: in an empty
 * folder, with the packages as they would be published, without this repository's own settings. npm is kept from its
 * registry: what the page installs from there is taken from this repository.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../check.ts';
import { lend } from '../release/stage.ts';
import { blocksOf } from './markdown.ts';
import { freePlaces, Lines, Reader } from './reader.ts';
import type { World } from './world/world.ts';

const PAGE = 'docs/guide/quick-start.md';
const FOLDER = 'try-keepwarm';

interface File {
  readonly text: string;
  /** What it prints, where the page says so. */
  readonly prints: string | undefined;
}

/** What of a text is the same each time. */
const shapeOf = (text: string): string => text.trim().replaceAll(/\d+(?:\.\d+)?/g, '0');

/** The programs of the page, by the names it gives them, and its configuration. */
function filesOf(markdown: string): Map<string, File> {
  const blocks = blocksOf(PAGE, markdown);
  const lines = markdown.split('\n');
  return new Map(
    blocks.flatMap(({ where, text }, i) => {
      // The name stands in the paragraph before the block.
      const before = lines.slice(0, Number(where.split(':')[1]) - 2).join('\n');
      const [, name] = /`([\w.-]+\.(?:js|yaml))`[^`]*(?:`node[^`]*`:)?\s*$/.exec(before.slice(-200)) ?? [];
      const after = blocks[i + 1];
      const prints = after?.language === 'text' ? after.text : undefined;
      return name === undefined ? [] : [[name, { text, prints }] as const];
    }),
  );
}

/**
 * @param staged a built copy of the packages
 * @param packed the library as npm would upload it
 * @returns what the programs printed, by their names
 */
export async function followQuickStart(staged: string, packed: string, world: World): Promise<Map<string, string>> {
  const at = await freePlaces('127.0.0.1:4300', '127.0.0.1:4301', '127.0.0.1:4400', '127.0.0.1:4401');
  const reader = new Reader({ ...world.places, ...at, '/path/to/clone': staged });
  const lines = new Lines(PAGE, []);
  const printed = new Map<string, string>();
  const type = async (name: string, text: string) => {
    printed.set(name, await reader.type({ where: `${PAGE}, ${name}`, text }));
  };
  try {
    const demo = await reader.start(
      { where: PAGE, text: 'npm start' },
      /Ctrl-C/,
      ...['--listen', at['127.0.0.1:4300'] ?? '', '--admin', at['127.0.0.1:4301'] ?? ''],
    );
    reader.place('127.0.0.1:4310', /Geyser: +http:\/\/(\S+)/.exec(demo)?.[1] ?? '');
    const first = lines.next(/^mkdir/);
    await reader.type({ ...first, text: `cd "${reader.home}" && ${first.text}` });
    await reader.type(lines.next(/^npm init/));
    await reader.type({ ...lines.next(/^npm install keepwarm$/), text: `npm install --offline ${packed}` });
    lines.next(/^npm run setup/); // which is how `staged` came to be
    await reader.type(lines.next(/^npm install \/path\/to\/clone/)); // instead of what came from npm
    lines.next(/^npm start$/);

    const home = join(reader.home, FOLDER);
    for (const name of ['@bufbuild/protobuf', 'ioredis']) lend(name, home); // as `npm install` would
    const files = filesOf(readFileSync(join(root, PAGE), 'utf8'));
    for (const [name, { text }] of files) reader.file(join('..', FOLDER, name), text);
    for (const [name, { prints }] of files) {
      if (!name.endsWith('.js')) continue;
      await type(name, name.endsWith('.test.js') ? `node --test ${name}` : `node ${name}`);
      if (prints !== undefined) assert.equal(shapeOf(printed.get(name) ?? ''), shapeOf(prints), `${name} prints that`);
    }

    await reader.type(lines.next(/--global/));
    await reader.start({ ...lines.next(/^keepwarm gateway/) }, /status page:/);
    const curl = lines.next(/^curl/);
    await type('curl', curl.text);
    assert.deepEqual(lines.left, []);
    return printed;
  } finally {
    await reader.close();
  }
}
