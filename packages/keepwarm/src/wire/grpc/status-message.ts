/** `grpc-message`: UTF-8, percent-encoded (grpc/grpc doc/PROTOCOL-HTTP2.md, "Status-Message"). */
import { Buffer } from 'node:buffer'; // the global of this name is a getter, which a hot path would feel

/**
 * The text of a value as it came. A broken escape stays as it stands, and bytes that are no UTF-8 are replaced: whoever
 * reads an error wants to see what there is of it.
 *
 * @param value in Latin-1, as fields are kept: peers that forget to escape send UTF-8 as it is
 */
export function messageText(value: string): string {
  if (!/[%\x80-\xff]/.test(value)) return value;
  const bytes = Buffer.allocUnsafe(value.length);
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const escaped = value.charCodeAt(i) === PERCENT ? hexByte(value, i + 1) : -1;
    if (escaped >= 0) i += 2;
    bytes[length++] = escaped >= 0 ? escaped : value.charCodeAt(i);
  }
  return bytes.toString('utf8', 0, length);
}

const PERCENT = 0x25;

/** The byte that two hexadecimal digits stand for; -1 when they are none. */
function hexByte(text: string, at: number): number {
  const digits = text.slice(at, at + 2);
  return /^[0-9a-fA-F]{2}$/.test(digits) ? Number.parseInt(digits, 16) : -1;
}
