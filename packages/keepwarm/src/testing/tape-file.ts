/** A recording as a file: JSON that people can read, change and review. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Text where it is text, base64 where it is not; nothing when there is no body. */
export interface TapeBody {
  readonly text?: string;
  readonly base64?: string;
}

export interface TapeExchange {
  readonly request: { readonly method: string; readonly path: string; readonly body: TapeBody };
  readonly reply: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: TapeBody;
  };
}

const VERSION = 1;

/** @throws for a file that is not there, or is not a recording, naming it */
export function readTape(file: string): TapeExchange[] {
  let read: { readonly version?: unknown; readonly exchanges?: unknown };
  try {
    read = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new Error(`the recording ${file} cannot be read; record it first`, { cause });
  }
  if (read?.version !== VERSION || !Array.isArray(read.exchanges)) {
    throw new Error(`${file} is not a recording of version ${VERSION}`);
  }
  return read.exchanges as TapeExchange[];
}

/** All or nothing: a test that is killed leaves the old recording. */
export function writeTape(file: string, exchanges: readonly TapeExchange[]): void {
  const unfinished = `${file}.unfinished`;
  writeFileSync(unfinished, `${JSON.stringify({ version: VERSION, exchanges }, null, 2)}\n`);
  renameSync(unfinished, file);
}

export function bytesOf({ text, base64 }: TapeBody): Buffer {
  return base64 === undefined ? Buffer.from(text ?? '') : Buffer.from(base64, 'base64');
}

/** @param made what is to be kept of the text */
export function bodyOf(bytes: Uint8Array, made: (text: string) => string): TapeBody {
  if (bytes.length === 0) return {};
  try {
    return { text: made(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) };
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') }; // not text
  }
}
