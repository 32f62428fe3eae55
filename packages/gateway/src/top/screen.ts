/**
 * A terminal taken over for a while and given back as it was, however the command ends: by a key, a signal, an error of
 * ours. Drawing goes to the alternate screen, so that what was printed before is there again afterwards.
 */
import type { ReadStream, WriteStream } from 'node:tty';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
/** Begin and end of one update: terminals that know it never show half of one. */
const [BEGIN, END] = ['\u001b[?2026h', '\u001b[?2026l'];

/** Some terminals say that they are 0 wide. */
export function sizeOf({ columns, rows }: Pick<WriteStream, 'columns' | 'rows'>) {
  return { columns: columns || 80, rows: rows || 24 };
}

export class Screen {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  #entered = false;

  constructor(input: ReadStream, output: WriteStream) {
    this.#input = input;
    this.#output = output;
  }

  get size(): { readonly columns: number; readonly rows: number } {
    return sizeOf(this.#output);
  }

  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    process.on('exit', this.leave);
    if (this.#input.isTTY) this.#input.setRawMode(true);
    this.#input.resume();
    this.#output.write(ENTER);
  }

  draw(lines: readonly string[]): void {
    if (this.#entered) this.#output.write(`${BEGIN}\u001b[H${lines.join('\u001b[K\r\n')}\u001b[K\u001b[J${END}`);
  }

  /** Twice is harmless. */
  readonly leave = (): void => {
    if (!this.#entered) return;
    this.#entered = false;
    process.off('exit', this.leave);
    this.#output.write(LEAVE);
    if (this.#input.isTTY) this.#input.setRawMode(false);
    this.#input.pause();
  };
}
