/**
 * The files of the page. What may be asked for is what there is when they are read, once: a request's path is looked up
 * among them and never becomes the name of a file.
 *
 * In the published package the page lies beside this file, ready. From the sources it is made when it is first asked
 * for, in memory: nothing on disk can be older than what it was made of.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

export interface PageFile {
  readonly type: string;
  readonly content: Uint8Array;
}

/** By the path they are asked for with; `/` is the page itself. */
export type PageFiles = ReadonlyMap<string, PageFile>;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Known before the files are. */
export const PAGE_PATHS: ReadonlySet<string> = new Set(['/', '/main.js', '/main.css', '/icon.svg']);

let files: Promise<PageFiles> | undefined;

/** @throws when it cannot be made from its sources; the next who asks tries again */
export function pageFiles(): Promise<PageFiles> {
  files ??= readPage(new URL('../page/', import.meta.url)).catch((error: unknown) => {
    files = undefined;
    throw error;
  });
  return files;
}

/** @param folder where the page lies, ready or as its sources */
export async function readPage(folder: URL): Promise<PageFiles> {
  const built = existsSync(new URL('main.js', folder));
  const named = built ? await filesIn(folder) : await (await import('./page-bundle.ts')).bundlePage(folder);
  return new Map(
    [...named].flatMap(([name, content]) => {
      const type = TYPES[name.slice(name.lastIndexOf('.'))];
      return type === undefined ? [] : [[name === 'index.html' ? '/' : `/${name}`, { type, content }]];
    }),
  );
}

const filesIn = async (folder: URL): Promise<Map<string, Uint8Array>> =>
  new Map(readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder))]));
