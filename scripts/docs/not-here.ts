/** Command lines that scripts/test/docs-commands.test.ts does not run: who does, or why nobody can. */

/** Pages of which another test types every line, from the first to the last, as the page has them. */
export const FOLLOWED: Readonly<Record<string, string>> = {
  'docs/guide/deploy.md': 'scripts/test/service.test.ts',
  'docs/benchmarks.md': 'scripts/test/benchmarks-page.test.ts',
};

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../check.ts';
import { commandsOf } from './commands.ts';
import { WALKS } from './walks.ts';

export interface Elsewhere {
  readonly page: string;
  readonly command: string;
  /** The test that runs it, or what is checked in its place. */
  readonly where: string;
  readonly why: string;
}

const PACKAGES = 'scripts/test/packages.test.ts';
const EXAMPLES = 'scripts/test/examples.test.ts';

const example = (page: string, name: string): Elsewhere => ({
  ...{ page: `examples/${page}README.md`, where: EXAMPLES, why: 'is run there, from the line as the page has it' },
  command: `node_modules/.bin/node --conditions=keepwarm-source examples/${name}/main.ts`,
});
const quickStart = (command: string): Elsewhere => ({
  ...{ page: 'docs/guide/quick-start.md', command, where: PACKAGES },
  why: 'the whole page is followed there, with the packages as they would be published',
});
const walked = (page: string): Elsewhere[] =>
  commandsOf(page, readFileSync(join(root, page), 'utf8')).map(({ text }) => ({
    ...{ page, command: text, where: PACKAGES },
    why: 'the whole page is followed there, in an empty folder, with the packages as they would be published',
  }));

export const ELSEWHERE: readonly Elsewhere[] = [
  {
    ...{ page: 'CONTRIBUTING.md', command: 'npm test', where: 'npm test' },
    why: 'it is what runs this, on a fresh clone too (.ci/run)',
  },
  {
    ...{ page: 'CONTRIBUTING.md', command: 'npm start', where: 'scripts/test/docs-commands.test.ts' },
    why: 'the same line of README.md is run there',
  },
  example('', 'rpc-service'),
  ...['exchange-bot', 'monitors', 'operator', 'rpc-service', 'tool-server'].map((name) => example(`${name}/`, name)),
  ...[
    'mkdir try-keepwarm && cd try-keepwarm',
    'npm init --yes && npm pkg set type=module',
    'npm install keepwarm',
    'npm run setup && npm run build',
    'npm install /path/to/clone/packages/keepwarm',
    'npm start',
    'npm install --global /path/to/clone/packages/gateway',
    'keepwarm gateway --config keepwarm.yaml',
    'curl http://127.0.0.1:4400/api/quote',
  ].map(quickStart),
  ...WALKS.flatMap(walked),
];
