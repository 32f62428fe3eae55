/**
 * Links to a heading. That the files exist is a rule of the structure (`scripts/tidy/rules.ts`), and that the site has
 * the same anchors is a test of the site.
 */
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { root } from '../check.ts';
import { slugOf } from './slug.ts';

const withoutFences = (markdown: string): string =>
  markdown.replaceAll(/^```[\s\S]*?^```/gm, (fence) => fence.replaceAll(/[^\n]/g, ' '));

/** What a heading says, without the signs of code, emphasis and links. */
const saidBy = (heading: string): string => heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');

const anchorsOf = (markdown: string): Set<string> =>
  new Set([...withoutFences(markdown).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => slugOf(saidBy(heading))));

/** @returns each link of a page whose anchor is not there, with its line */
export function lostAnchors(page: string, markdown: string): string[] {
  const prose = withoutFences(markdown);
  return [...prose.matchAll(/\]\(([^)\s#]*)#([^)\s]+)\)/g)].flatMap(({ 1: target = '', 2: anchor = '', index }) => {
    if (/^[a-z]+:/.test(target)) return [];
    const file = target === '' ? page : posix.join(posix.dirname(page), target);
    if (!file.endsWith('.md')) return [];
    const anchors = anchorsOf(file === page ? markdown : readFileSync(join(root, file), 'utf8'));
    return anchors.has(anchor) ? [] : [`${page}:${prose.slice(0, index).split('\n').length}: ${target}#${anchor}`];
  });
}
