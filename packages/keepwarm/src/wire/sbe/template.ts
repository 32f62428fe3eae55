/**
 * What a message of SBE looks like, as data: fields one behind the other in a block, then groups of such blocks, then
 * texts with their length before them. Whoever knows a schema writes down its templates; decode.ts reads by them.
 *
 * Source: FIX Simple Binary Encoding 1.0; here little-endian, dimensions of 16 bits, lengths of texts of 8.
 */
import { countAt, decimals } from './numbers.ts';

/** How a value of a fixed number of bytes is read. */
export interface SbeType<T = unknown> {
  readonly bytes: number;
  /** @returns nothing for what cannot be: the frame is refused then */
  read(view: DataView, at: number): T | undefined;
}

export interface SbeField {
  /** As the record has it. */
  readonly name: string;
  readonly type: SbeType;
  /** Appended in a later version of the schema: a block may end before it, and the record is then without it. */
  readonly appended?: true;
}

/** A repeated block. The record has an entry for each: its values, in the order of the fields. */
export interface SbeGroup {
  readonly name: string;
  readonly types: readonly SbeType[];
}

export interface SbeText {
  readonly name: string;
  /** Frames of this version of the schema and later may end before it or hold it; earlier ones do not hold it. */
  readonly since?: number;
}

export interface SbeTemplate {
  readonly id: number;
  /** As errors say it. */
  readonly name: string;
  readonly fields: readonly SbeField[];
  readonly groups?: readonly SbeGroup[];
  readonly texts: readonly SbeText[];
}

/** All templates of one schema. */
export interface SbeSchema {
  readonly id: number;
  /** Versions up to this one are no longer added to: their frames end with the last text that is known of them. */
  readonly frozen: number;
  readonly templates: ReadonlyMap<number, SbeTemplate>;
}

/** A decimal number of so many places, as text; nothing for the null value. */
export const decimal = (places: number): SbeType<string> => ({ bytes: 8, read: decimals(places) });

/** The same where it may be null. */
export const optional = (type: SbeType<string>): SbeType<string | null> => ({
  bytes: type.bytes,
  read: (view, at) => type.read(view, at) ?? null,
});

/** A count, which must be one that a number holds exactly. */
export const count: SbeType<number> = { bytes: 8, read: countAt };

/** Microseconds since 1970. */
export const micros: SbeType<number> = count;

/** Microseconds since 1970, in whole milliseconds. */
export const millis: SbeType<number> = {
  bytes: 8,
  read(view, at) {
    const us = countAt(view, at);
    return us === undefined ? undefined : Math.floor(us / 1_000);
  },
};

export const int16: SbeType<number> = { bytes: 2, read: (view, at) => view.getInt16(at, true) };

/** A number of 64 bits as text, whatever it is. */
export const integer: SbeType<string> = { bytes: 8, read: (view, at) => view.getBigInt64(at, true).toString() };

/** One byte that stands for a name; `other` for one that is not known. */
export const name8 = <T>(names: Readonly<Record<number, string>>, other: T): SbeType<string | T> => ({
  bytes: 1,
  read: (view, at) => names[view.getUint8(at)] ?? other,
});
