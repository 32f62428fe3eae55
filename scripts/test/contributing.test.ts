/**
 * The commands of CONTRIBUTING.md's table, typed with the flags that stand beside them: those that end within seconds,
 * and whose outcome a busy machine does not change.
 * What the others do is done by tests in smaller measure, by the same modules; here it is seen that some test does.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { after, it } from 'node:test';
import { root } from '../check.ts';
import { section } from '../docs/markdown.ts';
import { Reader } from '../docs/reader.ts';

const PAGE = 'CONTRIBUTING.md';
const TABLE = section(readFileSync(join(root, PAGE), 'utf8'), '## Commands');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const reader = new Reader({});
after(() => reader.close());

/** A command and what its row says of it. */
const rows = [...TABLE.matchAll(/^\| `npm (?:run )?(?:-s )?([\w:-]+)` \|(.*)\|$/gm)].map(
  ([, name = '', text = '']) => ({
    name,
    flags: [...text.matchAll(/`(-- --[^`]+)`/g)].map(([, flags = '']) => flags),
  }),
);

/** Which of a row's flags make it short, and what it then says. */
const SHORT: readonly { readonly name: string; readonly flags: RegExp; readonly says: RegExp }[] = [
  { name: 'fuzz:hpack', flags: /^-- --count 5000 --seed 1$/, says: /5,?000/ },
  { name: 'conformance', flags: /^-- --only nginx$/, says: /nginx/ },
  { name: 'sim', flags: /^-- --only slow$/, says: /^## slow, [\s\S]*p2c \(the default\) +\| +\d/m },
];

for (const { name, flags, says } of SHORT) {
  it(`${PAGE}: npm run ${name}`, async () => {
    const row = rows.find((each) => each.name === name);
    const chosen = row?.flags.find((each) => flags.test(each));
    assert(row !== undefined && chosen !== undefined, `the table has ${name} with such flags`);
    const text = `npm run ${name} ${chosen}`.trim();
    assert.match(await reader.type({ where: PAGE, text }, { commandMs: 280_000 }), says);
  });
}

it(`${PAGE}: what each script of package.json runs is known to a test`, () => {
  const tests = globSync(['scripts/test/*.test.ts', 'packages/*/test/**/*.ts'], { cwd: root })
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  const unknown = Object.entries(scripts).flatMap(([name, script]) => {
    const main = script.split(' ').findLast((word) => /\.(?:ts|mjs)$/.test(word));
    if (main === undefined) return []; // a tool of others, which structure checks run
    const near = [basename(main), `${basename(dirname(main))}/`, `${basename(main, '.ts')}/`];
    return near.some((each) => tests.includes(each)) ? [] : [`${name}: ${main}`];
  });
  assert.deepEqual(unknown, []);
});
