/** A body in a test's hands: it arrives when the test says so, and notes what its reader asks for. */
import { NetError } from '../../src/core/error.ts';
import type { BodySink, BodySource } from '../../src/core/reply.ts';

export class ScriptedBody implements BodySource {
  readonly bytesExpected: number;
  sink: BodySink | undefined;
  starts = 0;
  resumes = 0;
  readonly cancelled: unknown[] = [];
  lifted = 0;
  /** What is sent in the moment reading starts. */
  onStart: () => void = () => {};

  constructor(bytesExpected = -1) {
    this.bytesExpected = bytesExpected;
  }

  start(sink: BodySink): void {
    this.starts++;
    this.sink = sink;
    this.onStart();
  }

  resume(): void {
    this.resumes++;
  }

  cancel(reason: unknown): void {
    this.cancelled.push(reason);
  }

  liftDeadline(): void {
    this.lifted++;
  }

  /** Sends through a buffer that is used again at once, as the connection's is. @returns whether to go on */
  data(bytes: string | Uint8Array): boolean {
    const chunk = Buffer.from(bytes);
    const more = this.sink!.data(chunk);
    chunk.fill(0x21);
    return more;
  }

  end(): void {
    this.sink!.end([]);
  }

  fail(error: NetError = truncated): void {
    this.sink!.fail(error);
  }
}

export const truncated = new NetError('RESET', 'the connection was lost', { reach: 'answered', phase: 'body' });

export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text));
