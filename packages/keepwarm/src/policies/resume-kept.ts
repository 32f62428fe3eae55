/** Messages that wait behind a gap which another stream is to fill, oldest first: at most `sizeMax`, in pieces. */
import type { Message } from '../core/subscribe.ts';

/** What came of one stream: between two pieces a stream was lost. */
export interface Piece {
  readonly source: number;
  readonly messages: Message[];
}

export class KeptMessages {
  readonly #sizeMax: number;
  #pieces: Piece[] = [];
  #size = 0;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** Without room it belongs to the loss that comes after those that are kept. */
  add(message: Message, source: number): void {
    if (this.#size >= this.#sizeMax) return;
    this.#size++;
    const last = this.#pieces.at(-1);
    if (last?.source === source) last.messages.push(message);
    else this.#pieces.push({ source, messages: [message] });
  }

  /** All of them, which are not kept any more. */
  take(): readonly Piece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#size = 0;
    return pieces;
  }
}
