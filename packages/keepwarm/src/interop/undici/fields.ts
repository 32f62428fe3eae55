/** Header fields as undici's handlers are given them: flat lists as they came, and objects by lower-case name. */

/** Trailer lines as the parser has checked them, `name: value` each. */
export function rawTrailersOf(lines: readonly string[]): string[] {
  const raw: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(':');
    raw.push(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return raw;
}

/** Repeated names become lists; a field called `__proto__` stays a field. */
export function objectOf(raw: readonly string[]): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = {};
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = raw[i + 1]!;
    if (name === '__proto__') Object.defineProperty(object, name, { value, enumerable: true, configurable: true });
    else {
      const before = object[name];
      // What an object has by nature, such as `constructor`, is no field before it.
      if (before === undefined || !Object.hasOwn(object, name)) object[name] = value;
      else if (Array.isArray(before)) before.push(value);
      else object[name] = [before, value];
    }
  }
  return object;
}
