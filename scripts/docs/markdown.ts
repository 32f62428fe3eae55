/** What the checks read out of a page: its code blocks, and the names its tables list. */

export interface Block {
  /** Page and line of the block's first line, as `README.md:42`. */
  readonly where: string;
  readonly language: string;
  /** Words after the language, such as `run`. */
  readonly marks: readonly string[];
  readonly text: string;
}

/** Every fenced code block of a page, those without a language too. */
export function blocksOf(page: string, markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\S*)([^\n]*)\n([\s\S]*?)^```$/gm)].map((match) => {
    const [, language = '', marks = '', text = ''] = match;
    const line = markdown.slice(0, match.index).split('\n').length + 1;
    return { where: `${page}:${line}`, language, marks: marks.trim().split(/\s+/).filter(Boolean), text };
  });
}

/** The part of a page below a heading, up to the next heading of the same or a higher level; '' without it. */
export function section(markdown: string, heading: string): string {
  const lines = markdown.split('\n');
  const start = lines.indexOf(heading);
  if (start === -1) return '';
  const level = (line: string) => /^#+(?= )/.exec(line)?.[0].length ?? Number.POSITIVE_INFINITY;
  const length = lines.slice(start + 1).findIndex((line) => level(line) <= level(heading));
  return lines.slice(start + 1, length === -1 ? undefined : start + 1 + length).join('\n');
}

/**
 * What the tables under a heading list: of each row the first cells, as many as asked for, joined by a space. Only rows
 * whose cells begin with something in backticks are entries.
 */
export function namesUnder(markdown: string, heading: string, columns = 1): string[] {
  const row = new RegExp(`^\\|${' *`([^`]+)`[^|]*\\|'.repeat(columns)}`, 'gm');
  return [...section(markdown, heading).matchAll(row)].map(([, ...cells]) => cells.join(' '));
}
