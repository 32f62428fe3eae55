/**
 * The files of the status page, read once. What may be asked for is what is in the folder when the gateway starts: a
 * request's path is looked up among them and never becomes the name of a file.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** By the path they are asked for with; `/` is the page itself. */
export function pageFiles(folder: URL = new URL('../page/', import.meta.url)): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const name of readdirSync(folder)) {
    const type = TYPES[name.slice(name.lastIndexOf('.'))];
    if (type === undefined) continue;
    const file = { type, content: readFileSync(new URL(name, folder)) };
    files.set(name === 'index.html' ? '/' : `/${name}`, file);
  }
  return files;
}
