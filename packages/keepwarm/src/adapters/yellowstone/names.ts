/**
 * Names of filters from their bytes. A stream tells the same few of them again and again, so those that were read last
 * are compared, which costs less than to make a text.
 *
 * Invariant: at most `PLACES` names of `BYTES_MAX` bytes are kept; of two that share a place, the last.
 */

const PLACES = 64;
const BYTES_MAX = 100;
const ASCII_MAX = 127;

interface Name {
  readonly bytes: Uint8Array;
  readonly text: string;
}

const NONE: Name = { bytes: new Uint8Array(0), text: '' };

export class Names {
  readonly #names: Name[] = Array.from({ length: PLACES }, () => NONE);

  /** @returns nothing for what is longer, or more than ASCII */
  read(bytes: Uint8Array, from: number, to: number): string | undefined {
    const length = to - from;
    if (length === 0) return '';
    if (length > BYTES_MAX) return undefined;
    const place = (length + bytes[from]! * 5 + bytes[to - 1]! * 7) % PLACES;
    const name = this.#names[place]!;
    if (name.bytes.length === length) {
      let same = 0;
      while (same < length && name.bytes[same] === bytes[from + same]) same++;
      if (same === length) return name.text;
    }
    const text = textOf(bytes, from, to);
    if (text !== undefined) this.#names[place] = { bytes: Uint8Array.from(bytes.subarray(from, to)), text };
    return text;
  }
}

function textOf(bytes: Uint8Array, from: number, to: number): string | undefined {
  for (let at = from; at < to; at++) if (bytes[at]! > ASCII_MAX) return undefined;
  return String.fromCharCode(...bytes.subarray(from, to));
}
