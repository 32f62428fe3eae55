/** Character classes of RFC 9110 § 5.6.2 and § 5.5 as tables: one lookup per byte. */

/** 1 where the byte may stand in a token (method, field name, chunk extension name). */
export const TOKEN = table((code) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)));

/** 1 where the byte may stand in a field value or reason phrase: HTAB, SP, VCHAR, obs-text. No other control. */
export const FIELD_TEXT = table((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f));

/** The value of a hexadecimal digit, or 255. */
export const HEX = Uint8Array.from({ length: 256 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? 255 : value;
});

function table(accepts: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (accepts(code) ? 1 : 0));
}

export const CR = 0x0d;
export const LF = 0x0a;
export const SP = 0x20;
export const HTAB = 0x09;
export const COLON = 0x3a;
export const COMMA = 0x2c;

/** Whether the bytes from `start` spell `lower` (lower-case ASCII letters and hyphens) in any case. */
export function spells(bytes: Uint8Array, start: number, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    const code = bytes[start + i]!;
    const folded = code >= 0x41 && code <= 0x5a ? code | 0x20 : code;
    if (folded !== lower.charCodeAt(i)) return false;
  }
  return true;
}
