/**
 * The floors of the library. This table is the only place that says what may import what; ARCHITECTURE.md explains it,
 * and a check keeps the two equal.
 */
import { posix } from 'node:path';
import type { Rule } from './rule.ts';
import { importsOf, type Tree, type TreeFile } from './tree.ts';

/** Folders of `packages/keepwarm/src` by floor. A folder imports from lower floors and from itself, nothing else. */
export const FLOORS: readonly (readonly string[])[] = [
  ['core'],
  ['algo', 'wire'],
  ['pool', 'policies', 'balance', 'net'],
  ['engines'],
  ['clients'],
  ['adapters', 'interop', 'telemetry', 'testing'],
];

/** Folders that may open connections. */
const NETWORK_FOLDERS: readonly string[] = ['net', 'engines', 'interop', 'testing'];

const SRC = 'packages/keepwarm/src/';

/** Everything that can reach a network; `node:url` and `node:stream` cannot. */
const NETWORK_MODULE = /^node:(?:net|tls|dns|dgram|http|https|http2|quic|_\w+)(?:\/|$)/;

const floorOf = (folder: string): number => FLOORS.findIndex((folders) => folders.includes(folder));

/** The folder of a library source, '' for the entry points that stand above all floors. */
const folderOf = (path: string): string => (/^([^/]+)\//.exec(path.slice(SRC.length)) ?? ['', ''])[1] ?? '';

const isLibrary = ({ path }: TreeFile) => path.startsWith(SRC);

export const downwards: Rule = {
  name: 'the library imports downwards only',
  reason: 'a floor that knows what stands above or beside it cannot be read, tested or replaced by itself',
  *check(tree) {
    for (const file of tree.filter(isLibrary)) {
      const folder = folderOf(file.path);
      if (folder === '') continue;
      const floor = floorOf(folder);
      if (floor === -1) yield `${file.path}: ${folder}/ is on no floor; scripts/tidy/floors.ts has the table`;
      for (const { specifier, line } of importsOf(file)) {
        if (!specifier.startsWith('.')) continue;
        const target = posix.join(posix.dirname(file.path), specifier);
        if (!target.startsWith(SRC)) continue; // leaving the package is another rule's concern
        const other = folderOf(target);
        if (other !== folder && (other === '' || floorOf(other) >= floor)) {
          yield `${file.path}:${line}: ${folder}/ (floor ${floor}) must not import ${target.slice(SRC.length)}`;
        }
      }
    }
  },
};

export const networkOnlyBelow: Rule = {
  name: 'network modules only in net/ and engines/',
  reason: 'who owns sockets must be countable; interop/ and testing/ stand for foreign sockets',
  *check(tree) {
    for (const file of tree.filter(isLibrary)) {
      if (NETWORK_FOLDERS.includes(folderOf(file.path))) continue;
      for (const { specifier, line } of importsOf(file)) {
        if (NETWORK_MODULE.test(specifier)) yield `${file.path}:${line}: imports ${specifier}`;
      }
    }
  },
};

export const insidePackage: Rule = {
  name: 'packages meet by name',
  reason: 'a relative path into another package goes around its exports, and breaks once it is published',
  *check(tree) {
    for (const file of tree) {
      const [home] = /^packages\/[^/]+\/(?:src|test)\//.exec(file.path) ?? [];
      if (home === undefined || !/\.[cm]?[jt]s$/.test(file.path)) continue;
      const base = home.replace(/(?:src|test)\/$/, '');
      for (const { specifier, line } of importsOf(file)) {
        const target = posix.join(posix.dirname(file.path), specifier);
        if (specifier.startsWith('.') && !target.startsWith(base)) {
          yield `${file.path}:${line}: imports ${specifier}, which is outside ${base}`;
        }
        if (home.endsWith('src/') && specifier.startsWith('.') && target.startsWith(`${base}test/`)) {
          yield `${file.path}:${line}: a source imports the test ${specifier}`;
        }
      }
    }
  },
};

/** For the rules that hold in the library only. */
export const librarySources = (tree: Tree): Tree => tree.filter(isLibrary);
