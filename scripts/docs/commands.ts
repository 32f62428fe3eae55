/** The command lines of a page: those of its blocks, and those that stand in a sentence. */
import { blocksOf } from './markdown.ts';

export interface Command {
  /** Page and line. */
  readonly where: string;
  readonly text: string;
}

/** The lines of all `sh` blocks of a page, in their order, without what is said about them. */
export function commandsOf(page: string, markdown: string): Command[] {
  return blocksOf(page, markdown)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ where, text }) => {
      const first = Number(where.split(':')[1]);
      const lines = text.trimEnd().split('\n');
      return lines.flatMap((_, i) => {
        if (lines[i - 1]?.endsWith('\\')) return []; // it belongs to the line before
        const length = lines.slice(i).findIndex((each) => !each.endsWith('\\'));
        const whole = lines.slice(i, i + length + 1).map((each) => each.replace(/\\$/, '').replace(/\s+#\s.*$/, ''));
        return [{ where: `${page}:${first + i}`, text: whole.join(' ').replaceAll(/\s+/g, ' ').trim() }];
      });
    });
}

/** What stands in backticks within a line and begins with the name of a program of ours, or of npm. */
export function inlineCommands(page: string, markdown: string): Command[] {
  const prose = markdown.replaceAll(/^```[\s\S]*?^```/gm, (fence) => fence.replaceAll(/[^\n]/g, ' '));
  return prose.split('\n').flatMap((line, i) =>
    [...line.matchAll(/`((?:npm|npx|keepwarm) [^`]+)`/g)].map(([, text = '']) => ({
      where: `${page}:${i + 1}`,
      text,
    })),
  );
}
