/** Who is one caller: by what it shows, or by its address. */
import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';

/** What is longer is remembered by its hash: callers choose the length, and we keep many. */
const KEY_CHARS_MAX = 64;

/** A caller that shows nothing is known by its address. The two cannot be mistaken for each other. */
export function callerKey(shown: string | undefined, address: string): string {
  if (shown === undefined) return networkOf(address);
  const text = `=${shown}`;
  return text.length <= KEY_CHARS_MAX ? text : `#${createHash('sha256').update(text, 'latin1').digest('base64')}`;
}

/** One line of a provider is a whole /64 of IPv6 addresses, which its owner may change at will. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%', 1)[0]!.split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...rest];
  return `${all.slice(0, 4).join(':')}::/64`;
}
