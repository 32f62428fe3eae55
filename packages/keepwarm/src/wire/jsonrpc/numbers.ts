/**
 * JSON whose whole numbers may be larger than a double holds exactly (2⁵³): bigints are written digit by digit, and
 * read as bigints where that was asked for. Lamports and token amounts are such numbers; one that was rounded is a loss
 * nobody notices.
 *
 * Source: TC39 "JSON.parse source text access", in V8 since 11.4.
 */

import { copiedBy } from './copy.ts';

interface SourceText {
  readonly source?: string;
}

/** What Node has and its types do not. */
interface ExactJson {
  rawJSON(text: string): unknown;
  parse(text: string, reviver: (key: string, value: unknown, context: SourceText) => unknown): unknown;
}

const exact = JSON as unknown as ExactJson;

/** As `JSON.stringify`, with bigints as numbers. @throws TypeError for cycles */
export function exactText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!hasBigInt(error)) throw error;
    return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? exact.rawJSON(String(each)) : each));
  }
}

/** V8 says so in words only; a cycle is told in others. */
function hasBigInt(error: unknown): boolean {
  return error instanceof TypeError && error.message.includes('BigInt');
}

/** A number that may need more than 53 bits has at least 16 digits, in a row or around a point. */
const LONG = /\d{16}/;
const WHOLE = /^-?\d+$/;

/** As `JSON.parse`, with whole numbers beyond ±(2⁵³ − 1) as bigints. @throws SyntaxError */
export function parseExact(text: string): unknown {
  if (!LONG.test(text)) return JSON.parse(text);
  try {
    return exact.parse(text, revived);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return parseDeep(text);
  }
}

/** A string, or a number as it is written. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/**
 * The same for what is nested too deep for V8's reviver, which calls itself: big numbers are read as text, behind a
 * letter of their own, and so is every other text, so that none is taken for the other.
 *
 * @param text JSON, as the reviver came to be called
 */
function parseDeep(text: string): unknown {
  const lettered = text.replace(TOKEN, (token) => {
    if (token.startsWith('"')) return `"s${token.slice(1)}`;
    return WHOLE.test(token) && !Number.isSafeInteger(Number(token)) ? `"n${token}"` : token;
  });
  const read = (value: unknown): unknown => {
    if (typeof value !== 'string') return value;
    return value.startsWith('n') ? BigInt(value.slice(1)) : value.slice(1);
  };
  return copiedBy(JSON.parse(lettered), read, (name) => name.slice(1));
}

/** With bigints as the nearest numbers, as `JSON.parse` has them. */
export function rounded(value: unknown): unknown {
  return copiedBy(
    value,
    (each) => (typeof each === 'bigint' ? Number(each) : each),
    (name) => name,
  );
}

function revived(_: string, value: unknown, { source }: SourceText): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  return source !== undefined && WHOLE.test(source) ? BigInt(source) : value;
}
