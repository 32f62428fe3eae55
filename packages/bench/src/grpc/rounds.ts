/**
 * Messages that come in rounds without an end, as frames of DATA that are made once: from one round to the next only
 * some numbers in them change, where they stand. A server that copied each message anew would be slower than the
 * clients it is to measure.
 *
 * Invariants:
 *   (1) Memory that was given out is not written again before `sent` was told for all of it.
 *   (2) A frame is given out whole, and none twice in a round.
 */
import { Buffer } from 'node:buffer';
import type { Frames, Updates } from './peer.ts';
import { dataHead, FRAME_BYTES_MAX, HEAD_BYTES } from './wire.ts';

/** Numbers of five bytes, each once in a message, so that their places can be found. */
export const FIRST_SLOT = 2 ** 29 + 0x1234567;
export const FIRST_WRITE = 2 ** 29 + 0x7654321;
const NUMBER_BYTES = 5;
/** Of frames that are given out at once, as far as windows have room. */
const BYTES_AT_ONCE = 256 * 1024;

/** A message, and where in it stand its slot, its parent and its write version. */
export interface Template {
  readonly bytes: Buffer;
  readonly slots: readonly { readonly at: number; readonly behind: number }[];
  readonly write: number | undefined;
}

/** One round in memory of its own. */
interface Round {
  readonly bytes: Buffer;
  /** Pieces of it that are under way. */
  pending: number;
}

const FRAME_AND_HEAD = HEAD_BYTES + FRAME_BYTES_MAX;

export class Rounds implements Updates {
  readonly #made: Buffer;
  readonly #free: Round[] = [];
  /** Places of numbers, five for each; slots by how far they are behind. */
  readonly #slots: readonly { readonly places: readonly number[]; readonly behind: number }[];
  readonly #writes: readonly (readonly number[])[];
  #round: Round;
  #at: number;
  #slot = FIRST_SLOT;
  #write = FIRST_WRITE;

  /** @param stream whose frames they are */
  constructor(templates: readonly Template[], stream: number) {
    const payload = Buffer.concat(templates.map(({ bytes }) => bytes));
    const frames: Buffer[] = [];
    for (let at = 0; at < payload.length; at += FRAME_BYTES_MAX) {
      const part = payload.subarray(at, at + FRAME_BYTES_MAX);
      frames.push(dataHead(stream, part.length), part);
    }
    this.#made = Buffer.concat(frames);
    const slots: { places: readonly number[]; behind: number }[] = [];
    const writes: (readonly number[])[] = [];
    let at = 0;
    for (const template of templates) {
      for (const place of template.slots) slots.push({ places: placesOf(at + place.at), behind: place.behind });
      if (template.write !== undefined) writes.push(placesOf(at + template.write));
      at += template.bytes.length;
    }
    this.#slots = slots;
    this.#writes = writes;
    this.#round = { bytes: Buffer.from(this.#made), pending: 0 };
    this.#at = this.#made.length;
  }

  get whole(): boolean {
    return this.#at === this.#made.length;
  }

  next(room: number): Frames | undefined {
    if (this.whole) this.#begin();
    const round = this.#round;
    const from = this.#at;
    let payloadBytes = 0;
    while (!this.whole && this.#at - from < BYTES_AT_ONCE) {
      const end = Math.min(this.#at + FRAME_AND_HEAD, round.bytes.length);
      const bytes = end - this.#at - HEAD_BYTES;
      if (payloadBytes + bytes > room) break;
      payloadBytes += bytes;
      this.#at = end;
    }
    if (payloadBytes === 0) return undefined;
    round.pending++;
    const sent = (): void => {
      round.pending--;
      if (round.pending === 0 && round !== this.#round) this.#free.push(round);
    };
    return { bytes: round.bytes.subarray(from, this.#at), payloadBytes, sent };
  }

  #begin(): void {
    if (this.#round.pending > 0) this.#round = this.#free.pop() ?? { bytes: Buffer.from(this.#made), pending: 0 };
    const { bytes } = this.#round;
    for (const { places, behind } of this.#slots) writeAt(bytes, places, this.#slot - behind);
    for (const places of this.#writes) writeAt(bytes, places, this.#write++);
    this.#slot++;
    this.#at = 0;
  }
}

/** Where the bytes of a number lie among frames, whose place in the payload is this. */
function placesOf(at: number): number[] {
  return Array.from({ length: NUMBER_BYTES }, (_, i) => {
    const frame = Math.floor((at + i) / FRAME_BYTES_MAX);
    return at + i + (frame + 1) * HEAD_BYTES;
  });
}

/** A number from 2^28 to 2^35 - 1, as protobuf writes it. */
function writeAt(bytes: Buffer, places: readonly number[], value: number): void {
  const low = value % 2 ** 28;
  bytes[places[0]!] = low | 128;
  bytes[places[1]!] = (low >> 7) | 128;
  bytes[places[2]!] = (low >> 14) | 128;
  bytes[places[3]!] = (low >> 21) | 128;
  bytes[places[4]!] = value / 2 ** 28;
}

/** Where such a number stands in a message. @throws where it stands there not once */
export function placeOf(bytes: Buffer, value: number): number {
  const five = Buffer.alloc(NUMBER_BYTES);
  writeAt(five, [0, 1, 2, 3, 4], value);
  const at = bytes.indexOf(five);
  if (at < 0 || bytes.indexOf(five, at + 1) >= 0) throw new Error(`${value} must stand in a message once`);
  return at;
}
