/** Copies of results, as JSON has them: nested however deep, since that is for whoever answers to say. */

type Member = string | number;

/** What is a list or an object in it is another one; everything else is the same. */
export function copyOf(value: unknown): unknown {
  return copiedBy(value, same, same);
}

/**
 * A copy in which everything that is neither list nor object is what `leaf` makes of it, and members of objects are
 * called as `called` says.
 */
export function copiedBy(value: unknown, leaf: (value: unknown) => unknown, called: (name: string) => string): unknown {
  if (!isNested(value)) return leaf(value);
  const copy = emptyLike(value);
  const waiting = [{ from: value, to: copy }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { from, to } = next;
    const isList = Array.isArray(from);
    for (const [given, member] of isList ? from.entries() : Object.entries(from)) {
      const name = isList ? given : called(given as string);
      if (!isNested(member)) put(to, name, leaf(member));
      else {
        const own = emptyLike(member);
        put(to, name, own);
        waiting.push({ from: member, to: own });
      }
    }
  }
  return copy;
}

const same = <T>(value: T): T => value;

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null;

const emptyLike = (value: object): object => (Array.isArray(value) ? [] : {});

/** A member called `__proto__` is one like any other. */
function put(to: object, name: Member, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(to, name, { value, enumerable: true, configurable: true, writable: true });
  } else Reflect.set(to, name, value);
}
