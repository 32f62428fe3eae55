/**
 * Whether two nodes said the same. They write it differently: members in another order, hexadecimal digits in another
 * case, members the one has and the other has not.
 */

/** In what nodes differ that say the same, as data. */
export interface Sameness {
  /** Members, at any depth, that are not compared: not every node has them, or each rightly says its own. */
  readonly ignored: ReadonlySet<string>;
  /** Whether texts of hexadecimal digits after `0x` are the same in either case. */
  readonly hex: boolean;
  /** Methods whose result is a quantity in hexadecimal digits, in which leading zeros say nothing. */
  readonly quantities: ReadonlySet<string>;
}

/** Of an adapter that says nothing of it: only the order of members makes no difference. */
export const EXACT: Sameness = { ignored: new Set(), hex: false, quantities: new Set() };

const HEX = /^0x[0-9a-f]*$/i;

/** What is one text for all answers that say the same. @throws RangeError for what is nested deeper than can be read */
export function sameText(result: unknown, method: string, sameness: Sameness): string {
  if (typeof result === 'string' && sameness.quantities.has(method) && HEX.test(result)) {
    return JSON.stringify(
      `0x${result
        .slice(2)
        .toLowerCase()
        .replace(/^0+(?=.)/, '')}`,
    );
  }
  return textOf(result, sameness);
}

function textOf(value: unknown, sameness: Sameness): string {
  if (typeof value === 'string') {
    return JSON.stringify(sameness.hex && HEX.test(value) ? value.toLowerCase() : value);
  }
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map((each) => textOf(each, sameness)).join(',')}]`;
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    // Not to have a member, and to say that it is nothing, is the same.
    if (member === null || member === undefined || sameness.ignored.has(name)) continue;
    members.push(`${JSON.stringify(name)}:${textOf(member, sameness)}`);
  }
  return `{${members.sort().join(',')}}`;
}
