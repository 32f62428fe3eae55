/** Colours of a terminal, where there is one and nobody minds: NO_COLOR and FORCE_COLOR are respected. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'inverse';

export type Paint = (text: string, style: Style | undefined) => string;

const CODES: Readonly<Record<Style, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
  inverse: [7, 27],
};

const painted: Paint = (text, style) => {
  if (style === undefined || text === '') return text;
  const [on, off] = CODES[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
};

export const plain: Paint = (text) => text;

/** https://no-color.org: any value but none counts. A terminal that cannot is called dumb. */
export function paintFor(isTerminal: boolean, environment: NodeJS.ProcessEnv = process.env): Paint {
  const { NO_COLOR, FORCE_COLOR, TERM } = environment;
  if (NO_COLOR) return plain;
  if (FORCE_COLOR && FORCE_COLOR !== '0') return painted;
  return isTerminal && TERM !== 'dumb' ? painted : plain;
}

/** The sequences of colours left out, as wide as it looks. */
export const bare = (text: string): string => text.replaceAll(/\u001b\[[\d;]*m/g, '');
