/**
 * Reads a frame of SBE by its template: every length is held against the bytes there are before anything is read.
 *
 *   header (8) ──▶ block (as long as the header says) ──▶ groups ──▶ texts ──▶ the end
 *
 * Invariants:
 *   (1) A record is whole, or there is none: nothing is told of a frame before all of it was read.
 *   (2) No byte is read beyond the frame; a number in it makes nobody take memory that has not come.
 *   (3) Blocks and entries may be longer than known: the rest of each is passed over. Shorter than they have ever been,
 *       they are refused.
 *   (4) What is left behind the last text is refused, or, where the version may have grown, must be texts to the end.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { NetError } from '../../core/error.ts';
import type { SbeGroup, SbeSchema, SbeTemplate } from './template.ts';

export const HEADER_BYTES = 8;
const GROUP_BYTES = 4;

/** Names as the template has them, in its order. */
export type SbeRecord = Record<string, unknown>;

export interface SbeMessage {
  readonly template: SbeTemplate;
  readonly version: number;
  readonly record: SbeRecord;
}

/** The id of a frame's template; nothing where it is too short to have one, or of another schema. */
export function templateIdOf(bytes: Uint8Array, schema: SbeSchema): number | undefined {
  if (bytes.length < HEADER_BYTES || u16(bytes, 4) !== schema.id) return undefined;
  return u16(bytes, 2);
}

/**
 * @returns nothing for a template that is not known
 * @throws NetError `DECODE` naming the template, the offset, what was needed and what there is
 */
export function decodeSbe(bytes: Uint8Array, schema: SbeSchema): SbeMessage | undefined {
  const { length } = bytes;
  if (length < HEADER_BYTES) {
    throw refused(`a frame of ${length} bytes has no header (${HEADER_BYTES} bytes)`);
  }
  const schemaId = u16(bytes, 4);
  if (schemaId !== schema.id) throw refused(`a frame of schema ${schemaId}; known: ${schema.id}`);
  const template = schema.templates.get(u16(bytes, 2));
  if (template === undefined) return undefined;
  const version = u16(bytes, 6);
  const frame = new Frame(bytes, template, u16(bytes, 0));
  frame.fields();
  for (const group of template.groups ?? []) frame.group(group);
  for (const { name, since } of template.texts) {
    if (since === undefined || (version >= since && !frame.atEnd)) frame.text(name);
  }
  frame.end(version > schema.frozen);
  return { template, version, record: frame.record };
}

class Frame {
  readonly record: SbeRecord = {};
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #template: SbeTemplate;
  readonly #blockEnd: number;
  #at = HEADER_BYTES;

  constructor(bytes: Uint8Array, template: SbeTemplate, blockBytes: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#template = template;
    this.#need(blockBytes, 'block');
    this.#blockEnd = HEADER_BYTES + blockBytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  fields(): void {
    const { record } = this;
    let at = HEADER_BYTES;
    for (const { name, type, appended } of this.#template.fields) {
      const end = at + type.bytes;
      if (end > this.#blockEnd) {
        if (appended === true) break;
        throw this.#refused(`field ${name} ends at offset ${end}, the block at ${this.#blockEnd}`);
      }
      const value = type.read(this.#view, at);
      if (value === undefined) throw this.#impossible(name, at);
      record[name] = value;
      at = end;
    }
    this.#at = this.#blockEnd;
  }

  group({ name, types }: SbeGroup): void {
    this.#need(GROUP_BYTES, `head of group ${name}`);
    const entryBytes = u16(this.#bytes, this.#at);
    const entries = u16(this.#bytes, this.#at + 2);
    const knownBytes = types.reduce((sum, { bytes }) => sum + bytes, 0);
    if (entries > 0 && entryBytes < knownBytes) {
      throw this.#refused(`an entry of group ${name} has ${entryBytes} bytes and needs ${knownBytes}`);
    }
    this.#at += GROUP_BYTES;
    this.#need(entries * entryBytes, `${entries} entries of group ${name}`);
    const view = this.#view;
    const all: unknown[] = [];
    for (let left = entries, start = this.#at; left > 0; left--, start += entryBytes) {
      const entry: unknown[] = [];
      let at = start;
      for (const type of types) {
        const value = type.read(view, at);
        if (value === undefined) throw this.#impossible(name, at);
        entry.push(value);
        at += type.bytes;
      }
      all.push(entry);
    }
    this.record[name] = all;
    this.#at += entries * entryBytes;
  }

  text(name: string): void {
    const from = this.#textFrom(`text ${name}`);
    this.record[name] = textOf(this.#bytes, from, this.#at) ?? this.#notText(name, from);
  }

  /** (4) @param grown more texts may stand here than are known */
  end(grown: boolean): void {
    if (this.atEnd) return;
    const { length } = this.#bytes;
    if (!grown) throw this.#refused(`${length - this.#at} bytes follow its end at offset ${this.#at}`);
    while (!this.atEnd) this.#textFrom('text that is not known');
  }

  /** Passes over a text. @returns where it begins, behind its length */
  #textFrom(what: string): number {
    this.#need(1, `length of ${what}`);
    const bytes = this.#bytes[this.#at]!;
    this.#at++;
    this.#need(bytes, what);
    this.#at += bytes;
    return this.#at - bytes;
  }

  #need(bytes: number, what: string): void {
    const left = this.#bytes.length - this.#at;
    if (bytes <= left) return;
    throw this.#refused(`${what} needs ${bytes} bytes at offset ${this.#at}, of which there are ${left}`);
  }

  #impossible(name: string, at: number): NetError {
    const hex = Buffer.from(this.#bytes.subarray(at, at + 8)).toString('hex');
    return this.#refused(`${name} at offset ${at} holds what it must not: 0x${hex}`);
  }

  #notText(name: string, from: number): never {
    throw this.#refused(`text ${name} at offset ${from} is not UTF-8`);
  }

  #refused(what: string): NetError {
    const { id, name } = this.#template;
    return refused(`${name} (template ${id}, ${this.#bytes.length} bytes): ${what}`);
  }
}

function refused(message: string): NetError {
  return new NetError('DECODE', message, { reach: 'answered', phase: 'body' });
}

const u16 = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);

function textOf(bytes: Uint8Array, from: number, to: number): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from);
  return isUtf8(text) ? text.toString('utf8') : undefined;
}
