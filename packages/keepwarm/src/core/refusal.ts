/**
 * How bad input is refused, everywhere alike: `option NAME is VALUE; allowed: RANGE`. Who reads it need not look
 * anything up.
 *
 * A value is shown by what it is, never by what it holds: an object that stands where a number belongs may hold a
 * secret, and one without a prototype cannot be made text at all.
 */
import { NetError } from './error.ts';

export function invalid(message: string, cause?: unknown): NetError {
  return new NetError('INVALID', message, { reach: 'unsent', cause });
}

/** @param allowed as a reader would say it: `a function`, `0 to 1`, `"lifo", "fifo"` */
export const refused = (name: string, value: unknown, allowed: string): NetError =>
  invalid(`option ${name} is ${show(value)}; allowed: ${allowed}`);

/** Longer text is no typing mistake, but a key or a file that landed in the wrong place. */
const SHOWN_CHARS_MAX = 60;

export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length <= SHOWN_CHARS_MAX ? JSON.stringify(value) : `text of ${value.length} characters`;
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? shownList(value) : 'an object';
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
    default:
      return String(value);
  }
}

/** A few statuses or names are what somebody typed; anything else is only said to be there. */
function shownList(list: readonly unknown[]): string {
  const plain = list.length <= 5 && list.every((each) => typeof each === 'number' || typeof each === 'string');
  return plain ? `[${list.map(show).join(', ')}]` : 'a list';
}

/** The same of what may be a secret, were it where it belongs: only what kind of value it is. */
export const kindOf = (value: unknown): string =>
  typeof value === 'string'
    ? 'text'
    : typeof value === 'number'
      ? 'a number'
      : Array.isArray(value)
        ? 'a list'
        : show(value);

/** What has options by name. */
export const isOptions = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is given: an option that is `undefined` is left out, and leaves its default alone. */
export const definedOf = <T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;

/** Defaults under what is given. What has no options by name goes on as it is, to be refused where it is read. */
export const withDefaults = <T>(defaults: NonNullable<T>, given: T): NonNullable<T> => {
  if (given === undefined) return defaults;
  return isOptions(given) ? { ...defaults, ...definedOf(given) } : (given as NonNullable<T>);
};

/** @param what as in `option dns`, or `createRpc` @throws NetError `INVALID` for what is no object */
export function checkOptions(what: string, value: unknown): void {
  if (!isOptions(value)) throw invalid(`${what} is ${show(value)}; allowed: an object of options`);
}

/**
 * That there is nothing but these names: what is given and not known would be ignored, and nobody would notice.
 *
 * @param before what the error says before the name, its dot included: `rateLimit.`
 * @param after  what it says after it: ` of an endpoint`
 */
export function checkKnown(given: object, known: readonly string[], before = '', after = ''): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name) || Reflect.get(given, name) === undefined) continue;
    throw unknownOption(before + name + after, name, known);
  }
}

export function unknownOption(path: string, name: string, known: readonly string[]): NetError {
  const farness = (candidate: string): number => distance(candidate.toLowerCase(), name.toLowerCase());
  const [near] = known
    .filter((candidate) => farness(candidate) <= Math.min(3, name.length / 2))
    .sort((a, b) => farness(a) - farness(b));
  const hint = near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near}?`;
  return invalid(`there is no option ${path}; ${hint}`);
}

/** Edits between two short words (Levenshtein, 1966). */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** @throws NetError `INVALID` for what is given and no function */
export function checkFunction(name: string, value: unknown, allowed = 'a function'): void {
  if (value !== undefined && typeof value !== 'function') throw refused(name, value, allowed);
}

/** @throws NetError `INVALID` for what is given and no text; the value is not shown */
export function checkText(name: string, value: unknown, allowed = 'text'): void {
  if (value === undefined || typeof value === 'string') return;
  throw refused(name, value, allowed);
}

/** @throws NetError `INVALID` for what is given and neither true nor false */
export function checkFlag(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') throw refused(name, value, 'true, false');
}

/** What parts are asked of a clock; one that lacks some would fail in the middle of a call. */
const CLOCK = ['now', 'wall', 'after', 'nextTurn', 'hold', 'release'] as const;

/** Time and chance, as they are handed in. @throws NetError `INVALID` */
export function checkParts({ clock, random }: { readonly clock?: unknown; readonly random?: unknown }): void {
  if (clock !== undefined) {
    const complete = isOptions(clock) && CLOCK.every((name) => typeof Reflect.get(clock, name) === 'function');
    if (!complete) throw refused('clock', clock, `an object with ${CLOCK.map((name) => `${name}()`).join(', ')}`);
  }
  checkFunction('random', random, 'a function that gives numbers in [0, 1)');
}
