/** Copies of results, as JSON has them: nested however deep, since that is for whoever answers to say. */

type Member = string | number;

/** What is a list or an object in it is another one; everything else is the same. */
export function copyOf(value: unknown): unknown {
  if (!isNested(value)) return value;
  const copy = emptyLike(value);
  const waiting = [{ from: value, to: copy }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { from, to } = next;
    for (const [name, member] of Array.isArray(from) ? from.entries() : Object.entries(from)) {
      if (!isNested(member)) put(to, name, member);
      else {
        const own = emptyLike(member);
        put(to, name, own);
        waiting.push({ from: member, to: own });
      }
    }
  }
  return copy;
}

const isNested = (value: unknown): value is object => typeof value === 'object' && value !== null;

const emptyLike = (value: object): object => (Array.isArray(value) ? [] : {});

/** A member called `__proto__` is one like any other. */
function put(to: object, name: Member, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(to, name, { value, enumerable: true, configurable: true, writable: true });
  } else Reflect.set(to, name, value);
}
