/** What was pressed, out of the bytes a terminal sends. */
export type Key = 'up' | 'down' | 'sort' | 'reverse' | 'pause' | 'quit' | 'suspend';

const KEYS: Readonly<Record<string, Key>> = {
  '\u001b[A': 'up',
  '\u001bOA': 'up',
  k: 'up',
  '\u001b[B': 'down',
  '\u001bOB': 'down',
  j: 'down',
  s: 'sort',
  r: 'reverse',
  ' ': 'pause',
  q: 'quit',
  '\u001b': 'quit',
  '\u0003': 'quit',
  '\u0004': 'quit',
  '\u001a': 'suspend',
};

/** Several may come at once; what is not known is passed over. */
export function keysOf(chunk: string): Key[] {
  const pressed = chunk.match(/\u001b[[O][\d;]*[A-Za-z~]|[\s\S]/g) ?? [];
  return pressed.flatMap((each) => KEYS[each] ?? []);
}
