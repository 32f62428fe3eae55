/** Frames made by hand, right or wrong: what a test sends is not what our own writer would. */
import { Buffer } from 'node:buffer';
import { FLAG, SETTING, TYPE } from '../../../src/wire/h2/codes.ts';

export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const header = Buffer.alloc(9);
  header.writeUIntBE(body.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, body]);
}

export const u32 = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
  return bytes;
};

export const settings = (...pairs: (readonly [keyof typeof SETTING | number, number])[]): Buffer => {
  const bytes = Buffer.alloc(pairs.length * 6);
  for (const [i, [id, value]] of pairs.entries()) {
    bytes.writeUInt16BE(typeof id === 'number' ? id : SETTING[id], i * 6);
    bytes.writeUInt32BE(value, i * 6 + 2);
  }
  return frame(TYPE.settings, 0, 0, bytes);
};
export const settingsAck = (): Buffer => frame(TYPE.settings, FLAG.ack, 0);
export const ping = (text = '12345678', ack = false): Buffer => frame(TYPE.ping, ack ? FLAG.ack : 0, 0, text);
export const reset = (stream: number, code: number): Buffer => frame(TYPE.rstStream, 0, stream, u32(code));
export const goaway = (last: number, code = 0, debug = ''): Buffer =>
  frame(TYPE.goaway, 0, 0, Buffer.concat([u32(last, code), Buffer.from(debug, 'latin1')]));
export const windowUpdate = (stream: number, by: number): Buffer => frame(TYPE.windowUpdate, 0, stream, u32(by));
export const data = (stream: number, text: Buffer | string, end = false): Buffer =>
  frame(TYPE.data, end ? FLAG.endStream : 0, stream, text);
export const headers = (stream: number, block: Buffer | string, flags: number = FLAG.endHeaders): Buffer =>
  frame(TYPE.headers, flags, stream, block);
export const continuation = (stream: number, block: Buffer | string, last: boolean): Buffer =>
  frame(TYPE.continuation, last ? FLAG.endHeaders : 0, stream, block);
