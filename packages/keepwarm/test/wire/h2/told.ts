/** A frame handler that writes down what it is told, DATA ranges joined so that cuts do not show. */
import type { Buffer } from 'node:buffer';
import type { FrameHandler } from '../../../src/wire/h2/frame-reader.ts';
import { FrameReader } from '../../../src/wire/h2/frame-reader.ts';

export const LIMITS = { blockBytesMax: 64 * 1024, continuationsMax: 8 };

export class Told implements FrameHandler {
  readonly events: string[] = [];
  #data = '';
  #flow = 0;

  onData(_stream: number, bytes: Buffer, from: number, to: number, flowBytes: number): void {
    this.#data += bytes.toString('latin1', from, to);
    this.#flow += flowBytes;
  }
  onDataEnd(stream: number, endStream: boolean, empty: boolean, flowBytes: number): void {
    const flow = this.#flow + flowBytes;
    this.events.push(
      `data ${stream} ${JSON.stringify(this.#data)} flow ${flow}${end(endStream)}${empty ? ' empty' : ''}`,
    );
    this.#data = '';
    this.#flow = 0;
  }
  onHeaders(stream: number, block: Buffer, from: number, to: number, endStream: boolean): void {
    this.events.push(`headers ${stream} ${block.toString('hex', from, to)}${end(endStream)}`);
  }
  onReset(stream: number, code: number): void {
    this.events.push(`reset ${stream} ${code}`);
  }
  onSettings(pairs: readonly (readonly [number, number])[]): void {
    this.events.push(`settings ${JSON.stringify(pairs)}`);
  }
  onSettingsAck(): void {
    this.events.push('settings ack');
  }
  onPing(ack: boolean, bytes: Buffer, from: number): void {
    this.events.push(`ping ${bytes.toString('hex', from, from + 8)}${ack ? ' ack' : ''}`);
  }
  onGoaway(lastStream: number, code: number, debug: string): void {
    this.events.push(`goaway ${lastStream} ${code} ${JSON.stringify(debug)}`);
  }
  onWindowUpdate(stream: number, increment: number): void {
    this.events.push(`window ${stream} +${increment}`);
  }
  onIgnored(stream: number): void {
    this.events.push(`ignored ${stream}`);
  }
  onStreamFault(stream: number, code: number, why: string): void {
    this.events.push(`fault ${stream} ${code} ${why}`);
  }
}

const end = (endStream: boolean): string => (endStream ? ' end' : '');

/** What a reader tells of these bytes, cut at these offsets; its last word is the fault it ends with. */
export function told(bytes: Buffer, cuts: readonly number[] = [], limits = LIMITS): string[] {
  const handler = new Told();
  const reader = new FrameReader(limits, handler);
  try {
    let from = 0;
    for (const to of [...cuts, bytes.length]) {
      reader.read(bytes, from, to);
      from = to;
    }
    handler.events.push(reader.between ? 'between' : 'within');
  } catch (error) {
    handler.events.push(`broken: ${(error as Error).message}`);
  }
  return handler.events;
}
