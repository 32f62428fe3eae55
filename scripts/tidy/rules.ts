/**
 * The structure of the repository as rules that fail. Start strict: a rule is cheap before the first file breaks it.
 * What the formatter, the linter and the compiler can see themselves (`any`, default exports, enums, focused tests,
 * long functions) is set in biome.json and tsconfig.json, and `scripts/test/lint.test.ts` proves that they see it.
 */
import { posix } from 'node:path';
import { namesUnder } from '../docs/markdown.ts';
import { downwards, insidePackage, librarySources, networkOnlyBelow } from './floors.ts';
import { isCode, matches, type Rule } from './rule.ts';
import { lineAt, type Tree } from './tree.ts';

const LINES_MAX = 300;
const COLUMNS_MAX = 120;
/** A test file is a list of promises about one thing; splitting it does not make it easier to read. */
const TEST_LINES_MAX = 450;
/** State machines that read better in one piece than in two: they may shrink from here, not grow. */
const LONGER: Readonly<Record<string, number>> = {
  'packages/keepwarm/src/engines/http1/exchange.ts': 360,
  'packages/keepwarm/src/policies/coalesce.ts': 320,
};

const timeAndChance: Rule = {
  name: 'time and chance are passed in',
  reason: 'tests own the clock: only core/clock.ts may ask the system for the time, a timer or a random number',
  *check(tree) {
    const files = librarySources(tree).filter(({ path }) => !path.endsWith('/core/clock.ts'));
    // `socket.setTimeout` is a field of the system's own on a foreign socket: there is nothing to pass in.
    const timers = '(?<!\\bsocket\\.)\\b(?:setTimeout|setInterval|setImmediate)\\b';
    const pattern = new RegExp(
      `${timers}|\\b(?:Date\\.now|Math\\.random|performance\\.now|hrtime)\\b|\\bnew Date\\(\\)`,
      'g',
    );
    yield* matches(files, 'code', pattern, (found) => `${found}; take a Clock or a Random instead`);
    yield* matches(files, 'bare', /'(?:node:)?timers(?:\/promises)?'/g, (found) => `imports ${found}`);
  },
};

const silentCatch: Rule = {
  name: 'no failure is swallowed in silence',
  reason: 'an empty catch hides a bug for years; say in a comment why nothing needs to be done',
  *check(tree) {
    const pattern = /\bcatch\s*(?:\([^)]*\)\s*)?\{\s*\}|\.catch\(\s*\(?[^)]*\)?\s*=>\s*\{\s*\}\s*,?\s*\)/g;
    for (const { path, text, code } of tree.filter(isCode)) {
      for (const match of text.matchAll(pattern)) {
        const at = match.index + match[0].indexOf('catch');
        if (code.startsWith('catch', at)) yield `${path}:${lineAt(text, at)}: an empty catch without a reason`;
      }
    }
  },
};

const finished: Rule = {
  name: 'nothing is left to do',
  reason: 'a marker is a promise nobody keeps; do it, or leave it out and say so where it is planned',
  *check(tree) {
    // The brackets keep these patterns from finding themselves.
    const marker = /\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b|not impl[e]mented/g;
    yield* matches(tree.filter(isCode), 'text', marker, (found) => found);
  },
};

const tests: Rule = {
  name: 'every test runs, every time',
  reason: 'a skipped test is a promise withdrawn in silence; what a test needs is installed by setup',
  *check(tree) {
    const files = tree.filter(({ path }) => path.endsWith('.test.ts'));
    // What a kind of machine cannot give, found out as the test runs, is counted as skipped instead of as passed.
    const call = /\b(?:it|test|describe|suite|t)\.(?:only|skip|todo)\s*\((?!whyNot\))/g;
    const option = /\b(?:it|test|describe|suite)\(\s*(['"`])[^'"`]*\1,\s*\{[^}]*\b(?:only|skip|todo)\s*[:,}]/g;
    yield* matches(files, 'code', call, (found) => found);
    yield* matches(files, 'code', option, () => 'a test that is skipped or focused by an option');
  },
};

const sizes: Rule = {
  name: `files stay under ${LINES_MAX} lines and ${COLUMNS_MAX} columns`,
  reason: 'a file is one idea; a line is read without scrolling',
  *check(tree) {
    for (const { path, text } of tree.filter(isCode)) {
      const lines = text.trimEnd().split('\n');
      const linesMax = LONGER[path] ?? (path.endsWith('.test.ts') ? TEST_LINES_MAX : LINES_MAX);
      if (lines.length > linesMax) yield `${path}: ${lines.length} lines`;
      for (const [index, line] of lines.entries()) {
        const columns = [...line].length;
        if (columns > COLUMNS_MAX) yield `${path}:${index + 1}: ${columns} columns`;
      }
    }
  },
};

const folders: Rule = {
  name: 'folders are named after what they hold',
  reason: 'utils, common, helpers and the like are where ideas go to lose their names',
  *check(tree) {
    const vague = /^(?:utils?|common|helpers?|misc|shared|lib|types)(?:\.[cm]?ts)?$/;
    for (const { path } of tree) {
      const name = path.split('/').find((part) => vague.test(part));
      if (name !== undefined) yield `${path}: ${name}`;
    }
  },
};

const machines: Rule = {
  name: 'no machine is named',
  reason: 'a path or a registry of the machine someone worked on means nothing, or something else, anywhere else',
  *check(tree) {
    const files = tree.filter(({ path }) => path !== 'package-lock.json');
    const place = /(?<![\w.~-])\/(?:work|farm|root|home|tmp|Users)\/[A-Za-z]/g;
    yield* matches(files, 'text', place, (found) => `the path ${found}…`);
    const registry =
      /\bregistry\s*=\s*['\x22]?http|\bhttps?:\/\/[^\s/'")]*(?:registry|artifact|nexus|verdaccio)[^\s/'")]*/gm;
    yield* matches(files, 'text', registry, (found) => `the registry ${found}`);
  },
};

const lock: Rule = {
  name: 'the lock file holds no addresses',
  reason: 'packages come from the registry npm is set up for, here as anywhere; integrity says whether they are right',
  *check(tree) {
    const files = tree.filter(({ path }) => path === 'package-lock.json');
    if (files.length === 0) yield 'package-lock.json: missing';
    yield* matches(files, 'text', /"resolved": "(?:https?|git|file)[^"]*"/g, (found) => found);
  },
};

/** Names of every dependency that is not one of our own packages, each with the manifest that has it. */
function dependencies(tree: Tree): Map<string, string> {
  const manifests = tree.filter(({ path }) => /^(?:packages\/[^/]+\/)?package\.json$/.test(path));
  const parsed = manifests.map(({ path, text }) => ({ path, manifest: JSON.parse(text) }));
  const ours = new Set(parsed.map(({ manifest }) => manifest.name));
  const found = new Map<string, string>();
  for (const { path, manifest } of parsed) {
    for (const kind of ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies']) {
      for (const name of Object.keys(manifest[kind] ?? {})) if (!ours.has(name)) found.set(name, path);
    }
  }
  return found;
}

const reasonsForDependencies: Rule = {
  name: 'every dependency says what it saves us',
  reason: 'a dependency is code nobody here has read; it has a row in ARCHITECTURE.md, or it goes',
  *check(tree) {
    const page = tree.find(({ path }) => path === 'ARCHITECTURE.md')?.text ?? '';
    const rows = new Set(namesUnder(page, '## Dependencies'));
    const wanted = dependencies(tree);
    for (const [name, path] of wanted) if (!rows.has(name)) yield `${path}: ${name} has no row in ARCHITECTURE.md`;
    for (const name of rows) if (!wanted.has(name)) yield `ARCHITECTURE.md: ${name} is no dependency of any package`;
  },
};

const links: Rule = {
  name: 'links lead somewhere',
  reason: 'a reader who follows a link into nothing stops following links',
  *check(tree) {
    const places = new Set(
      tree.flatMap(({ path }) => path.split('/').map((_, i, all) => all.slice(0, i + 1).join('/'))),
    );
    for (const file of tree.filter(({ path }) => path.endsWith('.md'))) {
      const prose = file.text.replaceAll(/^```[\s\S]*?^```/gm, (fence) => fence.replaceAll(/[^\n]/g, ' '));
      for (const match of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
        const [target = ''] = (match[1] ?? '').split('#');
        if (target === '' || /^[a-z]+:/.test(target)) continue;
        const place = posix.join(posix.dirname(file.path), target).replace(/\/$/, '');
        if (!places.has(place)) yield `${file.path}:${prose.slice(0, match.index).split('\n').length}: ${match[1]}`;
      }
    }
  },
};

/** Words of other projects for what has a name here, from the table of names in ARCHITECTURE.md. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/circuit/gi, 'breaker'],
  [/check(?:ed)?[ -]?out\b/gi, 'lease'],
  [/\bspeculati(?:ve|on)/gi, 'hedge'],
  [/(?<!node:)\bclusters?\b/gi, 'target'], // Node has a module of that name
  [/(?<!Context)manager\b/gi, 'pool, registry, or what it really is'], // ContextManager is OpenTelemetry's
  [/\b(?:black|white)list/gi, 'deny, allow'],
  [/\bsanity\b/gi, 'check'],
];

const words: Rule = {
  name: 'one thing has one name',
  reason: 'two words for one thing make a reader look for the difference; ARCHITECTURE.md has the table of names',
  *check(tree) {
    const files = tree.filter(({ path }) => /^packages\/[^/]+\/(?:src|test)\//.test(path));
    for (const [pattern, instead] of WORDS) {
      yield* matches(files, 'text', pattern, (found) => `"${found}"; say ${instead}`);
    }
  },
};

export const RULES: readonly Rule[] = [
  downwards,
  networkOnlyBelow,
  insidePackage,
  timeAndChance,
  silentCatch,
  finished,
  tests,
  sizes,
  folders,
  machines,
  lock,
  reasonsForDependencies,
  links,
  words,
];
