/**
 * What may stand in a field's name and value in HTTP/2 (RFC 9113 § 8.2.1). HPACK itself carries any bytes, so whoever
 * uses it looks. Pseudo-header fields and what belongs to a whole section are judged elsewhere.
 */
import { FIELD_TEXT, HTAB, SP, TOKEN } from '../tokens.ts';

/**
 * What is wrong with a field, or `undefined`. A name is a token in lower case, or one with a colon before it; a value
 * is text without control characters but the tab, and has no white space at either end.
 */
export function fieldFault(name: string, value: string): string | undefined {
  return nameFault(name) ?? valueFault(value);
}

export function nameFault(name: string): string | undefined {
  const first = name.charCodeAt(0) === COLON ? 1 : 0;
  if (name.length === first) return 'a field without a name';
  for (let i = first; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code >= 0x41 && code <= 0x5a) return 'a field name with an upper-case letter';
    if (code > 0xff || TOKEN[code] !== 1) return 'a character that no field name may have';
  }
  return undefined;
}

function valueFault(value: string): string | undefined {
  if (value === '') return undefined;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code > 0xff || FIELD_TEXT[code] !== 1) return 'a character that no field value may have';
  }
  if (isSpace(value.charCodeAt(0)) || isSpace(value.charCodeAt(value.length - 1))) {
    return 'a field value with white space around it';
  }
  return undefined;
}

const COLON = 0x3a;

const isSpace = (code: number): boolean => code === SP || code === HTAB;
